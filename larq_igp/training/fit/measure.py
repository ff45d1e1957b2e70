"""Measure accuracy on a split, with the same pipeline for Keras and for a device's file."""

from collections.abc import Callable
from typing import Any

import numpy as np

from larq_igp.data import Dataset, Preprocessing, eval_arrays
from larq_igp.errors import UserError
from larq_igp.training.fit.answers import Answers

EVAL_BATCH_SIZE = 100
SMALLEST_PROBABILITY = 1e-7  # as Keras clips, so that the logarithm is finite


def finite(probabilities: np.ndarray) -> np.ndarray:
    """Return what was given.

    Raises:
        UserError: if a network gave NaN or infinity.
    """
    if not np.isfinite(probabilities).all():
        raise UserError(
            "the network gives NaN or infinity: its weights or its preprocessing are damaged."
        )
    return probabilities


def measure(
    predict: Callable[[np.ndarray], np.ndarray],
    dataset: Dataset,
    split_name: str,
    preprocessing: Preprocessing,
    *,
    answers: Answers | None = None,
    before_each: Callable[[], object] = lambda: None,
) -> dict[str, Any]:
    """Measure a classifier on every example of a split.

    Args:
        predict: maps images ``(N, H, W, C)`` to probabilities ``(N, classes)``.
        dataset: whose examples are classified.
        split_name: which of them.
        preprocessing: from stored image to input.
        answers: gets the answer to each example.
        before_each: called before each batch; what it raises ends the measurement.

    Returns:
        ``top1`` and ``top5`` as shares from 0 to 1, the mean cross-entropy ``loss`` in nats, and
        of how many ``examples`` and ``classes`` they are. Of 5 classes or fewer, ``top5`` is 1.

    Raises:
        UserError: if the classifier gives NaN or infinity, or an image is corrupt.
    """
    top1 = top5 = 0
    loss = 0.0
    for images, labels in eval_arrays(
        dataset, split_name, preprocessing, batch_size=EVAL_BATCH_SIZE
    ):
        before_each()
        probabilities = finite(predict(images))
        ranked = np.argsort(-probabilities, axis=-1, kind="stable")[:, :5]
        top1 += int((ranked[:, 0] == labels).sum())
        top5 += int((ranked == labels[:, np.newaxis]).any(axis=-1).sum())
        if answers is not None:
            answers.add(probabilities, labels)
        of_truth = probabilities[np.arange(len(labels)), labels]
        loss -= float(np.log(np.maximum(of_truth, SMALLEST_PROBABILITY)).sum())
    examples = dataset.split(split_name).examples
    return {
        "top1": top1 / examples,
        "top5": top5 / examples,
        "loss": loss / examples,
        "examples": examples,
        "classes": len(dataset.class_names),
    }
