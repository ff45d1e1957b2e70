"""Which images of a data set are corrupt, found once and kept; and what is done with them.

A corrupt image must not be met in the middle of a run: leaving it out there would change which
image every later number means. So a run that leaves corrupt images out knows them before it begins.
"""

import dataclasses
import sys
from pathlib import Path

import msgspec

from larq_igp.data.corrupt import Corrupt, Progress, check_command, find_corrupt, images_text
from larq_igp.data.dataset import Dataset, DatasetError, Store
from larq_igp.data.kept_files import path_of, write_file_of

REFUSE, SKIP = "refuse", "skip"


class Check(msgspec.Struct):
    """What a check found.

    Attributes:
        fingerprint: of the names of the images: it says nothing about other images.
        corrupt: images that cannot be decoded.
    """

    fingerprint: str
    corrupt: list[Corrupt]


def _record_name(dataset: Dataset) -> str:
    # a folder can be read as two data sets, with other splits
    return f"check-{dataset.name}.json"


def record_path(dataset: Dataset, store: Store) -> Path:
    """Return where the check of a data set is kept."""
    return path_of(store.folder, _record_name(dataset))


def check_images(dataset: Dataset, store: Store, progress: Progress) -> list[Corrupt]:
    """Decode every image and keep what is found for later runs.

    Args:
        dataset: of encoded images.
        store: of that data set.
        progress: called now and then.
    """
    check = Check(store.fingerprint, find_corrupt(dataset, progress))
    content = msgspec.json.format(msgspec.json.encode(check))
    write_file_of(store.folder, _record_name(dataset), lambda path: _write(path, content))
    return check.corrupt


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def _kept_check(dataset: Dataset, store: Store) -> list[Corrupt] | None:
    """Return what the last check found; None if there was none of these images, or its record is
    damaged.
    """
    try:
        check = msgspec.json.decode(record_path(dataset, store).read_bytes(), type=Check)
    except (OSError, msgspec.DecodeError):
        return None
    return check.corrupt if check.fingerprint == store.fingerprint else None


def apply_check(dataset: Dataset, choice: str) -> Dataset:
    """Return the data set without its corrupt images, or refuse it.

    Args:
        dataset: as it is stored.
        choice: ``refuse``: images that were never checked are trusted; ``skip``: they are checked
            now, and what is left out is said on standard error.

    Raises:
        DatasetError: if images are known to be corrupt, and are not to be left out.
    """
    store = dataset.store
    if store is None:
        return dataset
    corrupt = _kept_check(dataset, store)
    if corrupt is None and choice == SKIP:
        print(f"{dataset.name}: every image is decoded once, to find corrupt ones", file=sys.stderr)
        corrupt = check_images(dataset, store, lambda done, total: None)
    if not corrupt:
        return dataset
    if choice != SKIP:
        raise DatasetError(
            f"{images_text(dataset, corrupt)}: replace them and run `{check_command(dataset)}`, or "
            "leave them out with --corrupt skip."
        )
    print(f"{images_text(dataset, corrupt)}; they are left out", file=sys.stderr)
    return without(dataset, corrupt)


def without(dataset: Dataset, corrupt: list[Corrupt]) -> Dataset:
    """Return the data set without some of its images."""
    splits = dict(dataset.splits)
    for name in splits:
        indices = [each.index for each in corrupt if each.split == name]
        splits[name] = splits[name].without(indices) if indices else splits[name]
    return dataclasses.replace(dataset, splits=splits, left_out=len(corrupt))
