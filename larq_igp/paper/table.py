"""What the paper's tables share: the accuracies of runs, in a separate column.

Every structural figure is computed when a table is asked for. Accuracies are the paper's, in
columns that say so; those of run directories have a separate column, with their data set.
"""

from collections.abc import Sequence
from pathlib import Path

from larq_igp.paper.results import closest, read_results
from larq_igp.tables import NOTHING, Table

__all__ = ["NOTHING", "OUR_ERRORS", "PAPER_ERRORS", "Measured", "Table"]

PAPER_ERRORS = ("top-1 error, % (paper)", "top-5 error, % (paper)")
OUR_ERRORS = "top-1 / top-5 error, % (ours)"


class Measured:
    """Errors that were measured here, by network and width in bits.

    Args:
        runs: run directories.
        results: CSV files of experiments. Their networks are smaller than the paper's; each is
            shown where the paper has the network that it is made from.
    """

    def __init__(self, runs: Sequence[str | Path] = (), results: Sequence[str | Path] = ()):
        from larq_igp.paper.runs import results_of  # the tables' data need no TensorFlow

        self._cells: dict[tuple[str, int], list[str]] = {}
        for result in results_of(runs, with_paths=False):
            if result.top1_error is not None and not result.parameters:  # else of another network
                self._cells.setdefault((result.base, result.bits), []).append(result.cell)
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
