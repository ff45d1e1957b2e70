"""Image files through Pillow, turned as their EXIF says."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL import Image

FORMATS = ("JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF")
"""That are read. Pillow goes by the bytes of a file, not by its name, and knows formats that are
programs: it gives EPS to Ghostscript, which runs it.
"""
GREY_16 = ("I;16", "I;16B", "I;16L", "I;16N", "I")
"""Pillow's modes of grey images with 16 bits."""
FIRST_TRANSPOSED = 5
"""EXIF's orientations from this on exchange height and width."""


@contextmanager
def _file(content: bytes) -> Iterator["Image.Image"]:
    """Open an image file; nothing is decoded.

    Raises:
        ValueError: if it has more pixels than Pillow decodes, or as in ``pixels_of``.
    """
    from PIL import Image

    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            yield image
    except Image.DecompressionBombError as error:
        raise ValueError("it has too many pixels") from error


@contextmanager
def _opened(content: bytes, channels: int, scale: int = 1) -> Iterator[tuple["Image.Image", int]]:
    """Open the first frame of an image file, as it is to be seen.

    Args:
        content: the file's bytes.
        channels: 1 or 3: of a JPEG for a grey network, the brightness that is stored is decoded.
        scale: 1, 2, 4 or 8: to how many times fewer rows and columns a JPEG is decoded.

    Yields:
        the image, and the scale: 1 for what is no JPEG.
    """
    from PIL import ImageOps

    with _file(content) as image:
        if image.format == "JPEG" and image.mode in ("RGB", "L"):
            width, height = image.size
            image.draft("L" if channels == 1 else "RGB", (width // scale, height // scale))
        else:
            scale = 1
        yield ImageOps.exif_transpose(image), scale


def _pixels(image: "Image.Image", channels: int) -> np.ndarray:
    from PIL import Image

    if image.mode in GREY_16:
        image = Image.fromarray(np.rint(np.asarray(image, np.float64) / 257).astype(np.uint8))
    elif image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")  # Pillow warns of what it would do on its own
    pixels = np.asarray(image.convert("L" if channels == 1 else "RGB"))
    return pixels.reshape(*pixels.shape[:2], channels)


def pixels_of(content: bytes, channels: int) -> np.ndarray:
    """Decode an image file: its first frame, turned as its EXIF says.

    Transparency is dropped, as Pillow's ``convert`` does. 16 bits become 8 by rounding, where
    ``convert`` would clip.

    Args:
        content: the file's bytes, in one of ``FORMATS``.
        channels: 1 or 3.

    Returns:
        uint8 ``(h, w, channels)``.

    Raises:
        OSError, ValueError, SyntaxError: if it is damaged, or no image.
    """
    with _opened(content, channels) as (image, _):
        return _pixels(image, channels)


def seen_shape_of(content: bytes) -> np.ndarray:
    """Return height, width and 3 channels of an image as it is to be seen, int32 ``(3,)``. Nothing
    is decoded but TIFF, whose size Pillow turns by itself, from some version on.

    Raises:
        OSError, ValueError, SyntaxError: if it is damaged, or no image.
    """
    from PIL import ExifTags

    with _file(content) as image:
        if image.format == "TIFF":
            image.load()  # takes the orientation from its EXIF
        width, height = image.size
        if image.getexif().get(ExifTags.Base.Orientation, 1) >= FIRST_TRANSPOSED:
            width, height = height, width
    return np.array([height, width, 3], np.int32)


def part_of(content: bytes, window: np.ndarray, scale: int, channels: int) -> np.ndarray:
    """Cut a window out of an image as it is to be seen: uint8 ``(h, w, channels)``.

    Args:
        content: the file's bytes.
        window: top, left, height and width in pixels of the whole image, ``(4,)``.
        scale: 1, 2, 4 or 8: the window of a JPEG is reduced so many times.
        channels: 1 or 3.

    Raises:
        OSError, ValueError, SyntaxError: if it is damaged, or no image.
    """
    with _opened(content, channels, scale) as (image, reduced):
        top, left, height, width = (int(each) // reduced for each in window)
        return _pixels(image.crop((left, top, left + width, top + height)), channels)
