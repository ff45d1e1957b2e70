"""Finished runs of several seeds, from the CSV that an experiment keeps of them.

Such a CSV has a row for each run, so its means and spreads can be had without the run directories.
"""

import csv
import json
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from larq_igp.errors import UserError
from larq_igp.files import open_csv

CONFIDENCE = 0.95
SAME = (
    "network", "base", "parameters", "dataset", "bits", "epochs", "batch_size", "learning_rate",
    "storage_bits", "flops",
)  # fmt: skip
"""Columns in which the runs of one result agree: they differ in their seeds."""
COLUMNS = (*SAME, "seed", "test_top1")


@dataclass(frozen=True)
class Sample:
    """A mean over seeds.

    Attributes:
        values: one for each seed.
    """

    values: tuple[float, ...]

    @property
    def n(self) -> int:
        """How many values there are."""
        return len(self.values)

    @property
    def mean(self) -> float:
        """The arithmetic mean."""
        return statistics.mean(self.values)

    @property
    def deviation(self) -> float | None:
        """The sample standard deviation; None of a single value."""
        return statistics.stdev(self.values) if self.n > 1 else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % confidence interval of the mean by Student's t; None of a single value."""
        if self.deviation is None:
            return None
        from scipy.stats import t as student

        quantile = student.ppf((1 + CONFIDENCE) / 2, self.n - 1)
        half = float(quantile) * self.deviation / math.sqrt(self.n)
        return self.mean - half, self.mean + half

    def __str__(self) -> str:
        """Return mean and standard deviation with two decimals."""
        return f"{self.mean:.2f}" + ("" if self.deviation is None else f" ± {self.deviation:.2f}")


@dataclass(frozen=True)
class Result:
    """The runs of one network under one recipe.

    Attributes:
        network: its name in the experiment.
        base: the named network of this package that it is made from.
        parameters: of ``base``, that it replaces.
        dataset: that the runs are trained and tested on.
        bits: width of weights and activations.
        epochs: of each run.
        batch_size: in images.
        learning_rate: at its highest.
        storage_bits: of the kernels.
        flops: by the paper's count.
        top1_error: in per cent of the test images, one for each seed.
    """

    network: str
    base: str
    parameters: dict[str, Any]
    dataset: str
    bits: int
    epochs: int
    batch_size: int
    learning_rate: float
    storage_bits: int
    flops: int
    top1_error: Sample

    @property
    def recipe(self) -> tuple[int, int, float]:
        """Epochs, batch size and learning rate."""
        return self.epochs, self.batch_size, self.learning_rate

    @property
    def cell(self) -> str:
        """Errors, and of what they are, for the cell of a table."""
        parameters = " ".join(
            f"{name}={','.join(map(str, value)) if isinstance(value, list) else value}"
            for name, value in self.parameters.items()
        )
        seeds = "1 seed" if self.top1_error.n == 1 else f"{self.top1_error.n} seeds"
        return f"{self.top1_error} ({', '.join(filter(None, (self.dataset, seeds, parameters)))})"


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
    groups: dict[tuple[str, ...], dict[int, float]] = {}
    try:
        for row in rows:
            key = tuple(row[name] for name in SAME)
            groups.setdefault(key, {})[int(row["seed"])] = 100 * (1 - float(row["test_top1"]))
        return [_result(dict(zip(SAME, key, strict=True)), groups[key]) for key in groups]
    except (TypeError, ValueError, AttributeError) as error:
        raise UserError(f"{path} is damaged: {error}.") from error


def _result(row: dict[str, str], errors: dict[int, float]) -> Result:
    parameters = json.loads(row["parameters"])
    if not isinstance(parameters, dict):
        raise ValueError(f"parameters {row['parameters']} are no table")
    return Result(
        network=row["network"],
        base=row["base"],
        parameters=parameters,
        dataset=row["dataset"],
        bits=int(row["bits"]),
        epochs=int(row["epochs"]),
        batch_size=int(row["batch_size"]),
        learning_rate=float(row["learning_rate"]),
        storage_bits=int(row["storage_bits"]),
        flops=int(row["flops"]),
        top1_error=Sample(tuple(errors[seed] for seed in sorted(errors))),
    )


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
