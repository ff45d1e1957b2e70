"""The image files in class folders, and what lies there besides."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from larq_igp.data.dataset import DatasetError, NotTaken, Split, encoded_split
from larq_igp.data.fingerprint import fingerprint_of_files
from larq_igp.data.images import MOST_IMAGE_BYTES
from larq_igp.data.split_folders import is_hidden, sub_folders
from larq_igp.files import check_file
from larq_igp.keras2 import tf

SUFFIXES = {".jpeg", ".jpg", ".png", ".gif", ".bmp", ".webp", ".tif", ".tiff"}
FORMATS = "JPEG, PNG, GIF, BMP, WebP or TIFF"
MOST_LOOKED_AT = 65_536
"""Files whose size is looked at, as for their fingerprint: on a network disk each takes time."""


@dataclass(frozen=True)
class Listing:
    """Image files and their labels, sorted by class and name.

    Attributes:
        root: folder of all files.
        files: relative to the root, as strings with ``/``.
        labels: a label for each file.
        not_taken: other files and folders there.
    """

    root: Path
    files: tuple[str, ...]
    labels: np.ndarray
    not_taken: tuple[NotTaken, ...] = ()

    def select(self, mask: np.ndarray) -> "Listing":
        """Return the files where ``mask`` is true."""
        chosen = np.flatnonzero(mask)
        return Listing(self.root, tuple(self.files[index] for index in chosen), self.labels[chosen])

    def split(self) -> Split:
        """Return the files as a split of a data set."""
        root = str(self.root)
        names = [os.fsencode(file) for file in self.files]
        files, labels = tf.constant(names, tf.string), tf.constant(self.labels, tf.int64)

        def read(index: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            path = tf.strings.join([root, tf.gather(files, index)], separator="/")
            return tf.io.read_file(path), tf.gather(labels, index)

        return encoded_split(
            len(self.files),
            read,
            lambda index: self.files[index],
            lambda: fingerprint_of_files(self.root, self.files),
            self.labels,
        )


def list_images(root: Path, part: str, class_names: tuple[str, ...]) -> Listing:
    """List the images in the class folders of ``root/part``; ``part`` is empty for those of
    ``root`` itself.

    Raises:
        DatasetError: if there is an unknown class or no image.
        UserError: if a file is larger than images are.
    """
    folder = root / part
    found = sub_folders(folder)
    unknown = sorted(set(found) - set(class_names))
    if unknown:
        raise DatasetError(
            f"{folder} has a class {unknown[0]!r} that the training images do not have."
        )
    files, labels = [], []
    others = list(_beside_classes(root, part))
    for label, name in enumerate(class_names):
        if name not in found:
            continue
        prefix = f"{part}/{name}" if part else name
        for path, reason in _entries(root, prefix):
            if reason is None:
                files.append(path)
                labels.append(label)
            else:
                others.append((path, reason))
    not_taken = counted(others)
    if not files:
        loose = any(each.what == LOOSE for each in not_taken)
        raise DatasetError(
            f"{folder} holds images outside of class folders: sort them into one folder for each "
            "class."
            if loose
            else f"{folder} holds no images: a folder for each class is needed, with {FORMATS} "
            f"files in it.{_not_read(not_taken)}"
        )
    for file in files if len(files) <= MOST_LOOKED_AT else ():
        if (root / file).exists():  # a link to nothing is an image that is missing
            check_file(root / file, MOST_IMAGE_BYTES)
    return Listing(root, tuple(files), np.array(labels, np.int64), not_taken)


def require_images_of_each_class(listing: Listing, part: str, names: tuple[str, ...]) -> None:
    """Check that no class is without training images.

    Raises:
        DatasetError: naming the first that is, and what its folder holds instead.
    """
    counts = np.bincount(listing.labels, minlength=len(names))
    for name, count in zip(names, counts, strict=True):
        if count == 0:
            prefix = f"{part}/{name}" if part else name
            others = counted(
                (path, reason) for path, reason in _entries(listing.root, prefix) if reason
            )
            raise DatasetError(
                f"{listing.root / prefix} has no images, so the class {name!r} cannot be learned: "
                f"put {FORMATS} files there, or remove the folder.{_not_read(others)}"
            )


LOOSE = "images outside of class folders"


def _beside_classes(root: Path, part: str) -> Iterator[tuple[str, str]]:
    """Yield the files next to the class folders, and why they are not used."""
    for entry in sorted(os.scandir(root / part), key=lambda entry: entry.name):
        path = f"{part}/{entry.name}" if part else entry.name
        if is_hidden(entry.name):
            yield path, "hidden files and folders"
        elif not entry.is_dir():
            yield path, LOOSE if is_image_name(entry.name) else _files_of_kind(entry.name)


def _entries(root: Path, prefix: str) -> Iterator[tuple[str, str | None]]:
    """Yield what lies in a class folder, and why it is not taken; None for an image."""
    for entry in sorted(os.scandir(root / prefix), key=lambda entry: entry.name):
        path = f"{prefix}/{entry.name}"
        if is_hidden(entry.name):
            yield path, "hidden files and folders"
        elif entry.is_dir():
            for inner, _, names in os.walk(entry.path):
                for name in sorted(names):
                    inside = Path(inner, name).relative_to(root).as_posix()
                    yield inside, "files in sub-folders of a class"
        elif not is_image_name(entry.name):
            yield path, _files_of_kind(entry.name)
        else:
            # A link to nothing is an image that is missing: it is found as a corrupt one.
            is_image = entry.is_file() or not os.path.exists(entry.path)
            yield path, None if is_image else "special files"


def is_image_name(name: str) -> bool:
    """Tell whether a file is taken for an image, by its suffix."""
    return _suffix(name) in SUFFIXES


def _suffix(name: str) -> str:
    return os.path.splitext(name)[1].lower()


def _files_of_kind(name: str) -> str:
    suffix = _suffix(name)
    return f"{suffix} files" if suffix else "files without a suffix"


def counted(others: "Iterator[tuple[str, str]] | list[tuple[str, str]]") -> tuple[NotTaken, ...]:
    """Count ``(path, reason)`` pairs by their reason; the most frequent comes first."""
    found: dict[str, NotTaken] = {}
    for path, reason in others:
        known = found.get(reason, NotTaken(reason, 0, path))
        found[reason] = NotTaken(reason, known.count + 1, known.example)
    return tuple(sorted(found.values(), key=lambda each: -each.count))


def _not_read(not_taken: tuple[NotTaken, ...]) -> str:
    return f" Not read: {', '.join(map(str, not_taken))}." if not_taken else ""
