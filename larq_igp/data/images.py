"""From the bytes of an image file to pixels: whole, or only the part that a random crop keeps."""

from collections.abc import Callable

import numpy as np

from larq_igp.data.pillow import part_of, pixels_of, seen_shape_of
from larq_igp.keras2 import tf

EXACT_DCT, FAST_DCT = "INTEGER_ACCURATE", "INTEGER_FAST"
"""How JPEGs are decoded: exactly where images are measured or predicted, as Pillow and torchvision
do, bit for bit; fast where they are trained on, which is TensorFlow's default and differs by about
one grey level."""

MOST_IMAGE_BYTES = 1 << 28
"""Of an image file."""
SCALES = (1, 2, 4, 8)
"""By which JPEG decoding can reduce an image:

it then computes that many times fewer rows and columns.
"""

MARKED = r"(?s)\C*(Exif|Adobe)\C*"
r"""A regular expression of RE2, where ``\C`` is any byte."""
HEAD_BYTES = 4096
"""Of a JPEG that are searched for marks: EXIF has to come first, or after JFIF's head."""
CROP_AREA, CROP_RATIO, CROP_ATTEMPTS = 0.08, (3 / 4, 4 / 3), 100
SQUARE = 1 << 12
"""Pixels of the side of a square that parts are drawn in which keep an image's ratio."""


def decode(content: tf.Tensor, channels: int) -> tf.Tensor:
    """Decode an image file to what Pillow makes of it, turned as its EXIF says: uint8
    ``(h, w, channels)``.

    Plain JPEGs are decoded by TensorFlow, bit for bit as by Pillow; what has EXIF or may be CMYK,
    and all other formats, by Pillow itself. The bytes say what a file is, not its name: ImageNet
    has a PNG called JPEG.

    Args:
        content: the file's bytes, a string ``()``.
        channels: 1 or 3.
    """
    image = tf.cond(
        _is_plain_jpeg(content),
        lambda: tf.io.decode_jpeg(content, channels=channels, dct_method=EXACT_DCT),
        lambda: _by_pillow(lambda content: pixels_of(content, channels), content),
    )
    return tf.ensure_shape(image, (None, None, channels))


def _is_plain_jpeg(content: tf.Tensor) -> tf.Tensor:
    """Tell whether a file is a JPEG without EXIF, which may turn it, and without Adobe's mark,
    which CMYK has.
    """
    head = tf.strings.substr(content, 0, HEAD_BYTES)
    return tf.io.is_jpeg(content) & ~tf.strings.regex_full_match(head, MARKED)


def _by_pillow(
    function: Callable[..., np.ndarray],
    content: tf.Tensor,
    *others: tf.Tensor,
    dtype: tf.DType = tf.uint8,
) -> tf.Tensor:
    """Call a function of Python with the bytes of an image file."""

    def call(content: "bytes | np.ndarray", *others: np.ndarray) -> np.ndarray:
        # It comes in an array where this runs eagerly.
        return function(content.item() if isinstance(content, np.ndarray) else content, *others)

    return tf.numpy_function(call, [content, *others], dtype, stateful=False)


def decode_random_part(
    content: tf.Tensor,
    size: tuple[int, int],
    seed: tf.Tensor,
    *,
    channels: int = 3,
    area: float = CROP_AREA,
    keeps_ratio: bool = False,
    dct_method: str = FAST_DCT,
    scaled: bool = True,
) -> tf.Tensor:
    """Cut a random part out of an image file, to be resized to ``size``: uint8
    ``(h, w, channels)``.

    The part has 8 to 100 % of the area and a ratio of width to height from 3/4 to 4/3 (arXiv
    1409.4842, section 6) of the image as it is seen. Of a JPEG only the part is decoded.
    With an ``area`` of 1 it is the whole image.

    Args:
        content: the file's bytes, a string ``()``.
        size: ``(H, W)`` that it is going to have.
        seed: two integers that are this example's own.
        channels: 1 or 3.
        area: the smallest part, as a share.
        keeps_ratio: whether the ratio of the part is from 3/4 to 4/3 of the image's own.
        dct_method: as ``tf.io.decode_jpeg`` knows it.
        scaled: whether a part at least twice the size is decoded at a half, a quarter or an eighth
            of its size: the mean of pixels that interpolation would skip.
    """
    scales = SCALES if scaled else SCALES[:1]

    def fitting_scales(window: tf.Tensor) -> tf.Tensor:
        """Tell by which of ``SCALES`` the window can be reduced and stay as large as the result."""
        return tf.reduce_min(window[2:] // tf.constant(size)) >= scales

    def random_window(shape: tf.Tensor) -> tf.Tensor:
        if area >= 1:
            return tf.concat([[0, 0], shape[:2]], axis=0)
        if not keeps_ratio:
            return _random_window(shape, area, seed)
        window = tf.cast(
            _random_window(tf.constant([SQUARE, SQUARE, channels]), area, seed), tf.int64
        )
        sides = tf.cast(shape[:2], tf.int64)
        # Each edge to the nearest pixel: parts rounded down would be seen to lie at the left.
        first, last = (
            (edge * sides + SQUARE // 2) // SQUARE for edge in (window[:2], window[:2] + window[2:])
        )
        first = tf.minimum(first, sides - 1)
        return tf.cast(tf.concat([first, tf.maximum(last - first, 1)], axis=0), tf.int32)

    def part_of_jpeg() -> tf.Tensor:
        window = random_window(tf.io.extract_jpeg_shape(content))
        branches = [
            lambda scale=scale: tf.io.decode_and_crop_jpeg(
                content, window // scale, ratio=scale, channels=channels, dct_method=dct_method
            )
            for scale in scales
        ]
        if not scaled:
            return branches[0]()
        chosen = tf.reduce_sum(tf.cast(fitting_scales(window)[1:], tf.int32))
        return tf.switch_case(chosen, branches)

    def part_of_other() -> tf.Tensor:
        shape = tf.ensure_shape(_by_pillow(seen_shape_of, content, dtype=tf.int32), (3,))
        window = random_window(shape)
        scale = tf.reduce_max(tf.where(fitting_scales(window), scales, 1))
        return _by_pillow(
            lambda content, window, scale: part_of(content, window, int(scale), channels),
            content,
            window,
            scale,
        )

    part = tf.cond(_is_plain_jpeg(content), part_of_jpeg, part_of_other)
    return tf.ensure_shape(part, (None, None, channels))


def _random_window(shape: tf.Tensor, area: float, seed: tf.Tensor) -> tf.Tensor:
    """Return top, left, height and width of a random part of an image; the whole where no such part
    can be found.
    """
    begin, extent, _ = tf.image.stateless_sample_distorted_bounding_box(
        shape,
        tf.constant([[[0.0, 0.0, 1.0, 1.0]]]),
        seed,
        min_object_covered=0.0,
        aspect_ratio_range=CROP_RATIO,
        area_range=(area, 1.0),
        max_attempts=CROP_ATTEMPTS,
        use_image_if_no_bounding_boxes=True,
    )
    return tf.stack([begin[0], begin[1], extent[0], extent[1]])
