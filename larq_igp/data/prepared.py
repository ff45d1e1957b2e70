"""What tensorflow-datasets has prepared: small data sets as arrays, large ones as records that are
read by index.

tensorflow-datasets writes TFRecord files, which can only be read from the front, and shuffles them
through a window: such a stream cannot be entered in its middle without reading what comes before.
But a TFRecord file says the length of each record before it, so the places of all records are found
by hopping from one to the next, a few bytes each. That is done once and kept in a file; from then
on any record is one read at a known place, and the order of training is a permutation of numbers as
for every other data set.
"""

import hashlib
import os
import struct
import zipfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from larq_igp.data.dataset import DatasetError, Split, encoded_split
from larq_igp.data.fingerprint import fingerprint_of_files
from larq_igp.data.record import read_file_of, write_file_of
from larq_igp.keras2 import tf

LENGTH_BYTES, CHECKSUM_BYTES = 8, 4
PLACES = "larq-igp-records.npz"
DEFAULT_DIR = Path("~/tensorflow_datasets")


def tfds_arrays(
    name: str, data_dir: Path | None, download: bool, advice: str
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return all splits of a data set of tensorflow-datasets as arrays.

    Args:
        name: as tensorflow-datasets knows it.
        data_dir: where it is prepared, or None for ``~/tensorflow_datasets``.
        download: whether to fetch and prepare it when it is not there.
        advice: how to get it, the end of the sentence that says that it is missing.

    Raises:
        DatasetError: if it is not prepared and may not, or cannot, be downloaded.
    """
    import tensorflow_datasets as tfds

    where = data_dir or DEFAULT_DIR.expanduser()
    try:
        loaded = tfds.load(
            name, data_dir=data_dir, download=download, batch_size=-1, as_supervised=True
        )
    except AssertionError as error:  # tensorflow-datasets' word for "not prepared"
        raise DatasetError(f"{name} was not found in {where}: {advice}") from error
    except Exception as error:
        raise DatasetError(
            f"{name} could not be loaded through tensorflow-datasets ({_line(error)}): {advice}"
        ) from error
    return {split: tuple(tensor.numpy() for tensor in pair) for split, pair in loaded.items()}


@dataclass(frozen=True)
class Prepared:
    """A data set of images and labels that tensorflow-datasets has prepared.

    Attributes:
        folder: of the prepared version.
        class_names: the label ``i`` means ``class_names[i]``.
        splits: by the names of tensorflow-datasets.
        fingerprint: of all its files.
    """

    folder: Path
    class_names: tuple[str, ...]
    splits: dict[str, Split]
    fingerprint: str


def find_prepared(name: str, data_dir: Path | None) -> Path | None:
    """Return the folder of the newest prepared version of a data set, or None."""
    found = ((data_dir or DEFAULT_DIR.expanduser()) / name).glob("*/dataset_info.json")
    versions = [
        path.parent
        for path in found
        if all(part.isdecimal() for part in path.parent.name.split("."))
    ]
    return max(
        versions, key=lambda folder: [int(part) for part in folder.name.split(".")], default=None
    )


def prepare(name: str, data_dir: Path | None, advice: str) -> None:
    """Let tensorflow-datasets fetch and prepare a data set.

    Raises:
        DatasetError: if it cannot.
    """
    import tensorflow_datasets as tfds

    try:
        tfds.builder(name, data_dir=data_dir).download_and_prepare()
    except Exception as error:
        raise DatasetError(
            f"{name} could not be prepared by tensorflow-datasets ({_line(error)}): {advice}"
        ) from error


def open_prepared(folder: Path, split_names: tuple[str, ...]) -> Prepared:
    """Open splits of a prepared data set with the features ``image`` and ``label``.

    Raises:
        DatasetError: if files are missing or damaged, or are not TFRecord files.
    """
    import tensorflow_datasets as tfds

    try:
        info = tfds.builder_from_directory(folder).info
        class_names = tuple(info.features["label"].names)
    except Exception as error:
        raise DatasetError(
            f"{folder} is not a prepared data set of images and labels ({_line(error)})."
        ) from error
    if str(getattr(info.file_format, "value", info.file_format)) != "tfrecord":
        raise DatasetError(
            f"{folder} is prepared as {info.file_format}: prepare it as tfrecord, "
            "tensorflow-datasets' default."
        )
    missing = sorted(set(split_names) - set(info.splits))
    if missing:
        raise DatasetError(f"{folder} has no split {missing[0]}: prepare it again.")
    files = {name: [Path(path) for path in info.splits[name].filepaths] for name in split_names}
    lengths = {name: list(info.splits[name].shard_lengths) for name in split_names}
    fingerprint = _fingerprint(files, lengths)
    places = _places(folder, files, lengths, fingerprint)
    splits = {name: _record_split(name, folder, files[name], *places[name]) for name in split_names}
    return Prepared(folder, class_names, splits, fingerprint)


def _fingerprint(files: dict[str, list[Path]], lengths: dict[str, list[int]]) -> str:
    digest = hashlib.sha256()
    for split, paths in files.items():
        for path, examples in zip(paths, lengths[split], strict=True):
            if not path.is_file():
                raise DatasetError(f"{path.parent} lacks {path.name}: prepare it again.")
            digest.update(f"{split} {path.name} {path.stat().st_size} {examples}\n".encode())
    return digest.hexdigest()


def _places(
    folder: Path, files: dict, lengths: dict, fingerprint: str
) -> dict[str, tuple[np.ndarray, ...]]:
    """Return, by split, for each record the number of its file, where it begins, and its bytes;
    from the last time if it is kept.
    """
    columns = ("file", "begin", "length")
    kept = read_file_of(folder, PLACES)
    if kept is not None:
        # A file that is damaged is written again. It is opened here, for NumPy leaves a damaged one
        # open.
        with (
            suppress(OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile),
            open(kept, "rb") as file,
            np.load(file) as arrays,
        ):
            if str(arrays["fingerprint"]) == fingerprint:
                return {
                    split: tuple(arrays[f"{split}-{column}"] for column in columns)
                    for split in files
                }
    places = {}
    for split, paths in files.items():
        with ThreadPoolExecutor() as pool:
            of_files = list(pool.map(find_records, paths))
        for path, (begins, _), examples in zip(paths, of_files, lengths[split], strict=True):
            if len(begins) != examples:
                raise DatasetError(
                    f"{path} is damaged: it holds {len(begins)} records and should hold "
                    f"{examples}. Prepare it again."
                )
        numbers = np.repeat(np.arange(len(paths)), lengths[split])
        places[split] = (numbers, *(np.concatenate(parts) for parts in zip(*of_files, strict=True)))
    arrays = {
        f"{split}-{column}": array
        for split in places
        for column, array in zip(columns, places[split], strict=True)
    }
    write_file_of(folder, PLACES, lambda path: np.savez(path, fingerprint=fingerprint, **arrays))
    return places


def find_records(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return where the records of a TFRecord file begin, and their lengths, ``(N,)`` int64 in
    bytes.

    Layout of a record: its length as a little-endian uint64, a checksum of that, the record, a
    checksum of that.

    Raises:
        DatasetError: if the file ends within a record.
    """
    begins, lengths = [], []
    size, place = path.stat().st_size, 0
    with path.open("rb", buffering=0) as file:
        while place < size:
            header = os.pread(file.fileno(), LENGTH_BYTES, place)
            begin = place + LENGTH_BYTES + CHECKSUM_BYTES
            length = struct.unpack("<Q", header)[0] if len(header) == LENGTH_BYTES else size
            place = begin + length + CHECKSUM_BYTES
            if place > size:
                raise DatasetError(
                    f"{path} is damaged: it ends within record {len(begins)}. Prepare it again."
                )
            begins.append(begin)
            lengths.append(length)
    return np.array(begins, np.int64), np.array(lengths, np.int64)


def _record_split(
    name: str,
    folder: Path,
    paths: list[Path],
    numbers: np.ndarray,
    begins: np.ndarray,
    lengths: np.ndarray,
) -> Split:
    features = {
        "image": tf.io.FixedLenFeature((), tf.string),
        "label": tf.io.FixedLenFeature((), tf.int64),
    }

    def record_at(index: np.ndarray) -> bytes:
        # A file is opened for each read: a thousand open files are more than many machines allow.
        with paths[numbers[index]].open("rb", buffering=0) as file:
            return os.pread(file.fileno(), int(lengths[index]), int(begins[index]))

    def read(index: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        record = tf.ensure_shape(tf.numpy_function(record_at, [index], tf.string), ())
        example = tf.io.parse_single_example(record, features)
        return example["image"], example["label"]

    return encoded_split(
        len(numbers),
        read,
        lambda index: f"{paths[numbers[index]].name}, record {int(index)} of {name}",
        lambda: fingerprint_of_files(folder, [path.name for path in paths]),
    )


def _line(error: Exception) -> str:
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__
