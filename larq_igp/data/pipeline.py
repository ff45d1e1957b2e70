"""tf.data pipelines: a permutation of indices, load, augment, batch, prefetch."""

from collections.abc import Iterator

import numpy as np

from larq_igp.data.augment import augment
from larq_igp.data.corrupt import corrupt_images_named
from larq_igp.data.dataset import Dataset, DatasetError, Split
from larq_igp.data.images import EXACT_DCT, FAST_DCT, decode, decode_random_part
from larq_igp.data.preprocess import Preprocessing, to_uint8
from larq_igp.keras2 import tf


def steps_per_epoch(examples: int, batch_size: int) -> int:
    """Return the batches of one training epoch: whole ones only, as a rest would be normalised by
    its own few images.

    Raises:
        DatasetError: if not even one batch can be filled.
    """
    if batch_size > examples:
        raise DatasetError(
            f"a batch of {batch_size} cannot be filled from {examples} training images: lower "
            "--batch-size."
        )
    return examples // batch_size


def order_of_epoch(examples: int, seed: int, epoch: "int | tf.Tensor") -> "tf.Tensor":
    """Return the indices of the training examples ``(N,)`` int64 in the order of an epoch:

    the permutation of ``(seed, epoch)``.
    """
    return tf.random.experimental.stateless_shuffle(
        tf.range(examples, dtype=tf.int64), seed=[seed, epoch]
    )


def train_indices(dataset: Dataset, *, batch_size: int, seed: int, steps: range) -> Iterator[int]:
    """Yield the indices of the training examples that ``train_batches`` reads for some steps, in
    its order.
    """
    examples = dataset.split("train").examples
    for step in steps:
        epoch, place = divmod(step, steps_per_epoch(examples, batch_size))
        order = order_of_epoch(examples, seed, epoch).numpy()
        yield from order[place * batch_size : (place + 1) * batch_size].tolist()


def train_batches(
    dataset: Dataset,
    preprocessing: Preprocessing,
    *,
    batch_size: int,
    seed: int,
    first_step: int = 0,
    share: tuple[int, int] = (0, 1),
) -> "tf.data.Dataset":
    """Return an endless stream of training batches ``(N, H, W, C)``, not yet normalised, and labels
    ``(N,)`` int64.

    Pixels are uint8, a quarter of the bytes of a network's input, which ``preprocessing.normalise``
    makes of them where the network computes. Parts of image files are rounded to that; images in
    memory that are resized are float32, on the same scale of 0 to 255.

    Epoch ``e`` visits the examples in the permutation of ``(seed, e)``, and the augmentation of its
    ``i``-th example is drawn from ``(seed, e, i)``: the stream does not depend on how many threads
    prepare it, or on where it was entered.

    Args:
        dataset: its ``train`` split is used.
        preprocessing: of the network.
        batch_size: images in a batch, of all workers together.
        seed: of permutations and augmentation.
        first_step: the step of the whole run to start from, so that a run can be resumed
            in the middle of an epoch.
        share: number of this worker and how many there are: it gets that part of every batch, and
            loads no other image.

    Raises:
        DatasetError: if the batch is larger than the split, or cannot be shared out evenly.
    """
    split = dataset.split("train")
    steps = steps_per_epoch(split.examples, batch_size)
    worker, workers = share
    if batch_size % workers:
        raise DatasetError(
            f"a batch of {batch_size} cannot be shared out to {workers} workers: give a multiple "
            f"of {workers}."
        )
    own = batch_size // workers
    first_epoch = first_step // steps

    def epoch(number: tf.Tensor) -> tf.data.Dataset:
        places = tf.reshape(tf.range(steps * batch_size, dtype=tf.int64), (steps, workers, own))
        places = tf.reshape(
            places[tf.where(number == first_epoch, first_step % steps, 0) :, worker], [-1]
        )
        indices = tf.gather(order_of_epoch(split.examples, seed, number), places)
        return tf.data.Dataset.from_tensor_slices((indices, number * split.examples + places))

    def example(index: tf.Tensor, place: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        seeds = tf.stack([tf.constant(seed, tf.int64), place])
        if split.read is None:
            image, label = split.load(index)
            return augment(preprocessing.resize(image), dataset, seed=seeds), label
        content, label = split.read(index)
        size, channels = preprocessing.input_shape[:2], decoded_channels(preprocessing)
        is_whole, is_cropped = dataset.crop_area >= 1, preprocessing.crop is not None
        part = decode_random_part(
            content,
            size,
            seeds,
            channels=channels,
            area=dataset.crop_area,
            keeps_ratio=not is_cropped,
            dct_method=EXACT_DCT if is_whole else FAST_DCT,
            scaled=not is_whole,
        )
        resize = preprocessing.stretch if is_cropped and not is_whole else preprocessing.resize
        # Changed last, when it has the fewest bytes.
        return augment(to_uint8(resize(part)), dataset, seed=seeds), label

    # Indices are shuffled before images are loaded: a permutation of the whole epoch costs 16 bytes
    # an image, its places included.
    epochs = tf.data.Dataset.range(first_epoch, tf.int64.max).flat_map(epoch)
    return (
        epochs.map(example, num_parallel_calls=tf.data.AUTOTUNE)
        .batch(own, drop_remainder=True)
        .prefetch(2)
    )


def train_arrays(
    dataset: Dataset, preprocessing: Preprocessing, *, batch_size: int, seed: int, batches: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the first batches of ``train_batches``, normalised, as NumPy arrays.

    Raises:
        DatasetError: naming the image, if one cannot be decoded.
    """
    stream = iter(train_batches(dataset, preprocessing, batch_size=batch_size, seed=seed))
    for step in range(batches):
        read = train_indices(dataset, batch_size=batch_size, seed=seed, steps=range(step, step + 1))
        with corrupt_images_named(dataset, "train", read):
            images, labels = next(stream)
        yield preprocessing.normalise(images).numpy(), labels.numpy()


def decoded_channels(preprocessing: Preprocessing) -> int:
    """Return the channels that an image file is decoded to:

    grey for a grey network, else colour.
    """
    return 1 if preprocessing.input_shape[-1] == 1 else 3


def eval_batches(
    split: Split, preprocessing: Preprocessing, *, batch_size: int
) -> "tf.data.Dataset":
    """Return every example of a split once, in order, without augmentation: ``(N, H, W, C)`` as
    the preprocessing makes them, mostly float32, and ``(N,)`` int64.
    """

    def example(index: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        if split.read is None:
            image, label = split.load(index)
        else:
            content, label = split.read(index)
            image = decode(content, channels=decoded_channels(preprocessing))
        return preprocessing(image), label

    indices = tf.data.Dataset.range(split.examples)
    return indices.map(example, num_parallel_calls=tf.data.AUTOTUNE).batch(batch_size).prefetch(2)


def eval_arrays(
    dataset: Dataset, split_name: str, preprocessing: Preprocessing, *, batch_size: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the batches of ``eval_batches`` as NumPy arrays.

    Raises:
        DatasetError: naming the image, if one cannot be decoded.
    """
    split = dataset.split(split_name)
    batches = eval_batches(split, preprocessing, batch_size=batch_size).as_numpy_iterator()
    for first in range(0, split.examples, batch_size):
        with corrupt_images_named(
            dataset, split_name, range(first, min(first + batch_size, split.examples))
        ):
            batch = next(batches)
        yield batch
