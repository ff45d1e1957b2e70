"""The command line, also as ``python -m larq_igp``: with one sentence if it cannot be imported."""

import sys

from larq_igp.packages import absence


def main() -> None:
    """Run the command line."""
    try:
        from larq_igp.cli import main as group
    except ModuleNotFoundError as error:
        print(f"Error: {absence(error)}", file=sys.stderr)
        sys.exit(2)
    group(prog_name="larq-igp")


if __name__ == "__main__":
    main()
