"""What the page shows of each network that it was given."""

import csv
from dataclasses import dataclass
from pathlib import Path

from larq_igp.architectures.accounting import Counts
from larq_igp.errors import UserError
from larq_igp.files import open_csv
from larq_igp.inference.subject import Subject
from larq_igp.paper.runs import counts_of, key_of
from larq_igp.training.run.layout import HISTORY

COSTS = {
    "storage": ("storage, Mbit", lambda counts: counts.storage_bits / 1e6),
    "flops": ("FLOPs, 1e8", lambda counts: counts.flops / 1e8),
    "memory": ("run-time memory, MB", lambda counts: counts.runtime_memory_bytes / 1e6),
}
CURVES = {"val_top1": "validation accuracy", "loss": "training loss", "val_loss": "validation loss"}


@dataclass(frozen=True)
class Facts:
    """A network as the page shows it.

    Attributes:
        name: which no other has on the page.
        subject: what it is.
        counts: what it costs; the run-time memory is 0 where it is not defined.
        top1: accuracy on the test images, from 0 to 1; None if it was not measured.
        top5: likewise; None also for a ``.tflite``, whose card does not say it.
        history: of a run, a row an epoch.
    """

    name: str
    subject: Subject
    counts: Counts
    top1: float | None
    top5: float | None
    history: list[dict[str, str]]

    @property
    def dataset(self) -> str | None:
        """Name of the data set that it was trained on."""
        return self.subject.data.dataset if self.subject.data else None

    @property
    def top1_error(self) -> float:
        """In percent."""
        return 100 * (1 - (self.top1 or 0.0))

    @property
    def key(self) -> str:
        """By which its timings are found."""
        return key_of(self.subject)


def read_facts(subject: Subject, name: str) -> Facts:
    """Collect what is known of a network; a run that has not come to its end has no accuracy.

    Raises:
        UserError: if it does not say which network it is, or its files are damaged.
    """
    metrics = (subject.run.metrics() if subject.run else None) or {}
    top1 = metrics.get("top1", subject.accuracy)
    return Facts(name, subject, counts_of(subject), top1, metrics.get("top5"), _history(subject))


def _history(subject: Subject) -> list[dict[str, str]]:
    path = Path(subject.source) / HISTORY
    if subject.run is None or not path.is_file():
        return []
    try:
        history = list(csv.DictReader(open_csv(path)))
        _ = [float(row[column]) for row in history for column in CURVES if row.get(column)]
    except (ValueError, csv.Error) as error:
        raise UserError(
            f"{path} is damaged: {error}. Remove it to do without learning curves."
        ) from error
    return history
