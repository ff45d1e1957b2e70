"""tf.data pipelines: a permutation of indices, load, augment, normalise, batch, prefetch."""

from larq_igp.data.augment import augment
from larq_igp.data.datasets import Dataset, DatasetError, Split
from larq_igp.data.preprocess import Preprocessing
from larq_igp.keras2 import tf


def steps_per_epoch(examples: int, batch_size: int) -> int:
    """Return the batches of one training epoch: whole ones only, as a rest would be normalised by its own few images.

    Raises:
        DatasetError: if not even one batch can be filled.
    """
    if batch_size > examples:
        raise DatasetError(
            f"a batch of {batch_size} cannot be filled from {examples} training images: lower --batch-size."
        )
    return examples // batch_size


def train_batches(
    dataset: Dataset, preprocessing: Preprocessing, *, batch_size: int, seed: int, first_step: int = 0
) -> "tf.data.Dataset":
    """Return an endless stream of training batches ``(N, H, W, C)`` float32 and ``(N,)`` int64.

    Epoch ``e`` visits the examples in the permutation of ``(seed, e)``, and the augmentation of its ``i``-th example is drawn from
    ``(seed, e, i)``: the stream does not depend on how many threads prepare it, or on where it was entered.

    Args:
        dataset: its ``train`` split is used.
        preprocessing: of the network.
        batch_size: images in a batch.
        seed: of permutations and augmentation.
        first_step: the step of the whole run to start from, so that a run goes on in the middle of an epoch.

    Raises:
        DatasetError: if the batch is larger than the split.
    """
    split = dataset.split("train")
    steps = steps_per_epoch(split.examples, batch_size)
    first_epoch = first_step // steps
    first_place = tf.constant(first_step % steps * batch_size, tf.int64)

    def epoch(number: tf.Tensor) -> tf.data.Dataset:
        order = tf.random.experimental.stateless_shuffle(tf.range(split.examples, dtype=tf.int64), seed=[seed, number])
        first = tf.where(number == first_epoch, first_place, 0)
        places = tf.data.Dataset.range(first, steps * batch_size)
        return places.map(lambda place: (tf.gather(order, place), number * split.examples + place))

    def example(index: tf.Tensor, place: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        image, label = split.load(index)
        image = augment(preprocessing.resize(image), dataset, seed=tf.stack([tf.constant(seed, tf.int64), place]))
        return preprocessing.normalise(image), label

    # Indices are shuffled before images are loaded: a permutation of the whole epoch costs 8 bytes an image.
    epochs = tf.data.Dataset.range(first_epoch, tf.int64.max).flat_map(epoch)
    return epochs.map(example, num_parallel_calls=tf.data.AUTOTUNE).batch(batch_size, drop_remainder=True).prefetch(2)


def eval_batches(split: Split, preprocessing: Preprocessing, *, batch_size: int) -> "tf.data.Dataset":
    """Return every example of a split once, in order, without augmentation: ``(N, H, W, C)`` float32 and ``(N,)`` int64."""

    def example(index: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        image, label = split.load(index)
        return preprocessing(image), label

    indices = tf.data.Dataset.range(split.examples)
    return indices.map(example, num_parallel_calls=tf.data.AUTOTUNE).batch(batch_size).prefetch(2)
