"""``python -m larq_igp``."""

from larq_igp.cli import main

main(prog_name="larq-igp")
