"""From a batch of the pipeline to what a training step learns from: mixed with another, normalised,
weighed. All of it is a function of the seed and the step.
"""

from collections.abc import Callable

import numpy as np

from larq_igp.data import Dataset, Preprocessing
from larq_igp.keras2 import tf
from larq_igp.training.recipe import Recipe

Prepare = Callable[["tf.Tensor", "tf.Tensor"], tuple]
"""Maps images ``(N, H, W, C)`` and labels ``(N,)`` to what ``Model.train_step`` takes."""


def balanced_weights(dataset: Dataset) -> np.ndarray:
    """Return for each class the weight of an example, ``(classes,)`` float32: all examples over
    those of the class and the number of classes, so that the mean over the examples is 1.

    Raises:
        DatasetError: if labels are known only one by one.
    """
    labels = dataset.train_labels(", so classes cannot be weighed: leave out class_weights.")
    classes = len(dataset.class_names)
    counts = np.maximum(np.bincount(labels, minlength=classes), 1)
    return (len(labels) / (classes * counts)).astype(np.float32)


def preparation(
    recipe: Recipe, dataset: Dataset, preprocessing: Preprocessing, model: "tf.keras.Model"
) -> Prepare:
    """Return what is done to each batch.

    Args:
        recipe: its ``mixup``, ``class_weights`` and ``seed`` are read.
        dataset: whose classes are counted.
        preprocessing: of its images.
        model: compiled; the steps of its optimizer are the state of the random numbers.

    Raises:
        DatasetError: as ``balanced_weights``.
    """
    weights = balanced_weights(dataset) if recipe.class_weights else None
    classes = len(dataset.class_names)

    def prepare(images: tf.Tensor, labels: tf.Tensor) -> tuple:
        shares = labels
        if recipe.mixup:
            seed = tf.stack([recipe.seed, tf.cast(model.optimizer.iterations, tf.int32)])
            shares = tf.one_hot(labels, classes)
            images, shares = mixed(images, shares, recipe.mixup, seed)
        examples = (preprocessing.normalise(images), shares)
        if weights is None:
            return examples
        if recipe.mixup:
            return (*examples, tf.linalg.matvec(shares, weights))
        return (*examples, tf.gather(weights, labels))

    return prepare


def mixed(
    images: tf.Tensor, shares: tf.Tensor, alpha: float, seed: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Mix each example with the one at its place from the batch's end, in a share drawn from
    Beta(alpha, alpha) for the batch (arXiv 1710.09412, as its authors' code does).

    Args:
        images: ``(N, H, W, C)``, any scale.
        shares: of the classes, ``(N, classes)``.
        alpha: above 0.
        seed: two integers that are this batch's own.
    """
    gamma = tf.random.stateless_gamma([2], seed, alpha)
    share = tf.math.divide_no_nan(gamma[0], gamma[0] + gamma[1])
    images = tf.cast(images, tf.float32)
    return (
        share * images + (1 - share) * images[::-1],
        share * shares + (1 - share) * shares[::-1],
    )
