"""Tables of the documentation that are made from the code: ``python -m tests.docs`` writes them
again.
"""

import re
from collections.abc import Callable
from pathlib import Path

from click.testing import CliRunner

from larq_igp.cli import main
from larq_igp.training.recipe.table import fields_table

ROOT = Path(__file__).parent.parent


def networks_table() -> str:
    """Return the table of README."""
    return CliRunner().invoke(main, ["list", "--table3"]).stdout.rstrip("\n")


BLOCKS: dict[tuple[str, str], Callable[[], str]] = {
    ("README.md", "table3"): networks_table,
    ("docs/recipes.md", "fields"): fields_table,
}
"""File and marker -> what stands between ``<!-- marker -->`` and ``<!-- /marker -->``."""


def block(file: str, marker: str) -> str:
    """Return what stands there."""
    return re.search(_pattern(marker), (ROOT / file).read_text(), re.DOTALL)[0]


def _pattern(marker: str) -> str:
    return rf"(?<=<!-- {marker} -->\n).*?(?=\n<!-- /{marker} -->)"


def write() -> None:
    """Write all of them."""
    for (file, marker), make in BLOCKS.items():
        text, made = (ROOT / file).read_text(), make()
        text = re.sub(_pattern(marker), lambda _, made=made: made, text, flags=re.DOTALL)
        (ROOT / file).write_text(text)


if __name__ == "__main__":
    write()
