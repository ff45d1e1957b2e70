"""Read IDX files, the format of MNIST and its successors, gzipped or not.

Layout: two zero bytes, a type (8 is uint8), the number of dimensions, each dimension as a
big-endian uint32, then the values.
"""

import gzip
import io
import struct
import zlib
from math import prod
from pathlib import Path

import numpy as np

from larq_igp.errors import UserError
from larq_igp.files import read_file

UINT8 = 8
MOST_BYTES, MOST_DIMENSIONS = 1 << 30, 4
"""Of a file, and of its array. The images of Fashion-MNIST are 47 MB in three dimensions."""


class IdxError(UserError):
    """An IDX file is damaged, or is not one."""


def idx_path(folder: Path, stem: str) -> Path | None:
    """Return the file of this stem in a folder, plain or gzipped, or None."""
    candidates = (folder / stem, folder / f"{stem}.gz")
    return next((path for path in candidates if path.is_file()), None)


def find_idx_folder(folder: Path) -> Path | None:
    """Return ``folder`` if it holds the training images of MNIST's file naming, or None."""
    return folder if idx_path(folder, "train-images-idx3-ubyte") else None


def read_idx(folder: Path, stem: str) -> np.ndarray:
    """Read one file as a uint8 array of the shape that its header states.

    Raises:
        IdxError: if it is missing, truncated, or not a uint8 IDX file.
    """
    path = idx_path(folder, stem)
    if path is None:
        raise IdxError(f"{folder} lacks {stem} or {stem}.gz.")
    try:
        data = read_file(path, MOST_BYTES)
        if path.suffix == ".gz":
            with gzip.open(io.BytesIO(data)) as unpacked:
                data = unpacked.read(MOST_BYTES + 1)
    except (EOFError, OSError, zlib.error) as error:
        raise IdxError(f"{path} cannot be read ({error}): fetch it again.") from error
    if len(data) < 4 or data[:3] != bytes([0, 0, UINT8]):
        raise IdxError(f"{path} is not an IDX file of bytes: fetch it again.")
    dimensions, header = data[3], 4 + 4 * data[3]
    shape = struct.unpack(f">{dimensions}I", data[4:header]) if len(data) >= header else ()
    if len(data) > MOST_BYTES or dimensions > MOST_DIMENSIONS:
        raise IdxError(
            f"{path} holds more than {MOST_BYTES:,} bytes or {MOST_DIMENSIONS} dimensions: fetch "
            "it again."
        )
    if not shape or len(data) - header != prod(shape):
        raise IdxError(
            f"{path} is truncated: its header and its size do not agree. Fetch it again."
        )
    return np.frombuffer(data, np.uint8, offset=header).reshape(shape)
