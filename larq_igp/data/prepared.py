"""What tensorflow-datasets has prepared: small data sets as arrays, large ones as records that are
read by index.

tensorflow-datasets writes TFRecord files, which can only be read from the front, and shuffles them
through a window: such a stream cannot be entered in its middle without reading what comes before.
So the places of all records are found once and kept in a file, see ``larq_igp.data.tfrecord``; from
then on any record is one read at a known place, and the order of training is a permutation of
numbers as for every other data set.
"""

import hashlib
import zipfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from larq_igp.data.dataset import DatasetError, Split, encoded_split
from larq_igp.data.fingerprint import fingerprint_of_files
from larq_igp.data.hold_out import hash_of_name
from larq_igp.data.kept_files import path_of, write_file_of
from larq_igp.data.tfrecord import find_records, read_at, small_features
from larq_igp.keras2 import tf

PLACES = "records.npz"
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
class Records:
    """The records of a split, ``(N,)`` each.

    Attributes:
        file: number of the file that holds it.
        begin: where it begins there, in bytes.
        length: in bytes.
        label: of the image.
        name_hash: of its ``file_name``, by ``larq_igp.data.hold_out``.
    """

    file: np.ndarray
    begin: np.ndarray
    length: np.ndarray
    label: np.ndarray
    name_hash: np.ndarray


@dataclass(frozen=True)
class Prepared:
    """A data set of images and labels that tensorflow-datasets has prepared.

    Attributes:
        folder: folder of the prepared version.
        class_names: the label ``i`` means ``class_names[i]``.
        splits: splits by their names in tensorflow-datasets.
        records: records by the same names.
        fingerprint: of the names and sizes of all its files.
    """

    folder: Path
    class_names: tuple[str, ...]
    splits: dict[str, Split]
    records: dict[str, Records]
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
    """Open splits of a prepared data set with the features ``image``, ``label`` and ``file_name``.

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
    records = _records(folder, files, lengths, fingerprint)
    splits = {name: _record_split(name, folder, files[name], records[name]) for name in split_names}
    return Prepared(folder, class_names, splits, records, fingerprint)


def _fingerprint(files: dict[str, list[Path]], lengths: dict[str, list[int]]) -> str:
    digest = hashlib.sha256()
    for split, paths in files.items():
        for path, examples in zip(paths, lengths[split], strict=True):
            if not path.is_file():
                raise DatasetError(f"{path.parent} lacks {path.name}: prepare it again.")
            digest.update(f"{split} {path.name} {path.stat().st_size} {examples}\n".encode())
    return digest.hexdigest()


def _records(
    folder: Path, files: dict[str, list[Path]], lengths: dict, fingerprint: str
) -> dict[str, Records]:
    """Return the records of each split; from the last time if they are kept."""
    columns = [each.name for each in fields(Records)]
    kept = path_of(folder, PLACES)
    if kept.is_file():
        # A file that is damaged, or of an earlier version, is written again. It is opened here, for
        # NumPy leaves a damaged one open.
        with (
            suppress(OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile),
            open(kept, "rb") as file,
            np.load(file) as arrays,
        ):
            if str(arrays["fingerprint"]) == fingerprint:
                return {
                    split: Records(*(arrays[f"{split}-{column}"] for column in columns))
                    for split in files
                }
    records = {split: _find(paths, lengths[split]) for split, paths in files.items()}
    arrays = {
        f"{split}-{column}": getattr(found, column)
        for split, found in records.items()
        for column in columns
    }
    write_file_of(folder, PLACES, lambda path: np.savez(path, fingerprint=fingerprint, **arrays))
    return records


def _find(paths: list[Path], lengths: list[int]) -> Records:
    """Find the records of a split in its files.

    Args:
        paths: of the files.
        lengths: how many records each must hold.
    """
    with ThreadPoolExecutor() as pool:
        of_files = list(pool.map(_find_in, paths))
    for path, found, examples in zip(paths, of_files, lengths, strict=True):
        if len(found[0]) != examples:
            raise DatasetError(
                f"{path} is damaged: it holds {len(found[0])} records and should hold "
                f"{examples}. Prepare it again."
            )
    numbers = np.repeat(np.arange(len(paths)), lengths)
    return Records(numbers, *(np.concatenate(parts) for parts in zip(*of_files, strict=True)))


def _find_in(path: Path) -> tuple[np.ndarray, ...]:
    """Return begins, lengths, labels and hashes of names of one file."""
    places = find_records(path)
    labels, hashes = [], []
    for found in small_features(path, places, {"label", "file_name"}):
        if len(found) < 2:
            raise DatasetError(
                f"{path} holds images without a label or a file_name: prepare it again."
            )
        labels.append(found["label"].int64_list.value[0])
        hashes.append(hash_of_name(found["file_name"].bytes_list.value[0]))
    return (places.begins, places.lengths, np.array(labels, np.int64), np.array(hashes, np.uint64))


def _record_split(name: str, folder: Path, paths: list[Path], records: Records) -> Split:
    features = {
        "image": tf.io.FixedLenFeature((), tf.string),
        "label": tf.io.FixedLenFeature((), tf.int64),
    }

    def record_at(index: np.ndarray) -> bytes:
        # A file is opened for each read: a thousand open files are more than many machines allow.
        with paths[records.file[index]].open("rb", buffering=0) as file:
            return read_at(file, int(records.begin[index]), int(records.length[index]))

    def read(index: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        record = tf.ensure_shape(tf.numpy_function(record_at, [index], tf.string), ())
        example = tf.io.parse_single_example(record, features)
        return example["image"], example["label"]

    return encoded_split(
        len(records.file),
        read,
        lambda index: f"{paths[records.file[index]].name}, record {int(index)} of {name}",
        lambda: fingerprint_of_files(folder, [path.name for path in paths]),
    )


def _line(error: Exception) -> str:
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__
