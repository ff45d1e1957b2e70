"""Functions that the checks of operators share."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from larq_igp_runtime.check import Node, Tensor

MAX_EXTENT = 1 << 16  # of windows, strides, dilations
MAX_DEPTH = 1 << 28  # of one binary output: sums are doubled in 32 bits
QUANTISED = ("int8", "uint8")


@dataclass(frozen=True)
class Known:
    """A row of the table.

    Attributes:
        name: its name in the schema.
        code: the builtin code; -1 for custom operators.
        options: number of the options table in the schema's union; 0 for none.
        inputs: smallest and largest number.
        outputs: their number; 0 for any number.
        check: refuses a node that does not fit.
        optional: inputs that may be absent.
        needs_options: whether zeros for absent options would be wrong.
        blob: whether a custom operator has options.
    """

    name: str
    code: int
    options: int
    inputs: tuple[int, int]
    outputs: int
    check: Callable[["Node"], None]
    optional: tuple[int, ...] = ()
    needs_options: bool = False
    blob: bool = False


def one_type(node: "Node", tensors: Sequence["Tensor"], allowed: Sequence[str]) -> str:
    """All tensors have one type, an allowed one; quantised ones have one scale each."""
    kind = tensors[0].type
    node.need(kind in allowed, f"the type {kind} is not supported")
    for tensor in tensors:
        node.need(tensor.type == kind, f"types differ: {kind}, {tensor.type}")
        if kind in QUANTISED:
            node.need(tensor.quantised, f"tensor {tensor.number} has no single scale")
    return kind


def require_output(node: "Node", shape: Sequence[int], number: int = 0) -> None:
    declared = node.outputs[number].shape
    node.need(declared == tuple(shape), f"its output is {declared}, not {tuple(shape)}")
    node.operations += math.prod(shape)


def require_activation(node: "Node") -> None:
    activation = node.options.activation if node.options else 0
    node.need(activation in (0, 1, 2, 3), f"the activation {activation} is not supported")


def within(node: "Node", name: str, value: int, low: int, high: int) -> int:
    node.need(low <= value <= high, f"{name} is {value}")
    return value


def shape_of_rank(node: "Node", tensor: "Tensor", low: int, high: int) -> tuple[int, ...]:
    node.need(
        low <= len(tensor.shape) <= high, f"tensor {tensor.number} has the shape {tensor.shape}"
    )
    return tensor.shape


def axis_of(node: "Node", axis: int, rank: int) -> int:
    node.need(-rank <= axis < rank, f"axis {axis} of {rank} dimensions")
    return axis % rank


def known_numbers(node: "Node", tensor: "Tensor", what: str) -> list[int]:
    """Integers that shapes depend on: they must be known before the model runs."""
    node.need(tensor.type in ("int32", "int64"), f"{what} has the type {tensor.type}")
    numbers = tensor.numbers
    node.need(numbers is not None, f"{what} is not a constant")
    node.need(len(tensor.shape) <= 2 and len(numbers) <= 64, f"{what} has the shape {tensor.shape}")
    return numbers


def output_side(node: "Node", side: int, window: int, stride: int, same: bool) -> int:
    size = -(-side // stride) if same else (side - window) // stride + 1
    node.need(size >= 1, f"a side of {side} is smaller than the window of {window}")
    return size


def output_sides(node: "Node", sides: Sequence[int], window: Sequence[int]) -> list[int]:
    """Output sides of a convolution or pooling over (height, width)."""
    options = node.options
    within(node, "padding", options.padding, 0, 1)
    dilations = getattr(options, "dilation_h", 1), getattr(options, "dilation_w", 1)
    result = []
    axes = zip(sides, window, (options.stride_h, options.stride_w), dilations, strict=True)
    for side, extent, stride, dilation in axes:
        within(node, "stride", stride, 1, MAX_EXTENT)
        within(node, "dilation", dilation, 1, MAX_EXTENT)
        within(node, "window", extent, 1, MAX_EXTENT)
        result.append(
            output_side(node, side, (extent - 1) * dilation + 1, stride, options.padding == 0)
        )
    return result


def require_weights(node: "Node", channels: int, dimension: int) -> None:
    """Types of input, filter, bias and output, their scales, and the bias's length."""
    x, weights, *rest = node.inputs
    (y,) = node.outputs
    bias = rest[0] if rest else None
    if x.type == "float32":
        node.need(y.type == "float32", f"its output has the type {y.type}")
        node.need(weights.type in ("float32", "int8"), f"the filter has the type {weights.type}")
        bias_type = "float32"
    else:
        one_type(node, [x, y], QUANTISED)
        node.need(weights.type == x.type, f"the filter has the type {weights.type}")
        bias_type = "int32"
    if weights.type != "float32":
        scales = len(weights.scales)
        node.need(scales in (1, channels), f"the filter has {scales} scales")
        along = weights.dimension == dimension
        node.need(scales == 1 or along, "the filter has scales along another dimension")
        node.need(weights.type == "uint8" or not any(weights.zeros), "the filter has zero points")
        node.need(weights.data is not None, "the filter is not a constant")
    if x.type != "float32":
        for scale in weights.scales:
            ratio = x.scales[0] * scale / y.scales[0]
            node.need(2.0**-40 < ratio < 2.0**20, f"scales have the ratio {ratio}")
    if bias:
        node.need(bias.type == bias_type, f"the bias has the type {bias.type}")
        node.need(
            bias.count == channels, f"the bias has {bias.count} values for {channels} channels"
        )
        node.need(bias_type == "float32" or bias.data is not None, "the bias is not a constant")


def close_scales(node: "Node", tensors: Sequence["Tensor"]) -> None:
    """Scales between which fixed-point multipliers exist."""
    scales = [tensor.scales[0] for tensor in tensors]
    for scale in scales:
        node.need(2.0**-40 < scale < 2.0**40, f"has the scale {scale}")
    node.need(max(scales) / min(scales) < 2.0**20, "scales differ by more than a million")
