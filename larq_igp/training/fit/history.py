"""The files that people read, written from what a checkpoint holds, so that they can be written
again after any interruption.
"""

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np

from larq_igp.files import atomic_path, write_atomically
from larq_igp.keras2 import tf
from larq_igp.training.fit.binary_layers import ROW
from larq_igp.training.run.layout import HISTORY, LAYERS, TENSORBOARD, weights_path


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


def save_weights(folder: Path, network: "tf.keras.Model", which: str) -> None:
    """Write the ``best`` or the ``last`` weights.

    Raises:
        UserError: if they cannot be written.
    """
    with atomic_path(weights_path(folder, which)) as path:
        path.write_bytes(
            bytes(most_bytes(network))
        )  # HDF5 kills the process where a disk is full: room is found first
        network.save_weights(str(path))


def most_bytes(network: "tf.keras.Model") -> int:
    """Return what a file of weights has at most:

    the values, and HDF5's headers: 2 kB an array were seen.
    """
    values = sum(weight.shape.num_elements() * weight.dtype.size for weight in network.weights)
    return values + 4096 * (len(network.weights) + len(network.layers) + 8)


class Events:
    """Scalars for TensorBoard:

    the columns of the history, and flip ratio and saturation of each layer, over epochs.
    """

    def __init__(self, folder: Path):
        self._folder = str(folder / TENSORBOARD)
        self._writer = None

    def write(self, row: dict[str, Any], layers: list[dict[str, Any]]) -> None:
        """Write one epoch."""
        if self._writer is None:
            self._writer = tf.summary.create_file_writer(self._folder)
        epoch = row["epoch"]
        with self._writer.as_default():
            for name, value in row.items():
                if name != "epoch":
                    tf.summary.scalar(f"epoch/{name}", value, step=epoch)
            for each in layers:
                for name in ("flip_ratio", "saturated"):
                    if each[name] is not None:
                        tf.summary.scalar(f"{name}/{each['layer']}", each[name], step=epoch)
        self._writer.flush()

    def close(self) -> None:
        """Close the file."""
        if self._writer is not None:
            self._writer.close()


def signs_to_arrays(signs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Name the signs of binary weights for a checkpoint."""
    return {f"signs {name}": value for name, value in signs.items()}


def signs_from_arrays(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the signs out of a checkpoint."""
    return {
        name.removeprefix("signs "): value
        for name, value in arrays.items()
        if name.startswith("signs ")
    }
