"""Random changes of a training image, each drawn from the seed of its example."""

from larq_igp.data.dataset import Dataset
from larq_igp.keras2 import tf


def augment(image: tf.Tensor, dataset: Dataset, seed: tf.Tensor) -> tf.Tensor:
    """Change an image ``(H, W, C)`` at random, as its data set says; what it says nothing of stays
    as it is.

    Args:
        image: uint8, or float32 on the scale 0 to 255; the result is of the same type.
        dataset: its ``shift``, ``flip``, ``colour_jitter`` and ``cut_out``.
        seed: two integers that are this example's own.
    """
    height, width, channels = image.shape
    if dataset.shift:
        pad_h, pad_w = round(height * dataset.shift), round(width * dataset.shift)
        padded = tf.pad(image, [[pad_h, pad_h], [pad_w, pad_w], [0, 0]], mode=dataset.border)
        image = tf.image.stateless_random_crop(padded, (height, width, channels), seed)
    if dataset.flip:
        image = tf.image.stateless_random_flip_left_right(image, seed + 1)
    if dataset.colour_jitter:
        image = _with_other_colours(image, dataset.colour_jitter, seed)
    if dataset.cut_out:
        image = _cut_out(image, dataset, seed + 5)
    return image


def _with_other_colours(image: tf.Tensor, most: float, seed: tf.Tensor) -> tf.Tensor:
    """Change brightness, contrast and saturation by up to a share of each."""
    changed = tf.cast(image, tf.float32) / 255
    changed = tf.image.stateless_random_brightness(changed, most, seed + 2)
    changed = tf.image.stateless_random_contrast(changed, 1 - most, 1 + most, seed + 3)
    if image.shape[-1] == 3:
        changed = tf.image.stateless_random_saturation(changed, 1 - most, 1 + most, seed + 4)
    changed = 255 * tf.clip_by_value(changed, 0.0, 1.0)
    return tf.cast(tf.round(changed), tf.uint8) if image.dtype == tf.uint8 else changed


def _cut_out(image: tf.Tensor, dataset: Dataset, seed: tf.Tensor) -> tf.Tensor:
    """Cut a square out, whose centre is anywhere in the image, and fill it with the mean."""
    height, width = image.shape[:2]
    centre = tf.random.stateless_uniform([2], seed) * tf.constant([height, width], tf.float32)
    half = dataset.cut_out * min(height, width) / 2
    inside = [
        tf.abs(tf.range(side, dtype=tf.float32) + 0.5 - middle) < half
        for side, middle in ((height, centre[0]), (width, centre[1]))
    ]
    hole = (inside[0][:, tf.newaxis] & inside[1])[..., tf.newaxis]
    return tf.where(hole, tf.cast(dataset.preprocessing(image.shape).ground, image.dtype), image)
