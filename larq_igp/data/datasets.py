"""The data sets by name. Each gives three splits of uint8 images ``(H, W, C)`` and integer labels.

A split is read by index (``Split.load``), so that a shuffled epoch is a permutation of numbers: reproducible, cheap, and possible to
enter at any place. What holds all images in memory and what decodes a file for each index look the same from outside.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from larq_igp.architectures.zoo import closest
from larq_igp.data.idx import find_idx_folder, read_idx
from larq_igp.errors import UserError
from larq_igp.keras2 import tf


class DatasetError(UserError):
    """A data set is unknown, missing or damaged; the message says how to get it."""


@dataclass(frozen=True)
class Split:
    """Examples that are read by index.

    Attributes:
        examples: how many there are.
        load: maps an int64 index to ``(image, label)``, uint8 ``(H, W, C)`` and int64 ``()``; runs inside ``tf.data``.
    """

    examples: int
    load: Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]


@dataclass(frozen=True)
class Dataset:
    """A data set with its three splits, and what its networks are fed by default.

    Attributes:
        name: as typed on the command line.
        class_names: the label ``i`` means ``class_names[i]``.
        splits: ``train``, ``validation`` (chooses the best weights) and ``test`` (measured once, at the end).
        input_shape: ``(H, W, C)`` that a network gets if nothing else is asked for.
        mean: of the training pixels on the scale 0 to 255, one for all channels or one each.
        deviation: their standard deviation.
        shift: pixels by which a training image is moved at random, as a share of its side.
        flip: whether training images are mirrored at random.
    """

    name: str
    class_names: tuple[str, ...]
    splits: dict[str, Split]
    input_shape: tuple[int, int, int]
    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    shift: float = 0.0
    flip: bool = False

    def split(self, name: str) -> Split:
        """Return a split by name.

        Raises:
            DatasetError: if there is none of this name.
        """
        if name not in self.splits:
            raise DatasetError(f"{self.name} has no split {name!r}; it has {', '.join(self.splits)}.")
        return self.splits[name]


def in_memory_split(images: np.ndarray, labels: np.ndarray) -> Split:
    """Hold ``(N, H, W, C)`` uint8 images and ``(N,)`` labels as a split."""
    images, labels = np.ascontiguousarray(images), labels.astype(np.int64)
    # Tensors outside the graph: constants inside would be copied into every saved function.
    images, labels = tf.constant(images), tf.constant(labels)
    return Split(len(labels), lambda index: (tf.gather(images, index), tf.gather(labels, index)))


def load_digits(data_dir: Path | None, download: bool) -> Dataset:
    """Return scikit-learn's 1,797 handwritten digits of 8x8 px, bundled with it; nothing is downloaded.

    Reference: Optical Recognition of Handwritten Digits, UCI, https://doi.org/10.24432/C50P49. Split once and for all, by class:
    1,257 train, 180 validation, 360 test.
    """
    from sklearn.datasets import load_digits as bundled
    from sklearn.model_selection import train_test_split

    digits = bundled()
    images = np.round(digits.images[..., np.newaxis] * (255 / 16)).astype(np.uint8)  # grey values are 0..16
    indices = np.arange(len(images))
    train, test = train_test_split(indices, test_size=360, random_state=0, stratify=digits.target)
    train, validation = train_test_split(train, test_size=180, random_state=0, stratify=digits.target[train])
    parts = {"train": train, "validation": validation, "test": test}
    splits = {name: in_memory_split(images[part], digits.target[part]) for name, part in parts.items()}
    class_names = tuple(str(digit) for digit in range(10))
    return Dataset("digits", class_names, splits, (32, 32, 3), mean=(77.8,), deviation=(82.4,), shift=0.1)


FASHION_CLASSES = (
    "t_shirt_top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle_boot",
)  # fmt: skip
FASHION_VALIDATION = 5_000
FASHION_DEBIAN = Path("/usr/share/datasets/fashion-mnist")


def load_fashion_mnist(data_dir: Path | None, download: bool) -> Dataset:
    """Return Fashion-MNIST, 70,000 images of 28x28 px (arXiv 1708.07747).

    It is read from the official IDX files in ``data_dir`` or, without one, in the folder that Debian's package
    ``dataset-fashion-mnist`` installs; otherwise through tensorflow-datasets, from what is prepared there or, with ``download``,
    from the network. The last 5,000 training images are the validation split.

    Raises:
        DatasetError: if no source has it, or a file is damaged.
    """
    folder = find_idx_folder(data_dir or FASHION_DEBIAN)
    if folder is not None:
        parts = {part: _read_idx_pair(folder, part) for part in ("train", "t10k")}
        (images, labels), test = parts["train"], parts["t10k"]
    else:
        arrays = tfds_arrays("fashion_mnist", data_dir, download)
        (images, labels), test = arrays["train"], arrays["test"]
    splits = {
        "train": in_memory_split(images[:-FASHION_VALIDATION], labels[:-FASHION_VALIDATION]),
        "validation": in_memory_split(images[-FASHION_VALIDATION:], labels[-FASHION_VALIDATION:]),
        "test": in_memory_split(*test),
    }
    return Dataset(
        "fashion_mnist", FASHION_CLASSES, splits, (28, 28, 1), mean=(72.9,), deviation=(90.0,), shift=0.08, flip=True
    )


def _read_idx_pair(folder: Path, part: str) -> tuple[np.ndarray, np.ndarray]:
    images = read_idx(folder, f"{part}-images-idx3-ubyte")
    labels = read_idx(folder, f"{part}-labels-idx1-ubyte")
    if images.ndim != 3 or labels.ndim != 1 or len(images) != len(labels):
        raise DatasetError(
            f"{folder}: {part} has images of shape {images.shape} and labels of shape {labels.shape}, which do not belong together."
        )
    if len(images) <= FASHION_VALIDATION:
        raise DatasetError(f"{folder}: {part} holds {len(images)} images; the official file has at least 10,000.")
    return images[..., np.newaxis], labels


def tfds_arrays(name: str, data_dir: Path | None, download: bool) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return all splits of a data set of tensorflow-datasets as arrays.

    Args:
        name: as tensorflow-datasets knows it.
        data_dir: where it is prepared, or None for ``~/tensorflow_datasets``.
        download: whether to fetch and prepare it when it is not there.

    Raises:
        DatasetError: if it is not prepared and may not, or cannot, be downloaded.
    """
    import tensorflow_datasets as tfds

    where = data_dir or Path("~/tensorflow_datasets").expanduser()
    advice = (
        f"give --data-dir with the official files, install Debian's package dataset-{name.replace('_', '-')}, "
        "or pass --download where there is a network."
    )
    try:
        loaded = tfds.load(name, data_dir=data_dir, download=download, batch_size=-1, as_supervised=True)
    except AssertionError as error:  # tensorflow-datasets' word for "not prepared"
        raise DatasetError(f"{name} was not found in {where}: {advice}") from error
    except Exception as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise DatasetError(f"{name} could not be loaded through tensorflow-datasets ({reason}): {advice}") from error
    return {split: tuple(tensor.numpy() for tensor in pair) for split, pair in loaded.items()}


DATASETS: dict[str, Callable[[Path | None, bool], Dataset]] = {
    "digits": load_digits,
    "fashion_mnist": load_fashion_mnist,
}


def load_dataset(name: str, *, data_dir: str | Path | None = None, download: bool = False) -> Dataset:
    """Return a data set by name.

    Args:
        name: a key of ``DATASETS``.
        data_dir: folder of its files; None looks where they usually are.
        download: whether it may be fetched from the network.

    Raises:
        DatasetError: if the name is unknown, or the files are missing or damaged.
    """
    if name not in DATASETS:
        raise DatasetError(
            f"no data set is named {name!r}. {closest(name, list(DATASETS))}Known: {', '.join(DATASETS)}."
        )
    if data_dir is not None and not Path(data_dir).is_dir():
        raise DatasetError(f"--data-dir {data_dir} is not a folder.")
    return DATASETS[name](Path(data_dir) if data_dir is not None else None, download)
