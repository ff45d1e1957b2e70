"""What the paper's tables share: cells for people and programs, and the accuracies of runs.

Every structural figure is computed when a table is asked for. Accuracies are the paper's, in
columns that say so; those of run directories stand in a column of their own, with their data set.
"""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from larq_igp.paper.results import closest, read_results

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
    """Errors that were measured here, by network and width in bits.

    Args:
        runs: run directories.
        results: CSV files of experiments. Their networks are smaller than the paper's; each is
            shown where the paper has the network that it is made from.
    """

    def __init__(self, runs: Sequence[str | Path] = (), results: Sequence[str | Path] = ()):
        from larq_igp.training.run.directory import open_run  # the tables' data need no TensorFlow

        self._cells: dict[tuple[str, int], list[str]] = {}
        for folder in runs:
            run = open_run(folder)
            metrics = run.metrics()
            if metrics is None or run.recipe.parameters:
                continue  # unfinished, or not the network of its name
            errors = (
                f"{100 * (1 - metrics['top1']):.2f} / {100 * (1 - metrics['top5']):.2f} "
                f"({run.recipe.dataset})"
            )
            self._cells.setdefault((run.recipe.network, run.recipe.bits), []).append(errors)
        for path in results:
            for key, result in closest(read_results(path)).items():
                self._cells.setdefault(key, []).append(result.cell)

    def cell(self, network: str | None, bits: int = 1) -> str:
        """Return the errors measured for a network, or that there are none."""
        return "; ".join(self._cells.get((network or "", bits), [])) or NOTHING

    def others(self, networks: set[str]) -> tuple[str, ...]:
        """Say which runs belong to no row."""
        left = [
            f"{name} at {bits} bit: {'; '.join(cells)}"
            for (name, bits), cells in self._cells.items()
            if name not in networks
        ]
        return (f"Runs of networks that are not in this table: {', '.join(left)}.",) if left else ()
