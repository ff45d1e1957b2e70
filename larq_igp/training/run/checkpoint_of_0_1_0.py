"""Read the checkpoints that version 0.1.0 wrote.

A file is one line of JSON, ``{"state": {...}, "arrays": [[name, dtype, shape], ...]}``, the bytes
of the arrays in that order (little-endian, row-major), and the 32 bytes of the SHA-256 of all that
stands before them.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from larq_igp.files import read_file

SUFFIX = ".ckpt"
MOST_BYTES = 1 << 34
DIGEST_BYTES = hashlib.sha256().digest_size


def read(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return the state and the arrays.

    Raises:
        ValueError: if a single bit is not what was written.
        OSError: if it cannot be read.
    """
    data = read_file(path, MOST_BYTES)
    content, digest = data[:-DIGEST_BYTES], data[-DIGEST_BYTES:]
    if hashlib.sha256(content).digest() != digest:
        raise ValueError("sha256")
    line, _, _ = content.partition(b"\n")
    header, place = json.loads(line), len(line) + 1
    arrays = {}
    for name, dtype, shape in header["arrays"]:
        count = int(np.prod(shape, dtype=np.int64))
        arrays[name] = np.frombuffer(content, dtype, count, place).reshape(shape)
        place += arrays[name].nbytes
    return header["state"], arrays
