"""Name what is on an image file."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from larq_igp.data import Preprocessing
from larq_igp.data.images import decode
from larq_igp.errors import UserError
from larq_igp.inference.predictor import Predictor
from larq_igp.keras2 import tf
from larq_igp.training.fit.measure import finite


class ImageError(UserError):
    """A file is missing, or is not an image."""


def read_image(path: str | Path, preprocessing: Preprocessing) -> np.ndarray:
    """Read a PNG, JPEG, GIF or BMP file as a network's input ``(H, W, C)``, float32; colour becomes
    grey or back as needed.

    Raises:
        ImageError: if the file is missing or cannot be decoded.
    """
    path = Path(path)
    if not path.is_file():
        raise ImageError(f"image {path} does not exist, or is not a file.")
    try:
        return preprocessing(_decode(path.read_bytes(), preprocessing.input_shape[-1])).numpy()
    except (tf.errors.InvalidArgumentError, ValueError) as error:
        raise ImageError(
            f"{path} is not a PNG, JPEG, GIF or BMP image that this network can take."
        ) from error


def _decode(content: bytes, channels: int) -> tf.Tensor:
    """Decode to 1 or 3 channels if that is what the network has, as the images of a data set are;
    else to what the file has.
    """
    if channels in (1, 3):
        return decode(tf.constant(content), channels)
    return tf.io.decode_image(content, channels=0, expand_animations=False)


def predict_images(
    predictor: Predictor, paths: Sequence[str | Path], *, top: int
) -> list[dict[str, Any]]:
    """Classify image files.

    Args:
        predictor: from ``open_predictor``.
        paths: of the images; all are read before the first is classified.
        top: how many classes to name for each.

    Returns:
        for each image its path and its ``classes``, best first, each with ``label``, ``class_name``
        and ``probability``.

    Raises:
        ImageError: if a file is missing or is not an image.
    """
    images = np.stack([read_image(path, predictor.preprocessing) for path in paths])
    rows = []
    for path, probabilities in zip(paths, finite(predictor.predict(images)), strict=True):
        order = np.argsort(-probabilities, kind="stable")[:top]
        classes = [
            {
                "label": int(i),
                "class_name": predictor.class_names[i],
                "probability": float(probabilities[i]),
            }
            for i in order
        ]
        rows.append({"image": str(path), "classes": classes})
    return rows
