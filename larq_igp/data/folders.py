"""Image files in one folder for each class.

Two layouts are read: ``train/<class>/*`` with ``val/`` and ``test/`` next to it (or other names of
``split_folders``), or only ``<class>/*``. Labels count the class folders in sorted order. A missing
split is taken from the training images by a rule that depends only on file names, so it is the same
on every machine and for every seed.
"""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from larq_igp.data.dataset import (
    IMAGENET_DEVIATION,
    IMAGENET_MEAN,
    Dataset,
    DatasetError,
    NotTaken,
    Split,
    Store,
)
from larq_igp.data.hold_out import hash_of_name, held_out
from larq_igp.data.hold_out import rule as rule_by_name
from larq_igp.data.identity import FOLDERS
from larq_igp.data.image_files import Listing, list_images, require_images_of_each_class
from larq_igp.data.split_folders import find_split_folders, sub_folders


@dataclass(frozen=True)
class Images:
    """Image files of many sizes; attributes as those of ``Dataset``."""

    source: str
    source_kind: str
    split_rule: str
    class_names: tuple[str, ...]
    splits: dict[str, Split]
    store: Store
    not_taken: tuple[NotTaken, ...] = ()


def hold_out(images: Listing, limit: int | None = None) -> tuple[Listing, Listing]:
    """Part images into those that stay and those that are held out."""
    names = (file.rpartition("/")[2] for file in images.files)
    hashes = np.array([hash_of_name(os.fsencode(name)) for name in names], np.uint64)
    out = held_out(hashes, images.labels, limit)
    return images.select(~out), images.select(out)


def read_folders(
    root: Path, *, folders: Mapping[str, str] | None = None, held_out_limit: int | None = None
) -> Images:
    """Return the images of a folder in three splits.

    If there is only ``train/``, all three splits are taken from it. If there is one of ``val/`` and
    ``test/``, it is the test split, and validation is held out of the training images. If there are
    both, each is what it is called.
    A class without training images is refused.

    Args:
        root: the folder.
        folders: of each split; None finds them by their names.
        held_out_limit: most images of a class that are held out for a split that is not there.

    Raises:
        DatasetError: if the layout is neither of the two, or a split would be empty.
    """
    folders = find_split_folders(root) if folders is None else folders
    part = folders.get("train", "")
    class_names = sub_folders(root / part)
    if len(class_names) < 2:
        raise DatasetError(
            f"{root / part} holds {len(class_names)} class folders, and at least 2 are needed: "
            "train/<class>/ or <class>/ with images."
        )
    found = {
        split: list_images(root, name, class_names)
        for split, name in (folders or {"train": ""}).items()
    }
    train = found["train"]
    require_images_of_each_class(train, part, class_names)
    not_taken = tuple(each for listing in found.values() for each in listing.not_taken)
    if len(found) == 3:
        validation, test = found["validation"], found["test"]
        rule = "as the folders are named"
    else:
        rule = rule_by_name(held_out_limit)
        if len(found) == 2:
            (test,) = (listing for split, listing in found.items() if split != "train")
        else:
            train, test = hold_out(train, held_out_limit)
            rule += ", first for test"
        train, validation = hold_out(train, held_out_limit)
    listings = {"train": train, "validation": validation, "test": test}
    for name, listing in listings.items():
        if not listing.files:
            raise DatasetError(f"{root} has too few images to hold any out for {name}.")
    digest = hashlib.sha256()
    for name, listing in listings.items():
        digest.update("\n".join((name, *listing.files, "")).encode(errors="surrogateescape"))
    splits = {name: listing.split() for name, listing in listings.items()}
    return Images(
        source=f"class folders in {root}",
        source_kind=FOLDERS,
        split_rule=rule,
        class_names=class_names,
        splits=splits,
        store=Store(root, digest.hexdigest()),
        not_taken=not_taken,
    )


def load_folder(data_dir: Path | None, download: bool) -> Dataset:
    """Return a folder of class folders as a data set: crops, mean and deviation are ImageNet's.

    Raises:
        DatasetError: if no folder is given, or it does not hold class folders of images.
    """
    if data_dir is None:
        raise DatasetError(
            "the data set `folder` needs --data-dir: a folder with train/<class>/ and "
            "val/<class>/, or <class>/."
        )
    return image_dataset("folder", read_folders(data_dir))


def image_dataset(name: str, images: Images) -> Dataset:
    """Return a data set of images of many sizes, preprocessed as is usual for ImageNet."""
    return Dataset(
        name=name,
        input_shape=(224, 224, 3),
        mean=IMAGENET_MEAN,
        deviation=IMAGENET_DEVIATION,
        flip=True,
        crop=0.875,
        **vars(images),
    )
