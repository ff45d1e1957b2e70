"""What came out of runs: one result for those that differ in their seeds alone.

Results are of run directories (``runs.py``) or of the CSV that an experiment keeps, which has a row
for each run, so that means and spreads can be had without the run directories.
"""

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from larq_igp.architectures import ZOO
from larq_igp.errors import UserError
from larq_igp.files import open_csv
from larq_igp.tables import Sample

SETTINGS: dict[str, type] = {"bits": int, "epochs": int, "batch_size": int, "learning_rate": float}
SAME = ("network", "base", "parameters", "dataset", *SETTINGS, "storage_bits", "flops")
"""Columns in which the runs of one result agree: they differ in their seeds."""
COLUMNS = (*SAME, "seed", "test_top1")


@dataclass(frozen=True, kw_only=True)
class Result:
    """The runs of one network under one recipe: they differ in their seeds alone.

    Attributes:
        network: its name, in the experiment or in the registry.
        base: the named network of this package that it is made from.
        parameters: of ``base``, that it replaces.
        dataset: that the runs are trained and tested on; None of a network that is not trained.
        settings: the other fields of the recipe, ``bits`` among them.
        storage_bits: of the kernels.
        flops: by the paper's count.
        runtime_memory_bytes: by the paper's model; None if it is not known.
        block_n_2nd: second smallest cost of a gradient path through the first block, if known.
        gradient_paths: how many lead from the output to the image, if known.
        top1_error: in per cent of the test images, one for each seed; None before a run's end.
        top5_error, validation_error: the same for these, if known.
        file_bytes: of its ``.tflite``, if that was given.
        key: shared by networks that take the same time; empty if it is not known.
        sources: what was opened for each seed; none for a row of a CSV.
        unfinished: those of the sources that are runs without an end.
    """

    network: str
    base: str
    parameters: dict[str, Any]
    dataset: str | None
    settings: dict[str, Any] = field(default_factory=dict)
    storage_bits: int
    flops: int
    runtime_memory_bytes: int | None = None
    block_n_2nd: int | None = None
    gradient_paths: int | None = None
    top1_error: Sample | None = None
    top5_error: Sample | None = None
    validation_error: Sample | None = None
    file_bytes: int | None = None
    key: str = ""
    sources: tuple[str, ...] = ()
    unfinished: tuple[str, ...] = ()

    @property
    def bits(self) -> int:
        """Width of weights and activations."""
        return self.settings["bits"]

    @property
    def recipe(self) -> tuple[int, int, float]:
        """Epochs, batch size and learning rate."""
        return tuple(self.settings[name] for name in ("epochs", "batch_size", "learning_rate"))

    @property
    def family(self) -> str:
        """Family of the network; empty if the network is not registered."""
        return ZOO[self.base].family if self.base in ZOO else ""

    @property
    def seeds(self) -> int:
        """Number of seeds that have been tested."""
        return self.top1_error.n if self.top1_error else 0

    @property
    def title(self) -> str:
        """The network with its replaced parameters, unless it has a separate name."""
        if self.network != self.base or not self.parameters:
            return self.network
        return f"{self.network} ({', '.join(self._replaced())})"

    @property
    def cell(self) -> str:
        """Errors, and of what they are, for the cell of a table."""
        seeds = "1 seed" if self.seeds == 1 else f"{self.seeds} seeds"
        errors = " / ".join(str(each) for each in (self.top1_error, self.top5_error) if each)
        of = filter(None, (self.dataset, seeds, " ".join(self._replaced())))
        return f"{errors} ({', '.join(of)})"

    def _replaced(self) -> list[str]:
        return [
            f"{name}={','.join(map(str, value)) if isinstance(value, list | tuple) else value}"
            for name, value in self.parameters.items()
        ]


def read_results(path: str | Path) -> list[Result]:
    """Read the CSV of an experiment: a result for each network, width in bits and recipe.

    Raises:
        UserError: if the file cannot be read or has other columns.
    """
    try:
        rows = list(csv.DictReader(open_csv(path)))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path} cannot be read: {getattr(error, 'strerror', error)}.") from error
    if rows and (missing := [name for name in COLUMNS if name not in rows[0]]):
        raise UserError(f"{path} is not the CSV of an experiment: it has no column {missing[0]!r}.")
    groups: dict[tuple[str, ...], dict[int, dict[str, str]]] = {}
    try:
        for row in rows:
            groups.setdefault(tuple(row[name] for name in SAME), {})[int(row["seed"])] = row
        return [_result([seeds[seed] for seed in sorted(seeds)]) for seeds in groups.values()]
    except (TypeError, ValueError, AttributeError) as error:
        raise UserError(f"{path} is damaged: {error}.") from error


def _result(rows: list[dict[str, str]]) -> Result:
    first = rows[0]
    parameters = json.loads(first["parameters"])
    if not isinstance(parameters, dict):
        raise ValueError(f"parameters {first['parameters']} are not a table")
    cost = first.get("block_n_2nd")
    return Result(
        network=first["network"],
        base=first["base"],
        parameters=parameters,
        dataset=first["dataset"],
        settings={name: kind(first[name]) for name, kind in SETTINGS.items()},
        storage_bits=int(first["storage_bits"]),
        flops=int(first["flops"]),
        block_n_2nd=int(cost) if cost else None,
        top1_error=errors([row["test_top1"] for row in rows]),
        validation_error=errors([row.get("validation_top1") for row in rows]),
    )


def errors(shares: Sequence[float | str | None]) -> Sample | None:
    """Return errors in per cent from accuracies from 0 to 1; None if one is not known."""
    if not shares or any(share in (None, "") for share in shares):
        return None
    return Sample(tuple(100 * (1 - float(share)) for share in shares))  # type: ignore[arg-type]


def closest(results: Sequence[Result]) -> dict[tuple[str, int], Result]:
    """Return one result for each base and width in bits: that which replaces the fewest parameters.

    Only the recipe that most results have counts.
    """
    recipes = [result.recipe for result in results]
    usual = max(recipes, key=recipes.count, default=None)
    found: dict[tuple[str, int], Result] = {}
    for result in results:
        key = result.base, result.bits
        if result.recipe == usual and (
            key not in found or len(result.parameters) < len(found[key].parameters)
        ):
            found[key] = result
    return found
