"""Tables of the documentation that are made from the code: ``python -m tests.docs`` writes them
again.
"""

import re
from collections.abc import Callable
from pathlib import Path

from click.testing import CliRunner
from tabulate import tabulate

from benchmarks import latency_report
from experiments.fashion_mnist import report
from experiments.fashion_mnist.__main__ import RESULTS
from experiments.fashion_mnist.rows import read_rows
from larq_igp.cli import main
from larq_igp.deploy.card import Card, read_card
from larq_igp.inference.cards import recipe_of
from larq_igp.training.recipe.table import fields_table

ROOT = Path(__file__).parent.parent


def networks_table() -> str:
    """Return the table of the paper's networks."""
    return CliRunner().invoke(main, ["list", "--table3"]).stdout.rstrip("\n")


def network_of(card: Card) -> str:
    """Return what a card's network is called, with what is replaced."""
    recipe = recipe_of(card)
    return recipe.network_text if recipe else card.variant


def files_table() -> str:
    """Return the index of the converted networks, from their cards."""
    header = (
        "file", "network", "kB", "test accuracy", "by LCE", "of images", "epochs", "seed",
        "SHA-256 begins",
    )  # fmt: skip
    rows = []
    for path in sorted((ROOT / "tflite_models").glob("*.tflite")):
        if path.stem == "demo":
            continue  # what `make demo` leaves
        card = read_card(path)
        top1 = {each.engine: f"{each.top1:.2%}" for each in card.measurements}
        rows.append((
            f"`{path.name}`", f"`{network_of(card)}`", f"{card.file_bytes / 1e3:.1f}",
            top1["larq_igp_runtime"], top1["lce"], card.measurements[0].examples,
            re.search(r"--epochs (\d+)", card.command)[1], card.seed, card.sha256[:12],
        ))  # fmt: skip
    return tabulate(rows, header, tablefmt="pipe", disable_numparse=True)


def decoding() -> str:
    """Return the table of image formats."""
    from tests.data.decode_table import decode_table

    return decode_table()


def own_blocks() -> str:
    """Return the example of a family of one's own, without the docstring of its module."""
    text = (ROOT / "docs" / "examples" / "own_blocks.py").read_text()
    _, _, code = text.split('"""', 2)
    return f"```python\n{code.strip()}\n```"


def evidence(make: Callable[[list], str]) -> Callable[[], str]:
    """Return what makes a table from the runs of the experiment."""
    return lambda: make(read_rows(RESULTS))


def latency(
    make: Callable[[list], str], source: Path = latency_report.RESULTS
) -> Callable[[], str]:
    """Return what makes a table from the latencies that were measured."""
    return lambda: make(latency_report.read_rows(source))


BLOCKS: dict[tuple[str, str], Callable[[], str]] = {
    ("docs/networks.md", "table3"): networks_table,
    ("docs/data.md", "decoding"): decoding,
    ("docs/own-blocks.md", "example"): own_blocks,
    ("docs/recipes.md", "fields"): fields_table,
    ("README.md", "evidence"): evidence(report.headline_table),
    ("docs/evidence.md", "networks"): evidence(report.networks_table),
    ("docs/evidence.md", "pairs"): evidence(report.differences_table),
    ("docs/evidence.md", "correlations"): evidence(report.correlations_table),
    ("docs/evidence.md", "bits"): evidence(report.bits_table),
    ("docs/evidence.md", "variants"): evidence(report.variants_table),
    ("docs/evidence.md", "compute"): evidence(report.compute_text),
    ("docs/evidence.md", "latency"): latency(latency_report.latency_table),
    ("docs/evidence.md", "flops"): latency(latency_report.correlations_table),
    ("docs/evidence.md", "parts"): latency(latency_report.parts_table, latency_report.PARTS),
    ("tflite_models/README.md", "files"): files_table,
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
    latency_report.write_charts()


if __name__ == "__main__":
    write()
