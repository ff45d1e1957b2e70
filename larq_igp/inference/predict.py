"""Classify image files."""

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from larq_igp.data import Preprocessing
from larq_igp.data.corrupt import DECODE_ERRORS, reason_of
from larq_igp.data.images import MOST_IMAGE_BYTES, decode
from larq_igp.data.pipeline import decoded_channels
from larq_igp.deploy.card import why_no_card
from larq_igp.errors import UserError
from larq_igp.files import read_file
from larq_igp.inference.evaluate import opened
from larq_igp.inference.predictor import open_predictor
from larq_igp.inference.subject import Subject
from larq_igp.keras2 import tf
from larq_igp.training.fit.measure import finite

BATCH_SIZE = 32


class ImageError(UserError):
    """A file is missing or is not an image."""


def read_image(path: str | Path, preprocessing: Preprocessing) -> np.ndarray:
    """Read an image file as a network's input ``(H, W, C)``.

    Colour is converted to grey or back as needed. Decoding is the same as for the images of a data
    set.

    Raises:
        ImageError: if the file is missing or cannot be decoded.
    """
    path = Path(path)
    if not path.is_file():
        raise ImageError(f"image {path} does not exist or is not a file.")
    try:
        content = tf.constant(read_file(path, MOST_IMAGE_BYTES))
        return preprocessing(decode(content, decoded_channels(preprocessing))).numpy()
    except (*DECODE_ERRORS, UserError) as error:
        raise ImageError(
            f"{path} is not an image, or it is damaged: {reason_of(error)}."
        ) from error


def predict(
    source: str | Path | Subject,
    images: str | Path | Iterable[str | Path],
    *,
    top: int = 3,
    weights: str | None = None,
    engine: str | None = None,
    threads: int | None = None,
    unknown_operators: bool = False,
) -> Iterator[dict[str, Any]]:
    """Classify image files, one row after the other, in constant memory however many there are.

    Args:
        source: a source for ``open_subject``, or a subject.
        images: paths of image files, or one path; ``image_paths`` finds those in folders.
        top: number of classes to name for each image.
        weights: ``best`` or ``last``, for a run.
        engine: engine for a ``.tflite``; None for the fastest that is installed.
        threads: number of threads of that engine; None is 1.
        unknown_operators: whether a ``.tflite`` may have operators that the check does not know.

    Yields:
        a row for each image: ``image``, its path; ``classes``, best first, each with ``label``,
            ``class_name`` and ``probability``; and ``error``, which is None, or says why the image
            cannot be read: then there are no classes.

    Raises:
        UserError: if the subject cannot be opened.
    """
    subject = opened(source, weights)
    predictor = open_predictor(
        subject, engine=engine, threads=threads, unknown_operators=unknown_operators
    )
    preprocessing = subject.preprocessing
    if preprocessing is None:
        if subject.kind == "tflite" and subject.card is None:
            raise UserError(why_no_card(subject.source))
        if subject.kind in ("tflite", "keras"):
            raise UserError(
                f"it is not known how images are normalised for {subject.source}: convert a run "
                "or a model that begins with a Rescaling or Normalization layer."
            )
        preprocessing = subject.preprocessing_of(subject.load_data())
    preprocessing = preprocessing.as_pixels() if subject.takes_pixels else preprocessing
    names = subject.class_names
    paths = iter([images] if isinstance(images, str | Path) else images)
    while batch := list(islice(paths, BATCH_SIZE)):
        inputs, errors = _read(batch, preprocessing)
        answers = iter(finite(predictor.predict(np.stack(inputs))) if inputs else ())
        for path, error in zip(batch, errors, strict=True):
            classes = [] if error else _best(next(answers), names, top)
            yield {"image": str(path), "classes": classes, "error": error}


def _read(
    paths: Iterable[str | Path], preprocessing: Preprocessing
) -> tuple[list[np.ndarray], list[str | None]]:
    """Return the inputs of the images that can be read, and for each image an error or None."""
    inputs, errors = [], []
    for path in paths:
        error = None
        try:
            inputs.append(read_image(path, preprocessing))
        except ImageError as found:
            error = str(found)
        errors.append(error)
    return inputs, errors


def _best(probabilities: np.ndarray, names: tuple[str, ...], top: int) -> list[dict[str, Any]]:
    order = np.argsort(-probabilities, kind="stable")[:top]
    return [
        {"label": int(i), "class_name": names[i], "probability": float(probabilities[i])}
        for i in order
    ]
