"""Find the operators that compute the binary convolutions of a Keras model, by comparing weights
bit for bit.
"""

from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from larq_igp.deploy.errors import ConversionError
from larq_igp.deploy.flatbuffer import ABSENT, Operator, TFLiteFile
from larq_igp.deploy.lce_kernels import lce_convolutions, read_model
from larq_igp.deploy.schema import BINARY_CONV, WORD_BITS
from larq_igp.graph import Graph, Kernel
from larq_igp.keras2 import tf

FLOAT_CONVS = ("CONV_2D", "DEPTHWISE_CONV_2D")
LCE_OPERATORS = {"LceQuantize", "LceDequantize", "LceBconv2d", "LceBMaxPool2d"}
SCALE_TOLERANCE = 0.005
"""Larq Compute Engine treats a kernel as binary if the magnitudes within each output channel differ
by no more than this share.
"""


@dataclass(frozen=True)
class Match:
    """A kernel of a Keras graph, and the operator that computes its convolution.

    Attributes:
        kernel: kernel of one call; a layer that is called twice has two operators.
        operator: index of the operator in the file.
    """

    kernel: Kernel
    operator: int

    @property
    def layer(self) -> str:
        """Name of the Keras layer."""
        return self.kernel.name


def pack_signs(kernel: np.ndarray) -> np.ndarray:
    """Pack the signs of a kernel ``(H, W, I, O)`` as the file stores them: int32
    ``(O, H, W, ceil(I / 32))``.

    Bit ``i % 32`` of word ``i // 32`` is 1 where the weight of input channel ``i`` is negative;
    bits past ``I`` are 0.
    """
    return pack_filters(np.moveaxis(kernel < 0, -1, 0))


def pack_filters(negative: np.ndarray) -> np.ndarray:
    """Pack the signs of filters, given as where ``(O, H, W, I)`` they are negative; see
    ``pack_signs``.
    """
    missing = -negative.shape[-1] % WORD_BITS
    bits = np.pad(negative, [(0, 0)] * 3 + [(0, missing)])
    octets = np.packbits(bits, axis=-1, bitorder="little")
    return np.ascontiguousarray(octets).view("<i4")  # packbits may keep the order of a view


def _unsigned_key(words: np.ndarray, channels: int) -> tuple:
    """Return a key that is the same for a filter and its negative.

    Where a threshold replaces BatchNorm, the converter negates the filters of channels
    with a negative scale.
    """
    bits = np.unpackbits(
        np.ascontiguousarray(words, dtype="<i4").view(np.uint8), axis=-1, bitorder="little"
    )[..., :channels]
    bits = bits ^ bits[:, :1, :1, :1]
    return bits.shape, np.packbits(bits).tobytes()


def require_known_operators(file: TFLiteFile) -> None:
    """Check that an interpreter exists for every operator.

    A converter writes an operator that it does not know as a custom operator with its name.

    Raises:
        ConversionError: if there is none for an operator; the message names it and its output.
    """
    for operator in file.operators:
        if operator.is_custom and operator.name not in LCE_OPERATORS:
            raise ConversionError(
                f"no interpreter has a kernel for {operator.name}, which computes "
                f"{file.tensors[operator.outputs[0]].name!r}: replace that layer."
            )


def match_binary_convolutions(model: "tf.keras.Model | Graph", file: TFLiteFile) -> list[Match]:
    """Find the operator of every binary convolution, in the order of the calls.

    Raises:
        ConversionError: if a layer may hide binary convolutions, if the converter left one in float
            or changed its weights, or if the file has binary convolutions that the model does not
            have. The message names the layer.
    """
    operators = defaultdict(list)
    for operator in file.operators:
        if operator.name == BINARY_CONV:
            operators[_operator_key(file, operator)].append(operator.index)
    matches = []
    for kernel in lce_convolutions(read_model(model)):
        weights = kernel.quantized()
        key = _unsigned_key(pack_signs(weights), weights.shape[2])
        if not operators[key]:
            raise ConversionError(_why_missing(kernel, weights, file))
        match = Match(kernel, operators[key].pop(0))
        _require_channel_scale(file, match)
        matches.append(match)
    strangers = sorted(index for indices in operators.values() for index in indices)
    if strangers:
        raise ConversionError(
            f"operator {strangers[0]} of the file is a binary convolution with weights that no "
            "layer of the model has: the file was converted from other weights."
        )
    return matches


def _require_channel_scale(file: TFLiteFile, match: Match) -> None:
    """Check the constants that were folded into a convolution: the converter accepts any shape, an
    interpreter one number for each channel.
    """
    operator = file.operators[match.operator]
    filters = file.tensors[operator.inputs[1]].shape[0]
    for tensor in operator.inputs[2:]:
        if tensor != ABSENT and file.tensors[tensor].shape != (filters,):
            raise ConversionError(
                f"binary convolution {match.layer!r} is followed by a constant of shape "
                f"{file.tensors[tensor].shape}, which no interpreter can apply: it must have one "
                f"number for each of the {filters} channels."
            )


def _operator_key(file: TFLiteFile, operator: Operator) -> tuple:
    words = np.asarray(file.tensors[operator.inputs[1]].value)
    return _unsigned_key(words, operator.options["channels_in"] // file.groups(operator))


def _why_missing(kernel: Kernel, weights: np.ndarray, file: TFLiteFile) -> str:
    found = next(
        (op for op in file.operators if op.name in FLOAT_CONVS and _holds(file, op, weights)), None
    )
    reason = _why_not_binary(weights, kernel.owner) or "the weights differ from the model."
    fate = (
        f"was left as a float {found.name}"
        if found
        else "has no LceBconv2d with its weights in the file"
    )
    return f"binary convolution {kernel.name!r} {fate}: {reason}"


def _why_not_binary(kernel: np.ndarray, layer: "tf.keras.layers.Layer") -> str | None:
    if layer.padding == "same" and layer.pad_values not in (0, 1):
        return f"it pads with {layer.pad_values:g}, but only 0 and 1 are possible."
    if layer.groups > 1 and kernel.shape[2] % WORD_BITS:
        return (
            f"it has {kernel.shape[2]} input channels in each group, but a multiple of "
            f"{WORD_BITS} is needed."
        )
    magnitudes = np.abs(kernel)
    if not magnitudes.all():
        return (
            f"{np.sum(magnitudes == 0)} of its {kernel.size} quantized weights are 0, but a "
            "binary kernel has none."
        )
    ratio = magnitudes / magnitudes[:1, :1, :1]
    if np.abs(ratio - 1).max() > SCALE_TOLERANCE:
        return (
            "its quantized weights have more than one magnitude within an output channel, but only "
            "one is possible."
        )
    return None


def _holds(file: TFLiteFile, operator: Operator, kernel: np.ndarray) -> bool:
    """Tell whether a float convolution holds this kernel, up to BatchNorm's factor for each
    channel.
    """
    weights = file.tensors[operator.inputs[1]].value
    expected = np.moveaxis(kernel, -1, 0)
    if weights is None or weights.shape != expected.shape:
        return False
    norms = [np.sqrt(np.sum(np.square(array), axis=(1, 2, 3))) for array in (weights, expected)]
    cosine = np.abs(np.sum(weights * expected, axis=(1, 2, 3)))
    return bool(np.allclose(cosine, norms[0] * norms[1], rtol=1e-3, atol=1e-12))
