"""What the page shows of each network that it was given."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from larq_igp.errors import UserError
from larq_igp.files import open_csv
from larq_igp.inference.subject import Subject
from larq_igp.paper.results import Result
from larq_igp.report.palette import Look
from larq_igp.training.run.layout import HISTORY, LAYERS

CURVES = ("top1", "val_top1", "loss", "val_loss")
SHARES = ("flip_ratio", "saturated")


@dataclass(frozen=True, kw_only=True)
class Training:
    """How a network was trained, with several seeds or one.

    Attributes:
        label: a unique name of the network.
        look: colour and marker.
        histories: of the runs that have one: values of each epoch, by column.
        layers: for the same runs: by what is watched, the share of each epoch by layer.
    """

    label: str
    look: Look
    histories: tuple[dict[str, tuple[float, ...]], ...]
    layers: tuple[dict[str, dict[str, tuple[float, ...]]], ...]


@dataclass(frozen=True, kw_only=True)
class Network(Training):
    """A row of the headline table, and what is drawn of it.

    Attributes:
        result: errors and costs.
        runs: what was opened for each seed; none for a row of a CSV.
    """

    result: Result
    runs: tuple[Subject, ...]

    @property
    def best(self) -> Subject | None:
        """The run that validation prefers; the first where that is not known."""
        errors = self.result.validation_error
        finished = [each for each in self.runs if each.source not in self.result.unfinished]
        if not finished:
            return None
        if errors is None or errors.n != len(finished):
            return finished[0]
        return finished[errors.values.index(min(errors.values))]


def read_network(label: str, look: Look, result: Result, runs: Sequence[Subject]) -> Network:
    """Collect what is known of a network; errors as for ``read_training``."""
    training = read_training(label, look, [each.run.folder for each in runs if each.run])
    return Network(**vars(training), result=result, runs=tuple(runs))


def read_training(label: str, look: Look, folders: Sequence[Path]) -> Training:
    """Read how a network was trained from the folders of its runs.

    Raises:
        UserError: if a file is damaged.
    """
    return Training(
        label=label,
        look=look,
        histories=tuple(filter(None, (_history(folder / HISTORY) for folder in folders))),
        layers=tuple(filter(None, (_layers(folder / LAYERS) for folder in folders))),
    )


def _rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(open_csv(path))) if path.is_file() else []


def _history(path: Path) -> dict[str, tuple[float, ...]]:
    try:
        rows = _rows(path)
        return {
            column: tuple(float(row[column]) for row in rows)
            for column in CURVES
            if rows and all(row.get(column) for row in rows)
        }
    except (ValueError, csv.Error) as error:
        raise UserError(
            f"{path} is damaged: {error}. Remove it to do without learning curves."
        ) from error


def _layers(path: Path) -> dict[str, dict[str, tuple[float, ...]]]:
    found: dict[str, dict[str, tuple[float, ...]]] = {column: {} for column in SHARES}
    try:
        for row in _rows(path):
            for column in SHARES:
                if row[column]:
                    before = found[column].get(row["layer"], ())
                    found[column][row["layer"]] = (*before, float(row[column]))
    except (ValueError, KeyError, csv.Error) as error:
        raise UserError(
            f"{path} is damaged: {error!r}. Remove it to do without the shares of its layers."
        ) from error
    return {column: layers for column, layers in found.items() if layers}
