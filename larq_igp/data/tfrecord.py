"""TFRecord files of ``tf.train.Example``: where each record begins, and its small features.

Layout of a record: its length as a little-endian uint64, a checksum of that, the record, a checksum
of that. So records are found by hopping from one to the next, and so are the features within one:
a protocol buffer says the length of each field before it. Of an image, a few bytes are read.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from io import RawIOBase
from pathlib import Path
from typing import Any

import numpy as np
from google.protobuf.message import DecodeError

from larq_igp.data.dataset import DatasetError
from larq_igp.keras2 import tf

LENGTH_BYTES, CHECKSUM_BYTES = 8, 4
WINDOW_BYTES = 512
"""Read at once: the small features of an example and the beginning of the next one."""
FIELD_1, FIELD_2 = 0x0A, 0x12
"""Tags of the fields 1 and 2 of a protocol buffer whose lengths are written before them."""


@dataclass(frozen=True)
class Places:
    """Where the records of a file are, ``(N,)`` int64 in bytes."""

    begins: np.ndarray
    lengths: np.ndarray


def find_records(path: Path) -> Places:
    """Return where the records of a TFRecord file are.

    Raises:
        DatasetError: if the file ends within a record.
    """
    begins: list[int] = []
    lengths: list[int] = []
    size, place = path.stat().st_size, 0
    with path.open("rb", buffering=0) as file:
        while place < size:
            header = read_at(file, place, LENGTH_BYTES)
            begin = place + LENGTH_BYTES + CHECKSUM_BYTES
            length = struct.unpack("<Q", header)[0] if len(header) == LENGTH_BYTES else size
            place = begin + length + CHECKSUM_BYTES
            if place > size:
                raise DatasetError(
                    f"{path} is damaged: it ends within record {len(begins)}. Prepare it again."
                )
            begins.append(begin)
            lengths.append(length)
    return Places(np.array(begins, np.int64), np.array(lengths, np.int64))


def read_at(file: RawIOBase, place: int, length: int) -> bytes:
    """Return bytes at a place of a file that is opened without a buffer; fewer at its end."""
    file.seek(place)
    return file.read(length) or b""


def small_features(path: Path, places: Places, names: set[str]) -> Iterator[dict[str, Any]]:
    """Yield some features of each example, which must be a few bytes each; those before and after
    them, such as images, are not read.

    Args:
        path: of the TFRecord file.
        places: of its records.
        names: of the features.

    Yields:
        ``tf.train.Feature`` by name; what an example does not have is missing.

    Raises:
        DatasetError: if a record is not an example.
    """
    with path.open("rb", buffering=0) as file:
        records = zip(places.begins.tolist(), places.lengths.tolist(), strict=True)
        for number, (begin, length) in enumerate(records):
            try:
                yield _features_of(file, begin, length, names)
            except (ValueError, IndexError, DecodeError) as error:
                raise DatasetError(
                    f"{path} is damaged: record {number} is not an example. Prepare it again."
                ) from error


def _features_of(file: RawIOBase, begin: int, length: int, names: set[str]) -> dict[str, Any]:
    """Return features by name: ``Example { Features features = 1; }``, and ``Features`` is a list
    of ``{ string name = 1; Feature value = 2; }``.
    """
    found: dict[str, Any] = {}
    window, offset = read_at(file, begin, WINDOW_BYTES), begin
    _, at = _field(window, 0, FIELD_1)
    place, end = begin + at, begin + length
    while place < end and len(found) < len(names):
        if place - offset > len(window) - WINDOW_BYTES // 2:
            window, offset = read_at(file, place, min(WINDOW_BYTES, end - place)), place
        size, at = _field(window, place - offset, FIELD_1)
        name_size, name_at = _field(window, at, FIELD_1)
        name = window[name_at : name_at + name_size].decode()
        if name in names:
            value_size, value_at = _field(window, name_at + name_size, FIELD_2)
            value = window[value_at : value_at + value_size]
            if len(value) < value_size:
                value = read_at(file, offset + value_at, value_size)
            found[name] = tf.train.Feature.FromString(value)
        place = offset + at + size
    return found


def _field(data: bytes, place: int, tag: int) -> tuple[int, int]:
    """Return the length of a field, and where its content begins."""
    if data[place] != tag:
        raise ValueError(f"tag {data[place]}, expected {tag}")
    size = shift = 0
    while True:
        place += 1
        size |= (data[place] & 0x7F) << shift
        shift += 7
        if data[place] < 0x80:
            return size, place + 1
