"""What a check of encoded images found, kept beside them: which are corrupt, and whether they are
to be left out.

A corrupt image must not be met in the middle of a run: leaving it out there would change which
image every later number means. So it is
decided before, once for all runs: ``larq-igp data check`` decodes every image and writes this
record, and whoever loads the data set refuses it or leaves the same images out.
"""

import dataclasses
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

from larq_igp.data.dataset import Dataset, DatasetError, Store
from larq_igp.data.kept_files import read_file_of, write_file_of
from larq_igp.errors import UserError
from larq_igp.files import read_json, write_json

REFUSE, SKIP = "refuse", "skip"


@dataclass(frozen=True)
class Corrupt:
    """An image that cannot be decoded.

    Attributes:
        split: that it is in.
        index: in that split as it is stored.
        name: of the file or record.
        reason: why not.
    """

    split: str
    index: int
    name: str
    reason: str


def _record_name(dataset: Dataset) -> str:
    # a folder can be read as two data sets, with other splits
    return f"larq-igp-check-{dataset.name}.json"


def _store(dataset: Dataset) -> Store:
    if dataset.store is None:
        raise ValueError(f"{dataset.name} is not kept in files that can be checked")
    return dataset.store


def check_command(dataset: Dataset) -> str:
    """Return the command that checks a data set's images."""
    return (
        f"larq-igp data check {dataset.name} --data-dir {shlex.quote(str(_store(dataset).folder))}"
    )


def write_check(dataset: Dataset, corrupt: list[Corrupt], choice: str) -> Path:
    """Keep what a check found for all who load these images; return the record's path."""
    store = _store(dataset)
    document = {
        "dataset": dataset.name,
        "fingerprint": store.fingerprint,
        "examples": sum(split.examples for split in dataset.splits.values()),
        "corrupt": choice,
        "images": [dataclasses.asdict(each) for each in corrupt],
    }
    return write_file_of(
        store.folder, _record_name(dataset), lambda path: write_json(path, document)
    )


def apply_check(dataset: Dataset) -> Dataset:
    """Return the data set without the images that a check found corrupt, if that was chosen; say so
    on standard error.

    A data set that was never checked is returned as it is.

    Raises:
        DatasetError: if images are corrupt and it was not chosen to leave them out, or it was, but
            for other images.
    """
    store = dataset.store
    path = read_file_of(store.folder, _record_name(dataset)) if store else None
    if store is None or path is None:
        return dataset
    again = check_command(dataset)
    try:
        document = read_json(path)
        choice, fingerprint = document["corrupt"], document["fingerprint"]
        corrupt = [Corrupt(**each) for each in document["images"]]
        bad = {
            name: [each.index for each in corrupt if each.split == name] for name in dataset.splits
        }
    except (UserError, KeyError, TypeError) as error:
        raise DatasetError(
            f"{path} is damaged: remove it, and check the images again with `{again}`."
        ) from error
    if fingerprint != store.fingerprint:
        if choice != SKIP:
            return dataset
        raise DatasetError(
            f"the images in {store.folder} are not those that were checked: run `{again} "
            "--corrupt skip`."
        )
    if not corrupt:
        return dataset
    if choice != SKIP:
        raise DatasetError(
            f"{count_corrupt(dataset, corrupt)}: replace them and run `{again}`, or leave them "
            f"out with `{again} --corrupt skip`."
        )
    print(f"{count_corrupt(dataset, corrupt)}; they are left out ({path}).", file=sys.stderr)
    splits = {
        name: split.without(bad[name]) if bad[name] else split
        for name, split in dataset.splits.items()
    }
    return dataclasses.replace(dataset, splits=splits, left_out=len(corrupt))


def count_corrupt(dataset: Dataset, corrupt: list[Corrupt]) -> str:
    """Return how many images are corrupt, and the name of the first."""
    total = sum(split.examples for split in dataset.splits.values())
    return (
        f"{len(corrupt):,} of {total:,} images of {dataset.name} are corrupt, the first is "
        f"{corrupt[0].name}"
    )
