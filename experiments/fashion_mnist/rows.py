"""The CSV of results: one row for each finished run, added whole or not at all, and never twice."""

import csv
import fcntl
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from larq_igp.files import write_atomically

COLUMNS = [
    "run", "network", "family", "base", "parameters", "dataset", "bits", "seed", "epochs",
    "batch_size", "learning_rate", "storage_bits", "flops", "block_n_1st", "block_n_2nd",
    "block_n_3rd", "network_n_1st", "network_n_2nd", "network_n_3rd", "train_top1", "train_loss",
    "last_validation_top1", "best_epoch", "validation_top1", "test_top1", "test_loss",
    "train_seconds", "images_per_second", "cpu_seconds", "processes", "threads", "larq_igp",
    "tensorflow", "python", "cpu", "cores",
]  # fmt: skip


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Return the rows of the CSV as texts; none if there is no file yet."""
    if not path.is_file():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder: the kernel's, so that it ends with its process."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def add_row(path: Path, row: dict[str, Any]) -> bool:
    """Add a row, unless its run has one.

    Returns:
        whether the row was added.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with _locked(path.parent):
        rows = read_rows(path)
        if any(there["run"] == row["run"] for there in rows):
            return False
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows([*rows, row])
        write_atomically(path, text.getvalue().encode())
        return True
