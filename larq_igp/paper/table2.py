"""Table 2: gradient path quality of blocks of depth two.

Each block is built, its gradient paths are measured, and costs are named by the paper's symbols.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from pathlib import Path

from larq_igp.analysis.blocks import find_blocks
from larq_igp.analysis.paths import PathClass, gradient_paths
from larq_igp.architectures import DenseNetSpec, ResNetSpec
from larq_igp.architectures.spec import DenseNetFamily, PaperSpec, ResNetFamily
from larq_igp.errors import UserError
from larq_igp.graph import Graph, read_graph
from larq_igp.models import build
from larq_igp.paper.table import NOTHING, Table

WIDTH, GROWTH, STEM = 64, 32, 64
IGP_WIDTH = round(WIDTH * sqrt(2 / 3))
"""3 N^IR = 2 N^BR: three convolutions of this width are as many operations as two of ``WIDTH``."""
IGP_GROWTH = round(sqrt(STEM**2 + STEM * GROWTH + (STEM + GROWTH) * GROWTH) - STEM)
"""2 N1^ID + N2^ID = N1^BD + N2^BD: the positive root of
``g^2 + 2 STEM g = STEM GROWTH + (STEM + GROWTH) GROWTH``.
"""


@dataclass(frozen=True)
class Row:
    """A row as printed.

    Attributes:
        title: as the paper writes the name of the block.
        spec: the network that it is built in.
        symbol: index of its costs.
        paper: the first three pairs ``N | L`` of operations and length.
    """

    title: str
    spec: PaperSpec
    symbol: str
    paper: tuple[str, str, str]


def _resnet(family: ResNetFamily, filters: int = WIDTH, columns: int = 1) -> ResNetSpec:
    return ResNetSpec(family=family, filters=filters, blocks=(1,), columns=columns)


def _densenet(family: DenseNetFamily, growth: int, blocks: int, columns: int = 1) -> DenseNetSpec:
    return DenseNetSpec(
        family=family,
        growth_rate=growth,
        blocks=(blocks,),
        columns=columns,
        transition_filters=(),
        stem_filters=STEM,
    )


ROWS = (
    Row("ResNet", _resnet("resnet"), "R", ("0 | 0", "2 N^R | 2", "-")),
    Row("Bi-Real ResNet", _resnet("bireal_resnet"), "BR", ("0 | 0", "N^BR | 1", "2 N^BR | 2")),
    Row("EBi-Real ResNet", _resnet("ebireal_resnet"), "ER", ("0 | 0", "N^ER | 1", "2 N^ER | 2")),
    Row("IGP-ResNet", _resnet("igp_resnet", IGP_WIDTH, 2), "IR", ("0 | 0", "N^IR | 1", "-")),
    Row(
        "BinaryDenseNet",
        _densenet("binary_densenet", GROWTH, 2),
        "BD",
        ("0 | 0", "N1^BD (N2^BD) | 1", "N1^BD + N2^BD | 2"),
    ),
    Row(
        "IGP-DenseNet",
        _densenet("igp_densenet", IGP_GROWTH, 1, 2),
        "ID",
        ("0 | 0", "N1^ID | 1", "N1^ID + N2^ID | 2"),
    ),
)


def _symbols(graph: Graph, symbol: str) -> dict[int, str]:
    """Name each distinct cost of a convolution, in the order in which they stand in the block."""
    costs = list(dict.fromkeys(call.macs for call in graph.calls if call.is_binary))
    if len(costs) == 1:
        return {costs[0]: f"N^{symbol}"}
    return {cost: f"N{number}^{symbol}" for number, cost in enumerate(costs, start=1)}


def symbolic(path: PathClass, graph: Graph, symbol: str) -> str:
    """Write a path's cost as a sum over its convolutions: ``2 N^R``, ``N1^ID + N2^ID``, ``0``."""
    cost_of = {call.name: call.binary_macs or 0 for call in graph.calls}
    names = _symbols(graph, symbol)
    terms = Counter(names[cost_of[layer]] for layer in path.convolutions)
    return (
        " + ".join(
            name if times == 1 else f"{times} {name}" for name, times in sorted(terms.items())
        )
        or "0"
    )


def compute(runs: Sequence[str | Path] = (), results: Sequence[str | Path] = ()) -> Table:
    """Return Table 2: gradient paths of blocks of depth two, built and measured.

    Raises:
        UserError: if runs are given, as the table has no accuracies.
    """
    if runs or results:
        raise UserError("Table 2 holds no accuracies: leave the runs out.")
    header = ["block", "built as", "convolutions"]
    for place in ("1st", "2nd", "3rd"):
        header += [f"N_{place} | L_{place}", f"{place} (paper)"]
    return Table(
        "Table 2: gradient path quality of blocks of depth two",
        (*header, "smallest distinct operation counts"),
        tuple(map(_cells, ROWS)),
        (
            "Blocks of stage 1 on 56x56 maps. The width of an improved block is chosen so that it "
            "has as many binary operations as the block it is compared with: 3 N^IR = 2 N^BR, "
            "2 N1^ID + N2^ID = N1^BD + N2^BD, up to rounding.",
            "Counts of the same length are in one cell, as the paper writes N1 (N2). By the "
            "numbers, N2^BD would be the third smallest, since the second layer of a "
            "BinaryDenseNet reads more channels than the first.",
            "The paper omits N_3rd where N_2nd already decides; ours is printed. The paper's "
            "repeated rows for Bi-Real ResNet are one row here.",
        ),
    )


def _cells(row: Row) -> tuple:
    """Build the block of a row and measure its paths."""
    graph = read_graph(build(row.spec))
    blocks = find_blocks(graph)
    paths = gradient_paths(graph, blocks[0].source, blocks[-1].target, k=8)
    by_length: dict[int, list[str]] = {}
    for path in paths.smallest:
        by_length.setdefault(path.length, []).append(symbolic(path, graph, row.symbol))
    entries = [
        f"{first}{''.join(f' ({other})' for other in others)} | {length}"
        for length, (first, *others) in sorted(by_length.items())
    ]
    entries = (entries + [NOTHING] * 3)[:3]
    spec = row.spec
    if isinstance(spec, ResNetSpec):
        width = f"w={spec.filters}"
    else:
        width = f"g={spec.growth_rate}, {STEM} channels in"
    convolutions = sum(call.is_binary for call in graph.calls)
    costs = ", ".join(f"{cost:,}" for cost in paths.costs)
    pairs = [cell for pair in zip(entries, row.paper, strict=True) for cell in pair]
    return row.title, width, convolutions, *pairs, costs
