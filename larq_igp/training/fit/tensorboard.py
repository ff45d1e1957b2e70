"""Event files for TensorBoard."""

from pathlib import Path
from typing import Any

from larq_igp.keras2 import tf
from larq_igp.training.run.layout import TENSORBOARD


class Events:
    """The columns of the history, and flip ratio and saturation of each layer, over epochs."""

    def __init__(self, folder: Path):
        self._folder = str(folder / TENSORBOARD)
        self._writer: Any = None

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
