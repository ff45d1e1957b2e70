"""``history.csv`` and ``layers.csv``, written from what a checkpoint holds, so that they can be
written again after any interruption.
"""

import csv
import io
from pathlib import Path
from typing import Any

from larq_igp.files import write_atomically
from larq_igp.training.fit.binary_layers import ROW
from larq_igp.training.run.layout import HISTORY, LAYERS


def csv_bytes(rows: list[dict[str, Any]], columns: list[str]) -> bytes:
    """Return rows as CSV with a header."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def write_tables(folder: Path, history: list[dict[str, Any]], layers: list[dict[str, Any]]) -> None:
    """Write ``history.csv``, one row an epoch, and ``layers.csv``, one row an epoch and binary
    layer.
    """
    if history:
        columns = ["epoch", *sorted(set().union(*history) - {"epoch"})]
        write_atomically(folder / HISTORY, csv_bytes(history, columns))
    if layers:
        write_atomically(folder / LAYERS, csv_bytes(layers, list(ROW)))
