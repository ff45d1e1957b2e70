"""From the bytes of an image file to pixels: whole, or only the part that a random crop keeps."""

from larq_igp.keras2 import tf

EXACT_DCT, FAST_DCT = "INTEGER_ACCURATE", "INTEGER_FAST"
"""How JPEGs are decoded: exactly where images are measured or predicted, as Pillow and torchvision
do, bit for bit; fast where they are trained on, which is TensorFlow's default and differs by about
one grey level."""

SCALES = (1, 2, 4, 8)
"""By which JPEG decoding can reduce an image:

it then computes that many times fewer rows and columns.
"""

CROP_AREA, CROP_RATIO, CROP_ATTEMPTS = (0.08, 1.0), (3 / 4, 4 / 3), 100


def decode(content: tf.Tensor, channels: int) -> tf.Tensor:
    """Decode a JPEG (CMYK and grey ones too), PNG, GIF (its first frame) or BMP: uint8
    ``(h, w, channels)``.

    Args:
        content: the file's bytes, a string ``()``. What it is is read from them, not from a name:
            ImageNet has a PNG called JPEG.
        channels: 1 or 3.
    """
    image = tf.cond(
        tf.io.is_jpeg(content),
        lambda: tf.io.decode_jpeg(content, channels=channels, dct_method=EXACT_DCT),
        lambda: _decode_other(content, channels),
    )
    return tf.ensure_shape(image, (None, None, channels))


def _decode_other(content: tf.Tensor, channels: int) -> tf.Tensor:
    if channels == 3:
        return tf.io.decode_image(content, channels=3, expand_animations=False)
    # GIF and BMP have no decoder to grey.
    return tf.cond(
        tf.equal(tf.strings.substr(content, 0, 4), b"\x89PNG"),
        lambda: tf.io.decode_png(content, channels=1),
        lambda: tf.image.rgb_to_grayscale(
            tf.io.decode_image(content, channels=3, expand_animations=False)
        ),
    )


def decode_random_part(
    content: tf.Tensor,
    size: tuple[int, int],
    seed: tf.Tensor,
    *,
    channels: int = 3,
    dct_method: str = FAST_DCT,
    scaled: bool = True,
) -> tf.Tensor:
    """Cut a random part out of an image file, to be resized to ``size``: uint8
    ``(h, w, channels)``.

    The part has 8 to 100 % of the area and a ratio of width to height from 3/4 to 4/3 (arXiv
    1409.4842, section 6). Of a JPEG only the part is decoded.

    Args:
        content: the file's bytes, a string ``()``.
        size: ``(H, W)`` that it is going to have.
        seed: two integers that are this example's own.
        channels: 1 or 3.
        dct_method: as ``tf.io.decode_jpeg`` knows it.
        scaled: whether a part at least twice the size is decoded at a half, a quarter or an eighth
            of its size: the mean of pixels that interpolation would skip.
    """

    def part_of_jpeg() -> tf.Tensor:
        window = _random_window(tf.io.extract_jpeg_shape(content), seed)
        scales = SCALES if scaled else SCALES[:1]
        branches = [
            lambda scale=scale: tf.io.decode_and_crop_jpeg(
                content, window // scale, ratio=scale, channels=channels, dct_method=dct_method
            )
            for scale in scales
        ]
        fits = tf.reduce_min(
            window[2:] // tf.constant(size)
        )  # how many times the part is as large as the result
        return (
            tf.switch_case(tf.reduce_sum(tf.cast(fits >= scales[1:], tf.int32)), branches)
            if scaled
            else branches[0]()
        )

    def part_of_other() -> tf.Tensor:
        image = _decode_other(content, channels)
        window = _random_window(tf.shape(image), seed)
        return tf.slice(image, [window[0], window[1], 0], [window[2], window[3], channels])

    part = tf.cond(tf.io.is_jpeg(content), part_of_jpeg, part_of_other)
    return tf.ensure_shape(part, (None, None, channels))


def _random_window(shape: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Return top, left, height and width of a random part of an image; the whole where no such part
    can be found.
    """
    begin, extent, _ = tf.image.stateless_sample_distorted_bounding_box(
        shape,
        tf.constant([[[0.0, 0.0, 1.0, 1.0]]]),
        seed,
        min_object_covered=0.0,
        aspect_ratio_range=CROP_RATIO,
        area_range=CROP_AREA,
        max_attempts=CROP_ATTEMPTS,
        use_image_if_no_bounding_boxes=True,
    )
    return tf.stack([begin[0], begin[1], extent[0], extent[1]])
