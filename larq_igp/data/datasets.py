"""The data sets by name."""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from larq_igp.data.check_result import REFUSE, apply_check
from larq_igp.data.cifar import load_cifar10, load_cifar100
from larq_igp.data.dataset import Dataset, DatasetError, Split, in_memory_split
from larq_igp.data.folders import load_folder
from larq_igp.data.identity import ARCHIVE, BUNDLED, PREPARED
from larq_igp.data.idx import find_idx_folder, read_idx
from larq_igp.data.imagenet import load_imagenet
from larq_igp.data.prepared import tfds_arrays
from larq_igp.spelling import closest
from larq_igp.terminal import printable

__all__ = [
    "DATASETS",
    "Dataset",
    "DatasetError",
    "Split",
    "in_memory_split",
    "load_dataset",
    "open_dataset",
]


def load_digits(data_dir: Path | None, download: bool) -> Dataset:
    """Return scikit-learn's 1,797 handwritten digits of 8x8 px, bundled with it; nothing is
    downloaded.

    Reference: Optical Recognition of Handwritten Digits, UCI, https://doi.org/10.24432/C50P49.
    Split once and for all, by class: 1,257 train, 180 validation, 360 test.
    """
    from sklearn.datasets import load_digits as bundled
    from sklearn.model_selection import train_test_split

    digits = bundled()
    images = np.round(digits.images[..., np.newaxis] * (255 / 16)).astype(
        np.uint8
    )  # grey values are 0..16
    indices = np.arange(len(images))
    train, test = train_test_split(indices, test_size=360, random_state=0, stratify=digits.target)
    train, validation = train_test_split(
        train, test_size=180, random_state=0, stratify=digits.target[train]
    )
    parts = {"train": train, "validation": validation, "test": test}
    splits = {
        name: in_memory_split(images[part], digits.target[part]) for name, part in parts.items()
    }
    class_names = tuple(str(digit) for digit in range(10))
    return Dataset(
        "digits",
        class_names,
        splits,
        (32, 32, 3),
        mean=(77.8,),
        deviation=(82.4,),
        shift=0.1,
        source="scikit-learn",
        source_kind=BUNDLED,
        split_rule="by class, scikit-learn's train_test_split with seed 0",
    )


FASHION_CLASSES = (
    "t_shirt_top",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle_boot",
)
FASHION_VALIDATION = 5_000
FASHION_DEBIAN = Path("/usr/share/datasets/fashion-mnist")


def load_fashion_mnist(data_dir: Path | None, download: bool) -> Dataset:
    """Return Fashion-MNIST, 70,000 images of 28x28 px (arXiv 1708.07747).

    It is read from the official IDX files in ``data_dir`` or, without one, in the folder that
    Debian's package ``dataset-fashion-mnist`` installs; otherwise through tensorflow-datasets, from
    what is prepared there or, with ``download``, from the network. The last 5,000 training images
    are the validation split.

    Raises:
        DatasetError: if no source has it, or a file is damaged.
    """
    folder = find_idx_folder(data_dir or FASHION_DEBIAN)
    if folder is not None:
        parts = {part: _read_idx_pair(folder, part) for part in ("train", "t10k")}
        (images, labels), test = parts["train"], parts["t10k"]
    else:
        advice = (
            "give --data-dir with the official files, install Debian's package "
            "dataset-fashion-mnist, or pass --download "
            "where there is a network."
        )
        arrays = tfds_arrays("fashion_mnist", data_dir, download, advice)
        (images, labels), test = arrays["train"], arrays["test"]
    splits = {
        "train": in_memory_split(images[:-FASHION_VALIDATION], labels[:-FASHION_VALIDATION]),
        "validation": in_memory_split(images[-FASHION_VALIDATION:], labels[-FASHION_VALIDATION:]),
        "test": in_memory_split(*test),
    }
    return Dataset(
        "fashion_mnist",
        FASHION_CLASSES,
        splits,
        (28, 28, 1),
        mean=(72.9,),
        deviation=(90.0,),
        shift=0.08,
        flip=True,
        source=f"the official files in {folder}" if folder else "tensorflow-datasets",
        source_kind=ARCHIVE if folder else PREPARED,
        split_rule=f"the last {FASHION_VALIDATION:,} training images are validation",
    )


def _read_idx_pair(folder: Path, part: str) -> tuple[np.ndarray, np.ndarray]:
    images = read_idx(folder, f"{part}-images-idx3-ubyte")
    labels = read_idx(folder, f"{part}-labels-idx1-ubyte")
    if images.ndim != 3 or labels.ndim != 1 or len(images) != len(labels):
        raise DatasetError(
            f"{folder}: {part} has images of shape {images.shape} and labels of shape "
            f"{labels.shape}, which do not belong together."
        )
    if len(images) <= FASHION_VALIDATION:
        raise DatasetError(
            f"{folder}: {part} holds {len(images)} images; the official file has at least 10,000."
        )
    return images[..., np.newaxis], labels


DATASETS: dict[str, Callable[[Path | None, bool], Dataset]] = {
    "digits": load_digits,
    "fashion_mnist": load_fashion_mnist,
    "cifar10": load_cifar10,
    "cifar100": load_cifar100,
    "imagenet2012": load_imagenet,
    "folder": load_folder,
}


BUILT_IN = frozenset(DATASETS)


def register_dataset(name: str, data: Dataset | Callable[[Path | None], Dataset]) -> None:
    """Register a data set by name, for ``train`` and every other command.

    Registering a name again replaces it.

    Args:
        name: as ``--dataset`` takes it.
        data: a data set, for example from ``from_arrays``, or a function that returns it for
            ``data_dir``.

    Raises:
        DatasetError: if the name is not valid, or is one of this package's.
    """
    if not isinstance(name, str) or not name.isidentifier():
        raise DatasetError(f"a data set's name is of letters, digits and _; got {name!r}.")
    if name in BUILT_IN:
        raise DatasetError(f"{name} is a data set of this package: choose another name.")
    load = (lambda data_dir: data) if isinstance(data, Dataset) else data
    DATASETS[name] = lambda data_dir, download: load(data_dir)


def load_dataset(
    name: str,
    *,
    data_dir: str | Path | None = None,
    download: bool = False,
    corrupt: str | None = None,
) -> Dataset:
    """Return a data set by name. What lies among its images and is not read is named on standard
    error.

    Args:
        name: a key of ``DATASETS``.
        data_dir: folder of its files; None looks where they usually are.
        download: whether it may be fetched from the network.
        corrupt: what is done with corrupt images, ``refuse`` (also None) or ``skip``.

    Raises:
        DatasetError: if the name is unknown, the files are missing or damaged, or images are known
            to be corrupt.
    """
    dataset = open_dataset(name, data_dir=data_dir, download=download)
    if dataset.not_taken:
        listed = ", ".join(map(str, dataset.not_taken))
        print(printable(f"not read from {data_dir}: {listed}"), file=sys.stderr)
    return apply_check(dataset, corrupt or REFUSE)


def open_dataset(
    name: str, *, data_dir: str | Path | None = None, download: bool = False
) -> Dataset:
    """Return a data set as it is stored, without the result of a check; see ``load_dataset``."""
    if name not in DATASETS:
        raise DatasetError(
            f"no data set is named {name!r}. {closest(name, list(DATASETS))}Known: "
            f"{', '.join(DATASETS)}."
        )
    if data_dir is not None and not Path(data_dir).is_dir():
        raise DatasetError(f"--data-dir {data_dir} is not a folder.")
    if name == "digits" and data_dir is not None:
        raise DatasetError(
            "digits come with scikit-learn and are read from no folder: leave out --data-dir, or "
            "name the data set in it, like --dataset folder."
        )
    return DATASETS[name](Path(data_dir) if data_dir is not None else None, download)
