"""A tiny part of the real images, in files of the official format."""

import struct
from pathlib import Path

import numpy as np
import pytest

from larq_igp.data.datasets import FASHION_VALIDATION
from larq_igp.data.idx import read_idx

TRAIN_IMAGES, TEST_IMAGES = 256, FASHION_VALIDATION + 1


def write_idx(path: Path, array: np.ndarray) -> None:
    header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    path.write_bytes(header + array.tobytes())


@pytest.fixture(scope="session")
def few_images(fashion_folder, tmp_path_factory) -> Path:
    """256 training images, all 5,000 validation images, 5,001 test images."""
    folder = tmp_path_factory.mktemp("few")
    parts = {"train": TRAIN_IMAGES + FASHION_VALIDATION, "t10k": TEST_IMAGES}
    for part, count in parts.items():
        for kind in ("images-idx3", "labels-idx1"):
            name = f"{part}-{kind}-ubyte"
            write_idx(folder / name, read_idx(fashion_folder, name)[-count:])
    return folder
