"""How far decoding is from Pillow, by format: in training, in evaluation and on a device."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from tabulate import tabulate

from larq_igp.data.images import decode, decode_random_part
from larq_igp.keras2 import tf
from tests.data.test_images import STORED, by_pillow, stored

TURNED = ("JPEG", "PNG", "WEBP", "TIFF")
"""Formats whose files say in EXIF how they are turned."""
HEADER = (
    "format", "Pillow's mode", "EXIF", "1 channel", "3 channels", "on a device",
    "parts to train on",
)  # fmt: skip
NAMES = {"1": "1 bit", "P": "P (palette)", "PA": "P with transparency"}


def decode_table() -> str:
    """Return the largest differences over all pixels, in grey levels of 255."""
    rows = [
        (
            form,
            NAMES.get(mode, mode),
            "all 8" if form in TURNED else "none",
            *(f"{each:.3g}" for each in _differences(form, mode)),
        )
        for form, mode in STORED
    ]
    return tabulate(rows, HEADER, tablefmt="pipe", disable_numparse=True)


def _differences(form: str, mode: str) -> list[float]:
    """Of 1 and of 3 channels in evaluation; of both on a device, and where parts are trained on."""
    from larq_igp_runtime.photos import _decoded

    largest = np.zeros(4)
    with TemporaryDirectory() as folder:
        photo = Path(folder) / "photo"
        for column, channels in enumerate((1, 3)):
            for orientation in range(1, 9 if form in TURNED else 2):
                content = stored(form, mode, orientation)
                photo.write_bytes(content)
                expected = by_pillow(content, channels)
                found = {
                    column: decode(tf.constant(content), channels).numpy(),
                    2: _decoded(photo, channels),
                    3: _whole_part(content, channels),
                }
                for place, pixels in found.items():
                    largest[place] = max(largest[place], np.abs(pixels - expected).max())
    return largest.tolist()


def _whole_part(content: bytes, channels: int) -> np.ndarray:
    """What a random part of an image for training has, where it is all of the image."""
    seed = tf.constant([0, 0], tf.int64)
    options = {"channels": channels, "area": 1.0, "scaled": False}
    return decode_random_part(tf.constant(content), (8, 8), seed, **options).numpy()
