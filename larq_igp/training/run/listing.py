"""Which runs there are, and how they stand: read without TensorFlow, while others write."""

import csv
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from larq_igp.errors import UserError
from larq_igp.files import open_csv, read_json
from larq_igp.training.run.layout import CONFIG, HISTORY, METRICS, STATUS
from larq_igp.training.run.lock import is_locked
from larq_igp.training.run.state import Share


@dataclass
class _Recipe:
    """What is shown of a recipe."""

    network: str
    parameters: dict[str, Any] = field(default_factory=dict)
    dataset: str | None = None
    epochs: int | None = None


def list_runs(folder: Path) -> list[dict[str, Any]]:
    """Return a row for each run in a folder, or for the folder if it is a run itself; sorted by
    name.

    Returns:
        rows with ``run``, ``state`` (``running``, ``interrupted``, ``finished``, ``failed``,
        ``damaged``, or ``unknown`` for one of another user that is not finished), ``network``,
        ``parameters`` that are replaced, ``dataset``, ``epoch``, ``epochs``,
        ``best_validation_top1`` and ``test_top1`` (shares from 0 to 1) and ``note``; what is not
        known is None.
    """
    if (folder / CONFIG).is_file():
        return [describe(folder)]
    return [describe(path.parent) for path in sorted(folder.glob(f"*/{CONFIG}"))]


def describe(run: Path) -> dict[str, Any]:
    """Return the row of one run."""
    row: dict[str, Any] = dict.fromkeys(
        ("network", "parameters", "dataset", "epochs", "best_validation_top1", "test_top1", "note")
    )
    row = {"run": str(run), "state": "damaged", "epoch": 0} | row
    try:
        row |= vars(msgspec.convert(read_json(run / CONFIG)["recipe"], _Recipe))
        history = _history(run)
        row["epoch"] = len(history)
        row["best_validation_top1"] = max(
            (_share(each["val_top1"]) for each in history), default=None
        )
        metrics = read_json(run / METRICS) if (run / METRICS).exists() else None
        row["test_top1"] = _share(metrics["top1"]) if metrics else None
        status = read_json(run / STATUS) if (run / STATUS).exists() else {}
        row["note"] = status.get("reason")
        if metrics:
            row["state"] = "finished"
        else:
            stopped = "failed" if status.get("state") == "failed" else "interrupted"
            row["state"] = {True: "running", False: stopped, None: "unknown"}[is_locked(run)]
    except UserError as error:
        row["note"] = str(error)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        row["note"] = f"{type(error).__name__}: {error}"
    return row


def _share(value: Any) -> float:
    return msgspec.convert(float(value), Share)


def _history(run: Path) -> list[dict[str, str]]:
    if not (run / HISTORY).exists():
        return []
    return list(csv.DictReader(open_csv(run / HISTORY)))
