"""``larq_igp.load``: a trained network as one object, for notebooks and programs."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from larq_igp.data import Preprocessing
from larq_igp.errors import UserError
from larq_igp.inference.conversion import export
from larq_igp.inference.evaluate import evaluate
from larq_igp.inference.opening import open_subject
from larq_igp.inference.predict import BATCH_SIZE, predict, read_image
from larq_igp.inference.subject import Subject
from larq_igp.keras2 import tf


def load(run: str | Path, *, weights: str = "best") -> "Trained":
    """Load a trained network.

        network = larq_igp.load("runs/igp_resnet_tiny-digits")
        network.predict("photo.png")
        network.model.summary()

    Args:
        run: a run directory.
        weights: ``best`` or ``last``.

    Raises:
        UserError: if it is not a run directory, or has no saved weights.
    """
    subject = open_subject(run, weights=weights)
    if subject.run is None:
        raise UserError(f"{run} is not a run directory: only those have trained weights for Keras.")
    return Trained(subject)


class Trained:
    """A trained network with its classes and its preprocessing.

    ``predict``, ``evaluate`` and ``convert`` use ``model`` with the weights that it has now;
    ``report`` reads the run directory.

    Attributes:
        model: the Keras model, ``(N, H, W, C)`` float32 to probabilities ``(N, classes)``.
        class_names: output ``i`` means ``class_names[i]``.
        preprocessing: from an image of any size, uint8 ``(h, w, c)``, to the model's input.
        subject: what the commands know of it.
    """

    model: "tf.keras.Model"
    class_names: tuple[str, ...]
    preprocessing: Preprocessing
    subject: Subject

    def __init__(self, subject: Subject):
        assert subject.run is not None
        self.model = subject.model()
        self.subject = replace(subject, loaded=self.model)
        self.class_names = subject.class_names
        self.preprocessing = subject.run.preprocessing

    def __repr__(self) -> str:
        """Return ``<Trained igp_resnet_tiny of runs/a, 10 classes>``."""
        return (
            f"<Trained {self.subject.name} of {self.subject.source}, "
            f"{len(self.class_names)} classes>"
        )

    def probabilities(self, images: Any) -> np.ndarray:
        """Return the probability of each class for each image, ``(N, classes)``.

        Args:
            images: paths of image files, or images of any size, uint8 ``(h, w, c)``; or one.

        Raises:
            UserError: if a file cannot be read, or an array is not an image.
        """
        if isinstance(images, str | Path) or getattr(images, "ndim", 0) in (2, 3):
            images = [images]
        inputs = [self._input(each) for each in images]
        batches = [
            self.model.predict_on_batch(np.stack(inputs[start : start + BATCH_SIZE]))
            for start in range(0, len(inputs), BATCH_SIZE)
        ]
        return np.concatenate(batches) if batches else np.zeros((0, len(self.class_names)))

    def _input(self, image: Any) -> np.ndarray:
        if isinstance(image, str | Path):
            return read_image(image, self.preprocessing)
        array = np.asarray(image)
        array = array[..., np.newaxis] if array.ndim == 2 else array
        if array.ndim != 3 or array.dtype != np.uint8:
            raise UserError(
                f"an image must be uint8 (h, w, c); got {array.dtype} of shape {array.shape}."
            )
        return self.preprocessing(tf.constant(array)).numpy()

    def predict(
        self, images: str | Path | Iterable[str | Path], *, top: int = 3
    ) -> list[dict[str, Any]]:
        """Return a row for each image file: see ``larq_igp.predict``."""
        return list(predict(self.subject, images, top=top))

    def evaluate(self, **options: Any) -> dict[str, Any]:
        """Measure accuracy on its data set: see ``larq_igp.evaluate`` for options and results."""
        return evaluate(self.subject, **options)

    def convert(self, path: str | Path, **options: Any) -> Any:
        """Write a verified ``.tflite`` and its card: see ``larq_igp.export``."""
        return export(self.subject, path, **options)

    def report(self, path: str | Path) -> list[str]:
        """Write a page about the run: see ``larq_igp.write_report``."""
        from larq_igp.report.write import write_report

        return write_report(path, [self.subject.source])
