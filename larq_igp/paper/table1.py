"""What the paper prints, as data: Table 1, binary ResNet and DenseNet variants on CIFAR-100."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from larq_igp.paper.table import OUR_ERRORS, PAPER_ERRORS, Measured, Table


@dataclass(frozen=True)
class Table1Row:
    """A row of Table 1 as printed: errors in percent, the depth of its "difficulty", shortcuts.

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


_BIREAL, _EBIREAL = (
    ("bireal_resnet18_64", "Bi-Real ResNet18(64)"),
    ("ebireal_resnet18_64", "EBi-Real ResNet18(64)"),
)
_DENSE, _EDENSE = (
    ("binary_densenet51_32", "BinaryDenseNet51(32)"),
    ("ebinary_densenet51_32", "EBinaryDenseNet51(32)"),
)

TABLE1: tuple[Table1Row, ...] = (
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


CIFAR = {"input_shape": (32, 32, 3), "num_classes": 100}


def compute(runs: Sequence[str | Path] = ()) -> Table:
    """Return Table 1: shortcuts and depths read from graphs built at CIFAR-100's size."""
    from larq_igp.analysis.shortcuts import count_shortcuts, graph_depth
    from larq_igp.graph import read_graph
    from larq_igp.models import build

    measured, structure = Measured(runs), {}
    for row in TABLE1:
        if (
            row.network not in structure
        ):  # the width in bits changes no edge; the tests build all three
            graph = read_graph(build(row.network, **CIFAR))
            structure[row.network] = (graph_depth(graph), count_shortcuts(graph))
    rows = []
    for row in TABLE1:
        depth, shortcuts = structure[row.network]
        ours = measured.cell(row.network, row.bits)
        rows.append(
            (
                row.title,
                row.bits,
                depth,
                row.depth,
                shortcuts,
                row.shortcuts,
                row.top1_error,
                row.top5_error,
                ours,
            )
        )
    return Table(
        "Table 1: binary ResNet and DenseNet variants on CIFAR-100",
        (
            "model",
            "width b",
            "depth",
            "depth (paper)",
            "shortcuts",
            "shortcuts (paper)",
            *PAPER_ERRORS,
            OUR_ERRORS,
        ),
        tuple(rows),
        (
            "Depth: layers with a kernel on the longest path. Shortcuts: a tensor joined, "
            "unchanged, with what was made from it.",
            *measured.others({row.network for row in TABLE1}),
        ),
    )
