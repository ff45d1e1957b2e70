"""Random changes of a training image, each drawn from the seed of its example."""

from larq_igp.data.dataset import Dataset
from larq_igp.keras2 import tf


def augment(image: tf.Tensor, dataset: Dataset, seed: tf.Tensor) -> tf.Tensor:
    """Move an image ``(H, W, C)`` by up to ``dataset.shift`` of its side, and mirror it if
    ``dataset.flip``.

    Args:
        image: uint8 or float32, any scale.
        dataset: says what its images bear: a mirrored shoe is a shoe, a mirrored 7 is not a 7.
        seed: two integers that are this example's own.
    """
    height, width, channels = image.shape
    if dataset.shift:
        pad_h, pad_w = round(height * dataset.shift), round(width * dataset.shift)
        padded = tf.pad(image, [[pad_h, pad_h], [pad_w, pad_w], [0, 0]], mode=dataset.border)
        image = tf.image.stateless_random_crop(padded, (height, width, channels), seed)
    if dataset.flip:
        image = tf.image.stateless_random_flip_left_right(image, seed + 1)
    return image
