"""A picture of samples of each class, as they are decoded: what is turned, mislabelled or empty is
seen at once.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from larq_igp.data.dataset import Dataset
from larq_igp.errors import UserError
from larq_igp.files import atomic_path, check_writable
from larq_igp.keras2 import tf

if TYPE_CHECKING:
    from PIL import Image

SUFFIXES = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG"}
SIDE, GAP, LINE, SAMPLES = 96, 4, 16, 8
"""Of a sample and between two, of a class's name, in px; and samples of a class."""
MOST_CLASSES = 200
"""That are shown, the first ones."""
INK, PAPER = "black", "white"


def check_sheet_path(path: str | Path) -> None:
    """Refuse what ``write_contact_sheet`` would refuse.

    Raises:
        UserError: if the name ends otherwise than a PNG's or a JPEG's, or cannot be written.
    """
    if Path(path).suffix.lower() not in SUFFIXES:
        raise UserError(f"{path} must end in one of {', '.join(SUFFIXES)}.")
    check_writable(path)


def write_contact_sheet(dataset: Dataset, path: str | Path) -> None:
    """Write samples of each class of the training images, evenly spread, a row a class.

    Args:
        dataset: whose images can be decoded.
        path: of a PNG or a JPEG.

    Raises:
        UserError: as ``check_sheet_path``.
        DatasetError: if labels are known only one by one.
    """
    from PIL import Image, ImageDraw

    check_sheet_path(path)
    split = dataset.split("train")
    labels = dataset.train_labels(": there is no contact sheet of them.")
    names = dataset.class_names[:MOST_CLASSES]
    row = LINE + SIDE + GAP
    sheet = Image.new("RGB", (GAP + SAMPLES * (SIDE + GAP), GAP + len(names) * row), PAPER)
    draw = ImageDraw.Draw(sheet)
    for label, name in enumerate(names):
        indices = np.flatnonzero(labels == label)
        top = GAP + label * row
        # Pillow's own font knows no more than Latin-1.
        text = f"{name} ({len(indices):,})".encode("latin-1", "replace").decode("latin-1")
        draw.text((GAP, top), text, fill=INK)
        places = np.linspace(0, len(indices) - 1, min(SAMPLES, len(indices))).astype(int)
        for place, index in enumerate(indices[places]):
            pixels, _ = split.load(tf.constant(index, tf.int64))
            sample = _thumbnail(pixels.numpy())
            left = GAP + place * (SIDE + GAP) + (SIDE - sample.width) // 2
            sheet.paste(sample, (left, top + LINE + (SIDE - sample.height) // 2))
    with atomic_path(path) as temporary:
        sheet.save(temporary, SUFFIXES[Path(path).suffix.lower()])


def _thumbnail(pixels: np.ndarray) -> "Image.Image":
    from PIL import Image, ImageOps

    image = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
    return ImageOps.contain(image, (SIDE, SIDE))
