"""CIFAR-10 and CIFAR-100 (Krizhevsky 2009, https://www.cs.toronto.edu/~kriz/cifar.html), 60,000
images of 32x32 px each.

The official binary archives hold records without any header: one label (CIFAR-10) or a coarse and a
fine one (CIFAR-100), then 3,072
bytes: the red, the green and the blue plane, each by rows.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from larq_igp.data.dataset import Dataset, DatasetError, in_memory_split
from larq_igp.data.identity import ARCHIVE, PREPARED
from larq_igp.data.prepared import tfds_arrays
from larq_igp.files import read_file

SIDE, PLANES = 32, 3
PIXELS = SIDE * SIDE * PLANES
VALIDATION_PART = 10
MOST_BYTES = 1 << 30
"""Of a file; the largest has 154 MB."""
"""One training image of so many, the last ones, is for validation:

5,000 of 50,000, as in arXiv 1512.03385, section 4.2.
"""


@dataclass(frozen=True)
class Archive:
    """An official binary archive.

    Attributes:
        folder: that it unpacks to.
        archive: its own name.
        train: files of training images, in order.
        test: file of test images.
        label_bytes: before each image; the last of them is the label.
    """

    folder: str
    archive: str
    train: tuple[str, ...]
    test: str
    label_bytes: int


CIFAR10 = Archive(
    folder="cifar-10-batches-bin",
    archive="cifar-10-binary.tar.gz",
    train=tuple(f"data_batch_{number}.bin" for number in range(1, 6)),
    test="test_batch.bin",
    label_bytes=1,
)
CIFAR100 = Archive(
    folder="cifar-100-binary",
    archive="cifar-100-binary.tar.gz",
    train=("train.bin",),
    test="test.bin",
    label_bytes=2,
)

CIFAR10_CLASSES = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)
CIFAR100_CLASSES = tuple(
    """
    apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus
    butterfly camel can castle caterpillar cattle chair chimpanzee clock cloud cockroach couch
    crab crocodile cup dinosaur dolphin elephant flatfish forest fox girl hamster house kangaroo
    keyboard lamp lawn_mower leopard lion lizard lobster man maple_tree motorcycle mountain
    mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree plain
    plate poppy porcupine possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk
    skyscraper snail snake spider squirrel streetcar sunflower sweet_pepper table tank telephone
    television tiger tractor train trout tulip turtle wardrobe whale willow_tree wolf woman worm
    """.split()  # noqa: SIM905  a hundred names, a line each as a list
)


def load_cifar10(data_dir: Path | None, download: bool) -> Dataset:
    """Return CIFAR-10. Mean and deviation are those of its training images, as in arXiv 1605.07146
    (Wide ResNets) and its code.

    Raises:
        DatasetError: if no source has it, or a file is damaged.
    """
    mean, deviation = (125.3, 123.0, 113.9), (63.0, 62.1, 66.7)
    return _load("cifar10", CIFAR10, CIFAR10_CLASSES, mean, deviation, data_dir, download)


def load_cifar100(data_dir: Path | None, download: bool) -> Dataset:
    """Return CIFAR-100 with its 100 fine classes; mean and deviation as for CIFAR-10.

    Raises:
        DatasetError: if no source has it, or a file is damaged.
    """
    mean, deviation = (129.3, 124.1, 112.4), (68.2, 65.4, 70.4)
    return _load("cifar100", CIFAR100, CIFAR100_CLASSES, mean, deviation, data_dir, download)


def _load(
    name: str,
    archive: Archive,
    classes: tuple[str, ...],
    mean,
    deviation,
    data_dir: Path | None,
    download: bool,
):
    folder = find_archive_folder(archive, data_dir)
    if folder is not None:
        parts = [_read(folder / file, archive.label_bytes, len(classes)) for file in archive.train]
        images, labels = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        test = _read(folder / archive.test, archive.label_bytes, len(classes))
    else:
        arrays = tfds_arrays(name, data_dir, download, _advice(archive, data_dir))
        (images, labels), test = arrays["train"], arrays["test"]
    held_out = max(1, len(images) // VALIDATION_PART)
    if len(images) <= held_out:
        raise DatasetError(
            f"{name} holds {len(images)} training images, which is too few to split."
        )
    splits = {
        "train": in_memory_split(images[:-held_out], labels[:-held_out]),
        "validation": in_memory_split(images[-held_out:], labels[-held_out:]),
        "test": in_memory_split(*test),
    }
    return Dataset(
        name,
        classes,
        splits,
        (SIDE, SIDE, PLANES),
        mean,
        deviation,
        shift=4 / SIDE,
        border="CONSTANT",
        flip=True,
        source=f"the binary archive in {folder}" if folder else "tensorflow-datasets",
        source_kind=ARCHIVE if folder else PREPARED,
        split_rule=f"the last of {VALIDATION_PART} parts of the training images is validation",
    )


def find_archive_folder(archive: Archive, data_dir: Path | None) -> Path | None:
    """Return ``data_dir`` or the archive's folder in it, whichever holds one of the archive's
    files.
    """
    if data_dir is None:
        return None
    files = (*archive.train, archive.test)
    candidates = (data_dir, data_dir / archive.folder)
    return next(
        (folder for folder in candidates if any((folder / file).is_file() for file in files)), None
    )


def _read(path: Path, label_bytes: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Return images ``(N, 32, 32, 3)`` and labels ``(N,)`` of one file of records."""
    record = label_bytes + PIXELS
    if not path.is_file():
        raise DatasetError(f"{path.parent} lacks {path.name}: unpack the archive again.")
    content = np.frombuffer(read_file(path, MOST_BYTES), np.uint8)
    if not len(content) or len(content) % record:
        raise DatasetError(
            f"{path} is damaged: its {len(content):,} bytes are not a whole number of records of "
            f"{record}. Unpack the archive again."
        )
    records = content.reshape(-1, record)
    labels = records[:, label_bytes - 1]
    highest = int(np.max(labels))
    if highest >= classes:
        raise DatasetError(
            f"{path} is damaged: it has the label {highest}, and there are {classes} "
            "classes. Unpack the archive again."
        )
    planes = records[:, label_bytes:].reshape(-1, PLANES, SIDE, SIDE)
    return planes.transpose(0, 2, 3, 1), labels


def _advice(archive: Archive, data_dir: Path | None) -> str:
    if data_dir is not None and (data_dir / archive.archive).is_file():
        return f"unpack {archive.archive} there with `tar xzf`."
    return (
        f"give --data-dir with {archive.folder}/ (unpacked from {archive.archive} of "
        "https://www.cs.toronto.edu/~kriz/cifar.html), "
        "or pass --download where there is a network."
    )
