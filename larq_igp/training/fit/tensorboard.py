"""Event files for TensorBoard, written by TensorFlow alone.

``tf.summary.scalar`` imports ``tensorboard``, which TensorFlow installs up to 2.20. It writes a
tensor with the metadata below.
"""

from pathlib import Path
from typing import Any

from larq_igp.keras2 import tf
from larq_igp.training.run.layout import TENSORBOARD

SCALAR = tf.compat.v1.SummaryMetadata(
    plugin_data=tf.compat.v1.SummaryMetadata.PluginData(plugin_name="scalars")
)


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
                    _write_scalar(f"epoch/{name}", value, epoch)
            for each in layers:
                for name in ("flip_ratio", "saturated"):
                    if each[name] is not None:
                        _write_scalar(f"{name}/{each['layer']}", each[name], epoch)
        self._writer.flush()

    def close(self) -> None:
        """Close the file."""
        if self._writer is not None:
            self._writer.close()


def _write_scalar(name: str, value: float, epoch: int) -> None:
    tf.summary.write(name, tf.constant(value, tf.float32), step=epoch, metadata=SCALAR)
