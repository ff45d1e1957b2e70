"""Image files in one folder for each class.

Two layouts are read: ``train/<class>/*`` with ``val/`` and ``test/`` beside it, or ``<class>/*``
alone. Labels count the class folders in sorted order. A split that is not there is taken out of the
training images by a rule that looks at file names alone, so that it is the same on every machine
and for every seed.
"""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from larq_igp.data.dataset import (
    IMAGENET_DEVIATION,
    IMAGENET_MEAN,
    Dataset,
    DatasetError,
    Split,
    Store,
    encoded_split,
)
from larq_igp.data.fingerprint import fingerprint_of_files
from larq_igp.data.hold_out import hash_of_name, held_out
from larq_igp.data.hold_out import rule as rule_by_name
from larq_igp.data.identity import FOLDERS
from larq_igp.keras2 import tf

SUFFIXES = {".jpeg", ".jpg", ".png", ".gif", ".bmp"}
VALIDATION_NAMES = ("val", "validation")


@dataclass(frozen=True)
class Listing:
    """Image files and their labels, sorted by class and name.

    Attributes:
        root: of all files.
        files: relative to the root, as strings with ``/``.
        labels: one for each.
    """

    root: Path
    files: tuple[str, ...]
    labels: np.ndarray

    def select(self, mask: np.ndarray) -> "Listing":
        """Return the files where ``mask`` is true."""
        chosen = np.flatnonzero(mask)
        return Listing(self.root, tuple(self.files[index] for index in chosen), self.labels[chosen])

    def split(self) -> Split:
        """Return the files as a split of a data set."""
        root = str(self.root)
        files, labels = tf.constant(self.files, tf.string), tf.constant(self.labels, tf.int64)

        def read(index: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            path = tf.strings.join([root, tf.gather(files, index)], separator="/")
            return tf.io.read_file(path), tf.gather(labels, index)

        return encoded_split(
            len(self.files),
            read,
            lambda index: self.files[index],
            lambda: fingerprint_of_files(self.root, self.files),
        )


@dataclass(frozen=True)
class Images:
    """Image files of many sizes; attributes as those of ``Dataset``."""

    source: str
    source_kind: str
    split_rule: str
    class_names: tuple[str, ...]
    splits: dict[str, Split]
    store: Store


def class_folders(folder: Path) -> tuple[str, ...]:
    """Return the names of the class folders in a folder, sorted."""
    return tuple(
        sorted(
            path.name
            for path in folder.iterdir()
            if path.is_dir() and not path.name.startswith(".")
        )
    )


def list_images(root: Path, part: str, class_names: tuple[str, ...]) -> Listing:
    """List the images in the class folders of ``root/part``; ``part`` is empty for those of
    ``root`` itself.

    Raises:
        DatasetError: if there is an unknown class, a class without folders, or no image.
    """
    folder = root / part
    found = class_folders(folder)
    unknown = sorted(set(found) - set(class_names))
    if unknown:
        raise DatasetError(
            f"{folder} has a class {unknown[0]!r} that the training images do not have."
        )
    files, labels = [], []
    for label, name in enumerate(class_names):
        if name not in found:
            continue
        prefix = f"{part}/{name}" if part else name
        images = [
            f"{prefix}/{entry}"
            for entry in sorted(os.listdir(folder / name))
            if os.path.splitext(entry)[1].lower() in SUFFIXES and not entry.startswith(".")
        ]
        files += images
        labels += [label] * len(images)
    if not files:
        loose = any(path.suffix.lower() in SUFFIXES for path in folder.iterdir())
        raise DatasetError(
            f"{folder} holds images outside of class folders: sort them into one folder for each "
            "class."
            if loose
            else f"{folder} holds no images: a folder for each class is needed, with JPEG, PNG, "
            "GIF or BMP files in it."
        )
    return Listing(root, tuple(files), np.array(labels, np.int64))


def hold_out(images: Listing, limit: int | None = None) -> tuple[Listing, Listing]:
    """Part images into those that stay and those that are held out."""
    names = (file.rpartition("/")[2] for file in images.files)
    hashes = np.array([hash_of_name(os.fsencode(name)) for name in names], np.uint64)
    out = held_out(hashes, images.labels, limit)
    return images.select(~out), images.select(out)


def read_folders(root: Path, *, held_out_limit: int | None = None) -> Images:
    """Return the images of a folder in three splits.

    ``train/`` alone gives all three splits. With ``val/`` or ``test/`` beside it, that is the test
    split, and validation is held out of the training images; with both, each is what it is called.

    Args:
        root: the folder.
        held_out_limit: most images of a class that are held out for a split that is not there.

    Raises:
        DatasetError: if the layout is neither of the two, or a split would be empty.
    """
    # A class may be called "train" too: then it holds images, not folders.
    part = "train" if (root / "train").is_dir() and class_folders(root / "train") else ""
    class_names = class_folders(root / part)
    if len(class_names) < 2:
        raise DatasetError(
            f"{root / part} holds {len(class_names)} class folders, and at least 2 are needed: "
            "train/<class>/ or <class>/ with images."
        )
    train = list_images(root, part, class_names)
    beside = [name for name in (*VALIDATION_NAMES, "test") if part and (root / name).is_dir()]
    others = [list_images(root, name, class_names) for name in beside]
    if len(others) > 2:
        raise DatasetError(f"{root} holds {', '.join(beside)}: keep one of val and validation.")
    if len(others) == 2:
        validation, test = others
        rule = "as the folders are named"
    else:
        rule = rule_by_name(held_out_limit)
        if others:
            test = others[0]
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
