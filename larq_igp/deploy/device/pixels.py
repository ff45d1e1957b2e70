"""Files that take the stored pixels of an image, and normalise them inside.

Three operators precede the network: DEQUANTIZE turns bytes into floats, ADD subtracts the mean and
MUL divides by the deviation of each channel. They are not folded into the first convolution: it
would then pad with pixel 0, but Keras pads with 0 of the normalised image. LiteRT runs the three
operators as they are. ``larq-igp-runtime`` computes them as part of the convolution, with correct
borders.
"""

from dataclasses import dataclass

import numpy as np

from larq_igp.data import Preprocessing
from larq_igp.deploy.device.edit import Edit
from larq_igp.deploy.errors import ConversionError

PIXELS = "UINT8"


@dataclass(frozen=True)
class Chain:
    """The normalisation between pixels and network.

    Attributes:
        normalised: the tensor that the network reads.
        offset: added to each pixel; one for all channels, or one for each.
        factor: multiplied with that sum; one for all channels, or one for each.
    """

    normalised: int
    offset: np.ndarray
    factor: np.ndarray


def take_pixels(content: bytes, preprocessing: Preprocessing) -> bytes:
    """Return the same file, but with uint8 pixels ``(1, H, W, C)`` as input, which it normalises.

    Args:
        content: content of a file whose input is normalised.
        preprocessing: how pixels are normalised.
    """
    edit = Edit(content)
    image = int(edit.graph.inputs[0])
    name, shape = edit.name(image), edit.graph.tensors[image].shape
    edit.graph.tensors[image].name = f"{name}_normalised".encode()
    mean, deviation = (
        np.asarray(each, np.float32) for each in (preprocessing.mean, preprocessing.deviation)
    )
    pixels = edit.add_tensor(name, shape, PIXELS, scales=np.ones(1))
    levels = edit.add_tensor(f"{name}_levels", shape)
    centred = edit.add_tensor(f"{name}_centred", shape)
    offset = edit.add_constant(f"{name}_minus_mean", -mean)
    factor = edit.add_constant(f"{name}_per_deviation", np.float32(1) / deviation)
    edit.add_operator(0, "DEQUANTIZE", [pixels], levels)
    edit.add_operator(1, "ADD", [levels, offset], centred, options="AddOptions")
    edit.add_operator(2, "MUL", [centred, factor], image, options="MulOptions")
    edit.set_input(pixels)
    return edit.content()


def find_chain(edit: Edit) -> Chain | None:
    """Return the normalisation that ``take_pixels`` added to a file; None for a file that takes
    floats.

    Raises:
        ConversionError: if the file turns bytes into floats in another way.
    """
    (pixels,) = edit.graph.inputs
    if edit.element_kind(pixels) != PIXELS:
        return None
    tensor, constants = pixels, []
    for kind in ("DEQUANTIZE", "ADD", "MUL"):
        operator = edit.only_reader(tensor, kind)
        if operator is None:
            raise ConversionError(
                f"the file takes uint8, but {kind} is missing in its normalisation."
            )
        constants += [edit.constant(each) for each in operator.inputs[1:]]
        tensor = int(operator.outputs[0])
    offset, factor = constants
    if offset is None or factor is None:
        raise ConversionError("the file normalises uint8 with values that are not constant.")
    return Chain(tensor, offset, factor)


def drop_chain(edit: Edit) -> None:
    """Undo ``take_pixels``: let a file take normalised images."""
    chain = find_chain(edit)
    if chain is not None:
        edit.set_input(chain.normalised)
        edit.graph.operators = edit.graph.operators[3:]
