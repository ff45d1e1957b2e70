"""The tables of the paper, ours beside the paper's: every structural figure is computed when the table is asked for.

Accuracies are the paper's, in columns that say so; those of run directories stand in a column of their own, with their data set.
"""

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from larq_igp.architectures import ZOO
from larq_igp.architectures.accounting import closed_form
from larq_igp.architectures.published import TABLE3
from larq_igp.architectures.published_table1 import TABLE1
from larq_igp.architectures.published_table4 import TABLE4
from larq_igp.errors import UserError
from larq_igp.training.run import open_run

CIFAR = {"input_shape": (32, 32, 3), "num_classes": 100}
NOTHING = "-"
PAPER_ERRORS = ("top-1 error, % (paper)", "top-5 error, % (paper)")
OUR_ERRORS = "top-1 / top-5 error, % (ours)"


@dataclass(frozen=True)
class Table:
    """A table for people and programs.

    Attributes:
        title: what it is.
        header: names of the columns.
        rows: cells, as many as the header has.
        notes: what has to be known to read it.
    """

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple, ...]
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return a dict of plain values, one dict a row."""
        rows = [dict(zip(self.header, row, strict=True)) for row in self.rows]
        return {"title": self.title, "rows": rows, "notes": list(self.notes)}

    def to_csv(self) -> str:
        """Return comma-separated values, header first, without title and notes."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerows([self.header, *self.rows])
        return text.getvalue().rstrip("\n")


class Measured:
    """Accuracies of run directories, by network and width in bits."""

    def __init__(self, runs: Sequence[str | Path]):
        self._cells: dict[tuple[str, int], list[str]] = {}
        for folder in runs:
            run = open_run(folder)
            metrics = run.metrics()
            if metrics is None or run.recipe.parameters:  # unfinished, or not the network of its name
                continue
            errors = f"{100 * (1 - metrics['top1']):.2f} / {100 * (1 - metrics['top5']):.2f} ({run.recipe.dataset})"
            self._cells.setdefault((run.recipe.network, run.recipe.bits), []).append(errors)

    def cell(self, network: str | None, bits: int = 1) -> str:
        """Return the errors measured for a network, or that there are none."""
        return "; ".join(self._cells.get((network, bits), [])) or NOTHING

    def others(self, networks: set[str]) -> tuple[str, ...]:
        """Say which runs belong to no row."""
        left = [
            f"{name} at {bits} bit: {'; '.join(cells)}"
            for (name, bits), cells in self._cells.items()
            if name not in networks
        ]
        return (f"Runs of networks that are not in this table: {', '.join(left)}.",) if left else ()


def table1(runs: Sequence[str | Path] = ()) -> Table:
    """Return Table 1: shortcuts and depths read from graphs built at CIFAR-100's size."""
    import larq_igp
    from larq_igp.analysis.shortcuts import count_shortcuts, graph_depth
    from larq_igp.analysis.tensor_graph import tensor_graph

    measured, structure = Measured(runs), {}
    for row in TABLE1:
        if row.network not in structure:  # the width in bits changes no edge; the tests build all three
            graph = tensor_graph(larq_igp.build(row.network, **CIFAR))
            structure[row.network] = (graph_depth(graph), count_shortcuts(graph))
    rows = []
    for row in TABLE1:
        depth, shortcuts = structure[row.network]
        ours = measured.cell(row.network, row.bits)
        rows.append(
            (row.title, row.bits, depth, row.depth, shortcuts, row.shortcuts, row.top1_error, row.top5_error, ours)
        )
    return Table(
        "Table 1: binary ResNet and DenseNet variants on CIFAR-100",
        ("model", "width b", "depth", "depth (paper)", "shortcuts", "shortcuts (paper)", *PAPER_ERRORS, OUR_ERRORS),
        tuple(rows),
        (
            "Depth: layers with a kernel on the longest path. Shortcuts: a tensor joined, unchanged, with what was made from it.",
            *measured.others({row.network for row in TABLE1}),
        ),
    )


def table2(runs: Sequence[str | Path] = ()) -> Table:
    """Return Table 2: gradient paths of blocks of depth two, built and measured.

    Raises:
        UserError: if runs are given, as the table has no accuracies.
    """
    if runs:
        raise UserError("Table 2 holds no accuracies: leave the runs out.")
    from larq_igp.analysis.table2 import table2_rows

    header = ["block", "built as", "convolutions"]
    for place in ("1st", "2nd", "3rd"):
        header += [f"N_{place} | L_{place}", f"{place} (paper)"]
    return Table(
        "Table 2: gradient path quality of blocks of depth two",
        (*header, "smallest distinct operation counts"),
        tuple(table2_rows()),
        (
            "Blocks of stage 1 on 56x56 maps. The improved ones are as wide as makes their binary operations as many as those of the block "
            "they are compared with: 3 N^IR = 2 N^BR, 2 N1^ID + N2^ID = N1^BD + N2^BD, up to rounding.",
            "Counts of the same length stand in one cell, as the paper writes N1 (N2). By the numbers alone N2^BD is a third smallest of "
            "its own, as the second layer of a BinaryDenseNet reads more channels than the first.",
            "The paper leaves out N_3rd where N_2nd has already decided; ours prints it. The paper's pair of rows for Bi-Real ResNet and "
            "its repetitions are one row here.",
        ),
    )


def table3(runs: Sequence[str | Path] = ()) -> Table:
    """Return Table 3: costs from the parameters of each network, errors of the paper."""
    measured, rows = Measured(runs), []
    for name, paper in TABLE3.items():
        counts = closed_form(ZOO[name])
        rows.append(
            (
                paper.title,
                f"{counts.storage_bits / 1e6:.2f}",
                paper.storage,
                f"{counts.flops / 1e8:.2f}",
                paper.flops,
                f"{counts.runtime_memory_bytes / 1e6:.2f}",
                paper.runtime_memory,
                paper.top1_error,
                paper.top5_error,
                measured.cell(name),
            )
        )
    costs = ("storage, Mbit", "FLOPs, 1e8", "memory, MB")
    header = [column for cost in costs for column in (cost, f"{cost} (paper)")]
    return Table(
        "Table 3: binary ResNet and DenseNet variants on ImageNet",
        ("model", *header, *PAPER_ERRORS, OUR_ERRORS),
        tuple(rows),
        (
            "Costs in closed form from each network's parameters; the tests count the same from built graphs.",
            *measured.others(set(TABLE3)),
        ),
    )


def table4(runs: Sequence[str | Path] = ()) -> Table:
    """Return Table 4: rows of the literature as the paper prints them, the costs of ours computed."""
    measured, rows = Measured(runs), []
    full_precision = {"Full-precision ResNet18": "resnet18_64", "Full-precision ResNet34": "resnet34_64"}
    for row in TABLE4:
        name, bits = (row.network, 1) if row.network else (full_precision.get(row.title), 32)
        counts = closed_form(ZOO[name], bits=bits) if name else None
        source = row.source + (" *" if row.source and row.is_source_inferred else "")
        rows.append(
            (
                row.title + (" #" if row.is_downsampling_binary else ""),
                row.top1_error,
                row.top5_error or NOTHING,
                f"{counts.storage_bits / 1e6:.1f}" if counts else NOTHING,
                row.storage,
                f"{counts.flops / 1e9:.2f}" if counts else NOTHING,
                row.flops,
                source or "the paper's training",
                measured.cell(name, bits) if name and (bits == 32 or not row.source) else NOTHING,
            )
        )
    return Table(
        "Table 4: comparison with the state of the art on ImageNet",
        (
            "model",
            *PAPER_ERRORS,
            "storage, Mbit",
            "storage, Mbit (paper)",
            "FLOPs, 1e9",
            "FLOPs, 1e9 (paper)",
            "source of the error",
            OUR_ERRORS,
        ),
        tuple(rows),
        (
            "#: downsampling layers are binarized. *: the reference number is illegible in the paper at hand; found by the method's name.",
            "Rows without a cost of ours are networks that this package does not build. The full-precision rows come from other papers, "
            "which count every parameter; ours counts kernels.",
            *measured.others({row.network for row in TABLE4 if row.network} | set(full_precision.values())),
        ),
    )


TABLES: dict[str, Callable[[Sequence[str | Path]], Table]] = {
    "table1": table1,
    "table2": table2,
    "table3": table3,
    "table4": table4,
}
