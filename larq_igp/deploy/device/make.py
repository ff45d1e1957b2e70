"""Convert a network to a file for a device."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

from larq_igp.deploy.about import About
from larq_igp.deploy.convert import Converted, convert_by
from larq_igp.deploy.device.dense import rounded_kernels, to_int8
from larq_igp.deploy.device.metadata import with_metadata
from larq_igp.deploy.device.pixels import take_pixels
from larq_igp.deploy.device.scores import scores_of
from larq_igp.deploy.lce_kernels import read_model
from larq_igp.keras2 import tf

INT8, FLOAT = 8, 32


@dataclass(frozen=True, kw_only=True)
class Device:
    """Options of a file for a device.

    Attributes:
        takes_pixels: whether the file takes pixels, and normalises them itself.
        dense_bits: bits of the weights of matrix products and 1x1 convolutions, 8 or 32.
        scores: ``probabilities`` or ``logits``; None keeps those of the network.
    """

    takes_pixels: bool = False
    dense_bits: int = FLOAT
    scores: str | None = None


@contextmanager
def made(
    model: "tf.keras.Model", device: Device, about: About, *, float_model: bool, converter: str
) -> Iterator[Converted]:
    """Convert a model to a file for a device.

    Args:
        model: model with the wanted scores, see ``with_scores``.
        device: options of the file.
        about: description of the network.
        float_model: see ``convert``.
        converter: see ``convert``.

    Yields:
        the file. Within the ``with`` block, kernels that have 8 bits in the file are rounded in the
        model too.

    Raises:
        ConversionError: see ``convert``.
    """
    is_int8 = device.dense_bits == INT8
    with rounded_kernels(read_model(model)) if is_int8 else nullcontext():
        converted = convert_by(model, float_model=float_model, converter=converter)
        content = converted.content
        if device.takes_pixels:
            content = take_pixels(content, about.preprocessing)
        if is_int8:
            content = to_int8(content)
        content = with_metadata(
            content,
            about.preprocessing,
            name=about.network,
            class_names=about.class_names,
            scores=scores_of(model),
        )
        yield Converted(content, converted.converter)
