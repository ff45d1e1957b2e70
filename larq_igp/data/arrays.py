"""Data sets of images that a program holds: arrays, or a ``tf.data.Dataset``."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from larq_igp.data.dataset import Dataset, DatasetError, Split, in_memory_split
from larq_igp.data.hold_out import hash_of_name, held_out, rule
from larq_igp.keras2 import tf

MOST_BYTES = 1 << 33
"""Of all images of a split, which are held in memory."""
ARRAYS = "arrays"


def from_arrays(
    train: Any,
    validation: Any = None,
    test: Any = None,
    *,
    class_names: Sequence[str] | None = None,
    name: str = ARRAYS,
    shift: float = 0.0,
    flip: bool = False,
) -> Dataset:
    """Return a data set of images in memory, for ``larq_igp.train(..., dataset=...)``.

        larq_igp.from_arrays((images, labels), class_names=["cat", "dog"], flip=True)

    Args:
        train: ``(images, labels)``, uint8 ``(N, H, W, C)`` or ``(N, H, W)`` and integers ``(N,)``
            from 0; or a finite ``tf.data.Dataset`` of such pairs, batched or not.
        validation: the same for the validation split; None holds out one image in ten of each
            class, always the same ones.
        test: the same for the test split.
        class_names: of the labels; numbers if left out.
        name: of the data set, in runs and cards.
        shift: pixels by which a training image is moved at random, as a share of its side.
        flip: whether training images are mirrored at random.

    Raises:
        DatasetError: if the arrays are of other types or shapes, do not belong together, hold too
            few images, or a label is not a class.
    """
    given = {"train": train, "validation": validation, "test": test}
    arrays = {part: _arrays(part, each) for part, each in given.items() if each is not None}
    held = [part for part in ("test", "validation") if part not in arrays]
    for part in held:
        arrays["train"], arrays[part] = _hold_out(part, *arrays["train"])
    names = _class_names(arrays["train"][1], class_names)
    _check_together(arrays, names)
    height, width, channels = arrays["train"][0].shape[1:]
    mean, deviation = _moments(arrays["train"][0])
    splits: dict[str, Split] = {part: in_memory_split(*arrays[part]) for part in given}
    return Dataset(
        name,
        names,
        splits,
        (height, width, channels),
        mean,
        deviation,
        shift=shift,
        flip=flip,
        source="arrays in memory",
        source_kind=ARRAYS,
        split_rule=f"{rule()}, first for test" if held else "as given",
    )


def _arrays(part: str, given: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return ``(N, H, W, C)`` uint8 and ``(N,)`` int64."""
    if isinstance(given, tf.data.Dataset):
        given = _collected(part, given)
    if not (isinstance(given, tuple | list) and len(given) == 2):
        raise DatasetError(
            f"{part} must be (images, labels) or a tf.data.Dataset; got {type(given).__name__}."
        )
    images, labels = map(np.asarray, given)
    if images.dtype != np.uint8:
        raise DatasetError(
            f"images of {part} must be uint8, from 0 to 255; got {images.dtype}: multiply values "
            "from 0 to 1 by 255, round them, and convert them with .astype('uint8')."
        )
    images = images[..., np.newaxis] if images.ndim == 3 else images
    if images.ndim != 4 or not images.size:
        raise DatasetError(
            f"images of {part} must be (N, H, W, C) or (N, H, W); got {images.shape}."
        )
    if not np.issubdtype(labels.dtype, np.integer) or labels.shape != images.shape[:1]:
        raise DatasetError(
            f"labels of {part} must be {len(images)} integers, one for each image; got "
            f"{labels.dtype} of shape {labels.shape}."
        )
    return images, labels.astype(np.int64)


def _collected(part: str, given: "tf.data.Dataset") -> tuple[np.ndarray, np.ndarray]:
    spec = given.element_spec
    is_pair = isinstance(spec, tuple) and len(spec) == 2
    if not is_pair or given.cardinality() == tf.data.INFINITE_CARDINALITY:
        raise DatasetError(f"{part} must be a finite tf.data.Dataset of pairs (image, label).")
    is_batched = spec[1].shape.rank == 1
    images, labels, size = [], [], 0
    for image, label in (given.unbatch() if is_batched else given).as_numpy_iterator():
        images.append(image)
        labels.append(label)
        size += np.asarray(image).nbytes
        if size > MOST_BYTES:
            raise DatasetError(f"{part} has more than {MOST_BYTES >> 30} GB of images: use files.")
    if len({np.shape(image) for image in images}) > 1:
        raise DatasetError(f"images of {part} must be of one shape.")
    return np.array(images), np.array(labels)


def _hold_out(part: str, images: np.ndarray, labels: np.ndarray) -> tuple[Any, Any]:
    if labels.min() < 0:
        raise DatasetError("labels must be integers from 0.")
    hashes = np.array([hash_of_name(b"%d" % index) for index in range(len(labels))], np.uint64)
    mask = held_out(hashes, labels)
    if not mask.any():
        raise DatasetError(f"there are too few images to hold any out for {part}: give some.")
    return (images[~mask], labels[~mask]), (images[mask], labels[mask])


def _class_names(labels: np.ndarray, names: Sequence[str] | None) -> tuple[str, ...]:
    if names is None:
        return tuple(map(str, range(int(labels.max()) + 1)))
    if isinstance(names, str) or not all(isinstance(each, str) for each in names):
        raise DatasetError(f"class_names must be a list of texts; got {names!r}.")
    return tuple(names)


def _check_together(
    arrays: dict[str, tuple[np.ndarray, np.ndarray]], names: tuple[str, ...]
) -> None:
    shape = arrays["train"][0].shape[1:]
    for part, (images, labels) in arrays.items():
        if images.shape[1:] != shape:
            raise DatasetError(
                f"images of {part} are of {images.shape[1:]}, and those of train of {shape}."
            )
        if labels.min() < 0 or labels.max() >= len(names):
            wrong = int(labels[(labels < 0) | (labels >= len(names))][0])
            raise DatasetError(
                f"label {wrong} of {part} is not one of the {len(names)} classes, 0 to "
                f"{len(names) - 1}."
            )
    missing = sorted(set(range(len(names))) - set(arrays["train"][1].tolist()))
    if missing or len(names) < 2:
        raise DatasetError(
            f"train has no image of class {names[missing[0]]}."
            if missing
            else "at least 2 classes are needed; got 1."
        )


def _moments(images: np.ndarray) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return mean and deviation of each channel, on the scale 0 to 255."""
    values = np.arange(256)
    means, deviations = [], []
    for channel in range(images.shape[-1]):
        counts = np.bincount(images[..., channel].reshape(-1), minlength=256)
        mean = float(counts @ values / counts.sum())
        means.append(mean)
        variance = float(counts @ (values - mean) ** 2 / counts.sum())
        deviations.append(variance**0.5 or 1.0)
    return tuple(means), tuple(deviations)
