"""What a data set is: three splits that are read by index, and how its images are fed to a network
by default.

A split is read by index, so that a shuffled epoch is a permutation of numbers: reproducible, cheap,
and possible to enter at any place. What holds all images in memory and what decodes a file for each
index look the same from outside.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from larq_igp.data.fingerprint import Fingerprint, fingerprint_of_arrays
from larq_igp.data.identity import Identity
from larq_igp.data.images import CROP_AREA, decode
from larq_igp.data.preprocess import Preprocessing
from larq_igp.errors import UserError
from larq_igp.keras2 import tf

IMAGENET_MEAN, IMAGENET_DEVIATION = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
"""Of ImageNet's training images, red, green and blue, on the scale 0 to 255: 255 times the figures
that torchvision's and larq-zoo's models are trained with."""


AUGMENTATION = ("shift", "border", "flip", "crop_area", "colour_jitter", "cut_out")
"""Attributes of a data set that say how its training images are changed at random."""


class DatasetError(UserError):
    """A data set is unknown, missing or damaged; the message says how to get it."""


@dataclass(frozen=True)
class Split:
    """Examples that are read by index.

    Attributes:
        examples: how many there are.
        load: maps an int64 index to ``(image, label)``, uint8 ``(H, W, C)`` and int64 ``()``; runs
            inside ``tf.data``.
        read: maps the index to ``(content, label)``; content is the image file's bytes as a string
            ``()``. None if the images are held decoded. Training reads this, and decodes no more
            than the part that it crops.
        name: of the example at an index, for messages.
        fingerprint: of what is stored, see ``larq_igp.data.fingerprint``; None if
            that is not known.
        labels: of all examples, ``(N,)`` int64; None if they are known only one by one.
    """

    examples: int
    load: Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]
    read: Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]] | None = None
    name: Callable[[int], str] = str
    fingerprint: Callable[[], Fingerprint] | None = None
    labels: np.ndarray | None = None

    def without(self, indices: list[int]) -> "Split":
        """Return the split without some of its examples; the others keep their order."""
        return self.only(np.delete(np.arange(self.examples), indices))

    def only(self, indices: np.ndarray) -> "Split":
        """Return a split of some of the examples, ``(N,)`` integers, in that order. Its fingerprint
        stays that of all that is stored.
        """
        there = tf.constant(indices, tf.int64)

        def renumbered(load: Callable) -> Callable:
            return lambda index: load(tf.gather(there, index))

        return replace(
            self,
            examples=len(indices),
            load=renumbered(self.load),
            read=renumbered(self.read) if self.read else None,
            name=lambda index: self.name(int(indices[index])),
            labels=None if self.labels is None else self.labels[indices],
        )


@dataclass(frozen=True)
class NotTaken:
    """Files that lie among the images and are none.

    Attributes:
        what: they are, with the word ``files`` in it: ``.heic files``.
        count: how many.
        example: the first, relative to the data set's folder.
    """

    what: str
    count: int
    example: str

    def __str__(self) -> str:
        """Return ``3 .heic files (cat/a.heic)``, or ``1 .heic file (cat/a.heic)``."""
        what = self.what
        if self.count == 1:
            what = what.replace("files and folders", "file or folder").replace("files", "file")
        return f"{self.count:,} {what} ({self.example})"


@dataclass(frozen=True)
class Store:
    """Where encoded images are kept, so that they can be checked once and the result be found
    again.

    Attributes:
        folder: of the data set.
        fingerprint: of the names and the order of its images: a check of other images says nothing
            about these.
    """

    folder: Path
    fingerprint: str


@dataclass(frozen=True)
class Dataset:
    """A data set with its three splits, and what its networks are fed by default.

    Attributes:
        name: as typed on the command line.
        class_names: the label ``i`` means ``class_names[i]``.
        splits: ``train``, ``validation`` (chooses the best weights) and ``test`` (measured once, at
            the end).
        input_shape: ``(H, W, C)`` that a network gets if nothing else is asked for.
        mean: of the training pixels on the scale 0 to 255, one for all channels or one each.
        deviation: their standard deviation.
        shift: pixels by which a training image is moved at random, as a share of its side.
        border: what a moved image leaves behind: its own edge (``SYMMETRIC``) or black
            (``CONSTANT``).
        flip: whether training images are mirrored at random.
        crop: side of the centre crop as a share of the resized image, see ``Preprocessing``; None
            for images that are of one size.
        letterbox: whether all of an image is fed between bars, see ``Preprocessing``.
        crop_area: of image files, the smallest random part that is trained on, as a share of the
            area; 1 trains on the images as they are measured.
        colour_jitter: by which share brightness, contrast and saturation are changed at random.
        cut_out: side of a square that is cut out of training images, as a share of their side.
        source: where the images come from, in a few words.
        source_kind: the same without the place, see ``larq_igp.data.identity``.
        split_rule: how the images are divided into splits, a text that changes with the rule.
        store: of images that are kept encoded.
        left_out: how many corrupt images are left out by choice.
        not_taken: what lies among the image files and is not read.
    """

    name: str
    class_names: tuple[str, ...]
    splits: Mapping[str, Split]
    input_shape: tuple[int, int, int]
    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    shift: float = 0.0
    border: str = "SYMMETRIC"
    flip: bool = False
    crop: float | None = None
    letterbox: bool = False
    crop_area: float = CROP_AREA
    colour_jitter: float = 0.0
    cut_out: float = 0.0
    source: str = ""
    source_kind: str | None = None
    split_rule: str | None = None
    store: Store | None = field(default=None, compare=False)
    left_out: int = 0
    not_taken: tuple[NotTaken, ...] = ()

    def split(self, name: str) -> Split:
        """Return a split by name.

        Raises:
            DatasetError: if there is none of this name.
        """
        if name not in self.splits:
            raise DatasetError(
                f"{self.name} has no split {name!r}; it has {', '.join(self.splits)}."
            )
        return self.splits[name]

    def train_labels(self, otherwise: str) -> np.ndarray:
        """Return the labels of all training images, ``(N,)`` int64.

        Args:
            otherwise: what follows for the user if they are known only one by one.

        Raises:
            DatasetError: if they are.
        """
        labels = self.split("train").labels
        if labels is None:
            raise DatasetError(
                f"the labels of {self.name} from {self.source} are known only one by one{otherwise}"
            )
        return labels

    def preprocessing(self, input_shape: tuple[int, int, int] | None = None) -> Preprocessing:
        """Return how its images become the input of a network of this shape, by default the data
        set's own.

        Raises:
            DatasetError: if the network takes images with another number of channels.
        """
        shape = input_shape or self.input_shape
        if self.store is not None and shape[-1] not in (1, 3):
            raise DatasetError(
                f"the image files of {self.name} are decoded to 1 or 3 channels, which cannot feed "
                f"a network of {shape[-1]}: give an input shape of 1 or 3 channels."
            )
        mean, deviation = self.mean, self.deviation
        if len(mean) not in (1, shape[-1]):  # a grey network on colour images
            mean, deviation = (float(np.mean(mean)),), (float(np.mean(deviation)),)
        return Preprocessing(shape, mean, deviation, self.crop, self.letterbox)

    def identity(
        self, input_shape: tuple[int, int, int] | None = None, *, files: bool = True
    ) -> Identity:
        """Return what these data are, to be kept and compared.

        Args:
            input_shape: ``(H, W, C)`` of the network that is fed; by default the data set's own.
            files: whether to read files for a fingerprint: half a second for ImageNet. Without it,
                fingerprints are not compared.
        """
        prints = {
            name: split.fingerprint() if files and split.fingerprint else None
            for name, split in self.splits.items()
        }
        known = {name: each for name, each in prints.items() if each is not None}
        stored = Fingerprint.of_splits(known) if len(known) == len(prints) else None
        return Identity(
            dataset=self.name,
            source=self.source_kind,
            split_rule=self.split_rule,
            class_names=self.class_names,
            normalisation=self.preprocessing(input_shape).normalisation(),
            augmentation={name: getattr(self, name) for name in AUGMENTATION},
            examples={name: split.examples for name, split in self.splits.items()},
            file_names=stored.names if stored else None,
            contents=stored.contents if stored else None,
        )


def in_memory_split(images: np.ndarray, labels: np.ndarray) -> Split:
    """Hold ``(N, H, W, C)`` uint8 images and ``(N,)`` labels as a split."""
    # Tensors outside the graph: constants inside would be copied into every saved function.
    pixels = tf.constant(np.ascontiguousarray(images))
    classes = tf.constant(labels.astype(np.int64))
    return Split(
        len(labels),
        lambda index: (tf.gather(pixels, index), tf.gather(classes, index)),
        fingerprint=lambda: fingerprint_of_arrays(pixels.numpy(), classes.numpy()),
        labels=labels.astype(np.int64),
    )


def encoded_split(
    examples: int,
    read: Callable,
    name: Callable[[int], str],
    fingerprint: Callable[[], Fingerprint],
    labels: np.ndarray | None = None,
) -> Split:
    """Return a split of image files in colour; arguments are those of ``Split``."""

    def load(index: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        content, label = read(index)
        return decode(content, channels=3), label

    return Split(examples, load, read, name, fingerprint, labels)
