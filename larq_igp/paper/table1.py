"""Table 1: binary ResNet and DenseNet variants on CIFAR-100."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from larq_igp.paper.table import OUR_ERRORS, PAPER_ERRORS, Measured, Table

CIFAR: dict[str, Any] = {"input_shape": (32, 32, 3), "num_classes": 100}


@dataclass(frozen=True)
class Table1Row:
    """A row as printed.

    Attributes:
        network: name in the registry.
        title: as the paper writes the name.
        bits: width of weights and activations.
        top1_error: in percent.
        top5_error: in percent.
        depth: the index of ``D_d``.
        shortcuts: in the whole network.
    """

    network: str
    title: str
    bits: int
    top1_error: str
    top5_error: str
    depth: int
    shortcuts: int


_BIREAL = ("bireal_resnet18_64", "Bi-Real ResNet18(64)")
_EBIREAL = ("ebireal_resnet18_64", "EBi-Real ResNet18(64)")
_DENSE = ("binary_densenet51_32", "BinaryDenseNet51(32)")
_EDENSE = ("ebinary_densenet51_32", "EBinaryDenseNet51(32)")

TABLE1: tuple[Table1Row, ...] = (
    # network, bits, top-1 and top-5 error, depth, shortcuts
    Table1Row(*_BIREAL, 32, "23.01", "6.24", 18, 13),
    Table1Row(*_EBIREAL, 32, "23.07", "6.20", 18, 18),
    Table1Row(*_BIREAL, 2, "26.71", "7.46", 18, 13),
    Table1Row(*_EBIREAL, 2, "26.86", "7.58", 18, 18),
    Table1Row(*_BIREAL, 1, "28.48", "8.65", 18, 13),
    Table1Row(*_EBIREAL, 1, "28.74", "8.88", 18, 18),
    Table1Row(*_DENSE, 32, "25.41", "7.30", 51, 46),
    Table1Row(*_EDENSE, 32, "25.44", "7.27", 97, 92),
    Table1Row(*_DENSE, 2, "26.61", "7.57", 51, 46),
    Table1Row(*_EDENSE, 2, "26.71", "7.60", 97, 92),
    Table1Row(*_DENSE, 1, "27.16", "7.77", 51, 46),
    Table1Row(*_EDENSE, 1, "27.35", "7.88", 97, 92),
)

STRUCTURE = ("depth", "depth (paper)", "shortcuts", "shortcuts (paper)")


def compute(runs: Sequence[str | Path] = (), results: Sequence[str | Path] = ()) -> Table:
    """Return Table 1: depths and shortcuts read from graphs built at CIFAR-100's size."""
    measured = Measured(runs, results)
    networks = {row.network for row in TABLE1}
    structure = {network: _depth_and_shortcuts(network) for network in networks}
    rows = []
    for row in TABLE1:
        depth, shortcuts = structure[row.network]
        errors = (row.top1_error, row.top5_error, measured.cell(row.network, row.bits))
        counted = (depth, row.depth, shortcuts, row.shortcuts)
        rows.append((row.title, row.bits, *counted, *errors))
    return Table(
        "Table 1: binary ResNet and DenseNet variants on CIFAR-100",
        ("model", "width b", *STRUCTURE, *PAPER_ERRORS, OUR_ERRORS),
        tuple(rows),
        (
            "Depth: layers with a kernel on the longest path. Shortcuts: a tensor joined, "
            "unchanged, with what was made from it.",
            *measured.others(networks),
        ),
    )


def _depth_and_shortcuts(network: str) -> tuple[int, int]:
    """Read the graph at 1 bit; other bits change no edge of it."""
    from larq_igp.analysis.shortcuts import count_shortcuts, graph_depth
    from larq_igp.graph import read_graph
    from larq_igp.models import build

    graph = read_graph(build(network, **CIFAR))
    return graph_depth(graph), count_shortcuts(graph)
