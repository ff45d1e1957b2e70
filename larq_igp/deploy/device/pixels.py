"""Files that take the pixels of an image as they are stored, and normalise them inside.

Three operators stand before the network: DEQUANTIZE makes floats of bytes, ADD subtracts the mean,
MUL divides by the deviation, for each channel. What the network pads with afterwards is 0 of the
normalised image, as in Keras; folded into the first convolution, it would be pixel 0. LiteRT runs
the three as they stand; ``larq-igp-runtime`` computes them with the convolution, borders right.
"""

from dataclasses import dataclass

import numpy as np

from larq_igp.data import Preprocessing
from larq_igp.deploy.device.edit import Edit
from larq_igp.deploy.errors import ConversionError

PIXELS = "UINT8"


@dataclass(frozen=True)
class Chain:
    """What stands between pixels and network.

    Attributes:
        normalised: the tensor that the network reads.
        offset: added to each pixel, one for all channels or one each.
        factor: the sum is multiplied by it; likewise.
    """

    normalised: int
    offset: np.ndarray
    factor: np.ndarray


def take_pixels(content: bytes, preprocessing: Preprocessing) -> bytes:
    """Return the same file, but it takes pixels ``(1, H, W, C)`` uint8 and normalises them.

    Args:
        content: of a file whose input is normalised.
        preprocessing: how.
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
    """Return what ``take_pixels`` put before a network; None for a file that takes floats.

    Raises:
        ConversionError: if the file makes floats of bytes in another way.
    """
    (pixels,) = edit.graph.inputs
    if edit.element_kind(pixels) != PIXELS:
        return None
    tensor, constants = pixels, []
    for kind in ("DEQUANTIZE", "ADD", "MUL"):
        operator = edit.only_reader(tensor, kind)
        if operator is None:
            raise ConversionError(
                f"the file takes uint8, but does not normalise it by {kind} where it should."
            )
        constants += [edit.constant(each) for each in operator.inputs[1:]]
        tensor = int(operator.outputs[0])
    offset, factor = constants
    if offset is None or factor is None:
        raise ConversionError("the file normalises uint8 with what is no constant.")
    return Chain(tensor, offset, factor)


def drop_chain(edit: Edit) -> None:
    """Let a file take what ``take_pixels`` makes of pixels."""
    chain = find_chain(edit)
    if chain is not None:
        edit.set_input(chain.normalised)
        edit.graph.operators = edit.graph.operators[3:]
