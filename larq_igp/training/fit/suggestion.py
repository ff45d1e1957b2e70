"""Which network for which images: what is far too large learns them by heart, and takes long."""

from contextlib import suppress
from dataclasses import dataclass
from statistics import median

from larq_igp.architectures import ZOO
from larq_igp.architectures.accounting import closed_form
from larq_igp.data import Dataset
from larq_igp.data.corrupt import DECODE_ERRORS
from larq_igp.data.pillow import seen_shape_of
from larq_igp.keras2 import tf

MOST_WEIGHTS_PER_IMAGE = 2000
"""Above it, a network is called far too large. ResNet18 on CIFAR-10 has 250, those of the paper on
ImageNet about 20."""
FITTING_WEIGHTS_PER_IMAGE = 400
"""Up to it, a network is suggested."""
NETWORKS = ("igp_resnet41_48", "igp_resnet21_53", "igp_resnet_tiny")
"""From the largest to the smallest."""
SIDES = ((50_000, 224), (5_000, 128), (0, 64))
"""Side of the input for so many training images or more."""
LOOKED_AT = 32


@dataclass(frozen=True)
class Suggestion:
    """A network for a data set.

    Attributes:
        network: its name.
        side: of its input, px.
        images: to train on.
        stored: median of the shorter sides of some of them, px.
    """

    network: str
    side: int
    images: int
    stored: int


def suggest(dataset: Dataset) -> Suggestion:
    """Return a network and a size of input for a data set, by the number and size of its images."""
    images, stored = dataset.split("train").examples, _shorter_side(dataset)
    side = next(side for least, side in SIDES if images >= least)
    if dataset.store is None:  # images of one size
        side = stored
    side = max(32, min(side, stored // 32 * 32))
    shape = (side, side, dataset.input_shape[-1])
    classes = len(dataset.class_names)
    fitting = [
        name
        for name in NETWORKS
        if closed_form(ZOO[name], input_shape=shape, num_classes=classes, bits=1).parameters
        <= FITTING_WEIGHTS_PER_IMAGE * images
    ]
    return Suggestion((fitting or NETWORKS[-1:])[0], side, images, stored)


def _shorter_side(dataset: Dataset) -> int:
    split = dataset.split("train")
    if split.read is None:
        return min(dataset.input_shape[:2])
    indices = range(0, split.examples, max(1, split.examples // LOOKED_AT))
    sides = []
    for index in indices:
        with suppress(*DECODE_ERRORS):  # a check names those that are corrupt
            content, _ = split.read(tf.constant(index, tf.int64))
            sides.append(int(min(seen_shape_of(content.numpy())[:2])))
    return int(median(sides)) if sides else min(dataset.input_shape[:2])


def too_large(parameters: int, images: int) -> str | None:
    """Return a sentence if a network is far too large for so many training images."""
    if parameters <= MOST_WEIGHTS_PER_IMAGE * images:
        return None
    return (
        f"warning: {parameters:,} parameters are far too many for {images:,} training images: "
        "expect a slow training that learns them by heart; `larq-igp train --data-dir DIR` without "
        "a network suggests one, and `larq-igp list` has smaller ones"
    )
