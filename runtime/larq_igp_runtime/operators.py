"""What every known operator must look like: the one table that `check` goes by.

A row names an operator's code, how many inputs and outputs it has, which options table it carries, and
a function that checks types, shapes and options against what the kernels index. Declared output shapes
must be those that the operator computes.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from larq_igp_runtime.check import Node, Tensor

MAX_EXTENT = 1 << 16  # of windows, strides, dilations
MAX_DEPTH = 1 << 28  # of one binary output: sums are doubled in 32 bits
QUANTISED = ("int8", "uint8")


@dataclass(frozen=True)
class Known:
    """A row of the table.

    Attributes:
        name: as the schema has it.
        code: the builtin code; -1 for custom operators.
        options: number of the options table in the schema's union; 0 for none.
        inputs: fewest and most.
        outputs: how many; 0 for any number.
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


# -- Parts of the checks -------------------------------------------------------------------------------


def _types(node: "Node", tensors: Sequence["Tensor"], allowed: Sequence[str]) -> str:
    """All tensors have one type, an allowed one; quantised ones have one scale each."""
    kind = tensors[0].type
    node.need(kind in allowed, f"the type {kind} is not supported")
    for tensor in tensors:
        node.need(tensor.type == kind, f"types differ: {kind}, {tensor.type}")
        if kind in QUANTISED:
            node.need(tensor.quantised, f"tensor {tensor.number} has no single scale")
    return kind


def _output(node: "Node", shape: Sequence[int], number: int = 0) -> None:
    declared = node.outputs[number].shape
    node.need(declared == tuple(shape), f"its output is {declared}, not {tuple(shape)}")
    node.operations += math.prod(shape)


def _activation(node: "Node") -> None:
    activation = node.options.activation if node.options else 0
    node.need(activation in (0, 1, 2, 3), f"the activation {activation} is not supported")


def _within(node: "Node", name: str, value: int, low: int, high: int) -> int:
    node.need(low <= value <= high, f"{name} is {value}")
    return value


def _rank(node: "Node", tensor: "Tensor", low: int, high: int) -> tuple[int, ...]:
    node.need(low <= len(tensor.shape) <= high, f"tensor {tensor.number} has the shape {tensor.shape}")
    return tensor.shape


def _axis(node: "Node", axis: int, rank: int) -> int:
    node.need(-rank <= axis < rank, f"axis {axis} of {rank} dimensions")
    return axis % rank


def _numbers(node: "Node", tensor: "Tensor", what: str) -> list[int]:
    """Whole numbers that shapes depend on: they must be known before the model runs."""
    node.need(tensor.type in ("int32", "int64"), f"{what} has the type {tensor.type}")
    numbers = tensor.numbers
    node.need(numbers is not None, f"{what} is not a constant")
    node.need(len(tensor.shape) <= 2 and len(numbers) <= 64, f"{what} has the shape {tensor.shape}")
    return numbers


def _extent(node: "Node", side: int, window: int, stride: int, same: bool) -> int:
    size = -(-side // stride) if same else (side - window) // stride + 1
    node.need(size >= 1, f"a side of {side} is smaller than the window of {window}")
    return size


def _windows(node: "Node", sides: Sequence[int], window: Sequence[int]) -> list[int]:
    """Output sides of a convolution or pooling over (height, width)."""
    options = node.options
    _within(node, "padding", options.padding, 0, 1)
    dilations = getattr(options, "dilation_h", 1), getattr(options, "dilation_w", 1)
    result = []
    axes = zip(sides, window, (options.stride_h, options.stride_w), dilations, strict=True)
    for side, extent, stride, dilation in axes:
        _within(node, "stride", stride, 1, MAX_EXTENT)
        _within(node, "dilation", dilation, 1, MAX_EXTENT)
        _within(node, "window", extent, 1, MAX_EXTENT)
        result.append(_extent(node, side, (extent - 1) * dilation + 1, stride, options.padding == 0))
    return result


def _weights(node: "Node", channels: int, dimension: int) -> None:
    """Types of input, filter, bias and output, their scales, and the bias's length."""
    x, weights, *rest = node.inputs
    (y,) = node.outputs
    bias = rest[0] if rest else None
    if x.type == "float32":
        node.need(y.type == "float32", f"its output has the type {y.type}")
        node.need(weights.type in ("float32", "int8"), f"the filter has the type {weights.type}")
        bias_type = "float32"
    else:
        _types(node, [x, y], QUANTISED)
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
        node.need(bias.count == channels, f"the bias has {bias.count} values for {channels} channels")
        node.need(bias_type == "float32" or bias.data is not None, "the bias is not a constant")


# -- Convolutions and pooling --------------------------------------------------------------------------


def _conv_2d(node: "Node") -> None:
    x, weights = node.inputs[:2]
    batch, *sides, channels = _rank(node, x, 4, 4)
    filters, *window, depth = _rank(node, weights, 4, 4)
    _activation(node)
    groups = channels // depth
    node.need(channels % depth == 0 and filters % groups == 0, "the filter does not fit the channels")
    node.need(groups == 1 or weights.type == "float32" or x.type == "int8", "groups are not supported")
    node.need(node.options.bias_type in (0, 2), "the bias type is not supported")
    _weights(node, filters, 0)
    _output(node, [batch, *_windows(node, sides, window), filters])
    node.operations *= math.prod(window) * depth


def _depthwise_conv_2d(node: "Node") -> None:
    x, weights = node.inputs[:2]
    batch, *sides, channels = _rank(node, x, 4, 4)
    one, *window, filters = _rank(node, weights, 4, 4)
    _activation(node)
    node.need(one == 1 and filters % channels == 0, "the filter does not fit the channels")
    multiplier = node.options.multiplier
    node.need(multiplier == filters // channels, f"the multiplier is {multiplier}")
    _weights(node, filters, 3)
    _output(node, [batch, *_windows(node, sides, window), filters])
    node.operations *= math.prod(window)


def _fully_connected(node: "Node") -> None:
    x, weights = node.inputs[:2]
    _rank(node, x, 1, 6)
    units, depth = _rank(node, weights, 2, 2)
    options = node.options
    _activation(node)
    node.need(options.weights_format == 0, "the weights' format is not supported")
    node.need(options.bias_type in (0, 2), "the bias type is not supported")
    _weights(node, units, 0)
    node.need(x.count % depth == 0, "the filter does not fit the input")
    if options.keep_dims:
        node.need(x.shape[-1] == depth, "the filter does not fit the input")
        _output(node, [*x.shape[:-1], units])
    else:
        _output(node, [x.count // depth, units])
    node.operations *= depth


def _pool_2d(node: "Node") -> None:
    (x,), (y,) = node.inputs, node.outputs
    kind = _types(node, [x, y], ("float32", *QUANTISED))
    if kind != "float32":
        node.need(x.scales == y.scales and x.zeros == y.zeros, "its quantisation changes")
    batch, *sides, channels = _rank(node, x, 4, 4)
    _activation(node)
    window = node.options.filter_h, node.options.filter_w
    _output(node, [batch, *_windows(node, sides, window), channels])
    node.operations *= math.prod(window)


# -- Element by element --------------------------------------------------------------------------------


def _broadcast(node: "Node", shapes: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    if len(set(shapes)) > 1:
        node.need(max(map(len, shapes)) <= 4, "shapes of more than 4 dimensions differ")
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        node.need(False, f"shapes do not fit: {', '.join(map(str, shapes))}")
        raise AssertionError from None


def _binary(*types: str) -> Callable[["Node"], None]:
    def check_binary(node: "Node") -> None:
        a, b = node.inputs
        kind = _types(node, [a, b, *node.outputs], types)
        if hasattr(node.options, "activation"):
            _activation(node)
            whole = kind in ("int32", "int64") and node.options.activation != 0
            node.need(not whole, "whole numbers with an activation are not supported")
        if kind in QUANTISED:
            _close_scales(node, [a, b, *node.outputs])
        _output(node, _broadcast(node, [a.shape, b.shape]))

    return check_binary


def _close_scales(node: "Node", tensors: Sequence["Tensor"]) -> None:
    """Scales between which fixed-point multipliers exist."""
    scales = [tensor.scales[0] for tensor in tensors]
    for scale in scales:
        node.need(2.0**-40 < scale < 2.0**40, f"has the scale {scale}")
    node.need(max(scales) / min(scales) < 2.0**20, "scales differ by more than a million")


def _unary(*types: str) -> Callable[["Node"], None]:
    def check_unary(node: "Node") -> None:
        x, y = node.inputs[0], node.outputs[0]
        if _types(node, [x, y], types) in QUANTISED:
            _close_scales(node, [x, y])
        alpha = getattr(node.options, "alpha", 0.0)
        node.need(math.isfinite(alpha) and abs(alpha) < 2.0**10, f"alpha is {alpha}")
        _output(node, x.shape)

    return check_unary


def _prelu(node: "Node") -> None:
    x, alpha = node.inputs
    if _types(node, [x, alpha, *node.outputs], ("float32", "int8", "uint8")) != "float32":
        _close_scales(node, [x, alpha, *node.outputs])
    node.need(_broadcast(node, [x.shape, alpha.shape]) == x.shape, "alpha does not fit the input")
    _output(node, x.shape)


def _softmax(node: "Node") -> None:
    x, y = node.inputs[0], node.outputs[0]
    _types(node, [x, y], ("float32", *QUANTISED))
    _rank(node, x, 1, 4)
    beta = getattr(node.options, "beta", 1.0)
    node.need(math.isfinite(beta) and 0 < beta < 2.0**10, f"beta is {beta}")
    if x.type != "float32":
        _close_scales(node, [x])
    _output(node, x.shape)


def _cast(node: "Node") -> None:
    x, y = node.inputs[0], node.outputs[0]
    types = ("float32", "int32", "int64", "bool", "uint8", "int8")
    node.need(x.type in types and y.type in types, f"{x.type} to {y.type} is not supported")
    _output(node, x.shape)


def _quantize(node: "Node") -> None:
    x, y = node.inputs[0], node.outputs[0]
    node.need(x.type in ("float32", *QUANTISED), f"its input has the type {x.type}")
    node.need(y.type in QUANTISED and y.quantised, f"its output has the type {y.type}")
    if x.type != "float32":
        node.need(x.quantised, "its input has no scale")
        _close_scales(node, [x, y])
    _output(node, x.shape)


def _dequantize(node: "Node") -> None:
    x, y = node.inputs[0], node.outputs[0]
    node.need(y.type == "float32", f"its output has the type {y.type}")
    node.need(x.type in ("float16", *QUANTISED), f"its input has the type {x.type}")
    node.need(x.type == "float16" or x.scales, "its input has no scale")
    node.need(len(x.scales) <= 1 or x.type == "int8", "its input has several scales")
    _output(node, x.shape)


# -- Shapes --------------------------------------------------------------------------------------------

_ANY = ("float32", "int32", "int64", "int8", "uint8", "bool")


def _reshape(node: "Node") -> None:
    x, y = node.inputs[0], node.outputs[0]
    node.need(x.type == y.type and x.type in _ANY, f"types differ: {x.type}, {y.type}")
    if len(node.inputs) == 2:
        shape = _numbers(node, node.inputs[1], "the shape")
        node.need(node.inputs[1].type == "int32", "the shape is not int32")
    else:
        shape = list(node.options.shape) if node.options else []
    open_sides = [i for i, side in enumerate(shape) if side == -1]
    node.need(len(open_sides) <= 1 and len(shape) <= 8, f"the shape {shape} is not supported")
    node.need(all(side >= 1 or side == -1 for side in shape), f"the shape {shape} is not supported")
    if open_sides:
        rest = math.prod(side for side in shape if side != -1)
        node.need(x.count % rest == 0, f"{x.shape} cannot become {shape}")
        shape[open_sides[0]] = x.count // rest
    node.need(math.prod(shape) == x.count, f"{x.shape} cannot become {shape}")
    _output(node, shape)


def _squeeze(node: "Node") -> None:
    x = node.inputs[0]
    _same_type(node)
    rank = len(x.shape)
    dims = node.options.dims if node.options else ()
    dropped = {_axis(node, axis, rank) for axis in dims} if rank else set()
    node.need(all(x.shape[axis] == 1 for axis in dropped), f"{x.shape} without {list(dims)}")
    keep = lambda i, side: i not in dropped if dims else side != 1  # noqa: E731
    _output(node, [side for i, side in enumerate(x.shape) if keep(i, side)])


def _same_type(node: "Node", kinds: Sequence[str] = _ANY) -> None:
    kind = node.inputs[0].type
    node.need(kind in kinds, f"the type {kind} is not supported")
    for output in node.outputs:
        node.need(output.type == kind, f"types differ: {kind}, {output.type}")


def _expand_dims(node: "Node") -> None:
    x = node.inputs[0]
    _same_type(node)
    axes = _numbers(node, node.inputs[1], "the axis")
    node.need(len(axes) == 1, "there is not one axis")
    axis = _axis(node, axes[0], len(x.shape) + 1)
    _output(node, [*x.shape[:axis], 1, *x.shape[axis:]])


def _transpose(node: "Node") -> None:
    x = node.inputs[0]
    _same_type(node)
    _rank(node, x, 1, 6)
    order = _numbers(node, node.inputs[1], "the order")
    node.need(sorted(order) == list(range(len(x.shape))), f"the order {order} of {x.shape}")
    node.need(node.inputs[1].type == "int32", "the order is not int32")
    _output(node, [x.shape[i] for i in order])


def _shape(node: "Node") -> None:
    x, y = node.inputs[0], node.outputs[0]
    node.need(y.type == "int32" and node.options and node.options.out_type == 2, "it is not int32")
    _output(node, [len(x.shape)])
    y.values = np.array(x.shape, np.int32)


def _strided_slice(node: "Node") -> None:
    x, *limits = node.inputs
    options = node.options
    _same_type(node)
    _rank(node, x, 1, 4)
    begin, end, strides = (_numbers(node, tensor, "a limit") for tensor in limits)
    node.need(all(tensor.type == "int32" for tensor in limits), "a limit is not int32")
    node.need(len(begin) == len(end) == len(strides) <= len(x.shape), "the limits do not fit")
    node.need(options.ellipsis_mask == 0 and options.new_axis_mask == 0, "a mask is not supported")
    node.need(not options.offset and all(strides), "strides and offsets do not fit")
    slices: list[int | slice] = []
    for i, (low, high, step) in enumerate(zip(begin, end, strides, strict=True)):
        side = x.shape[i]
        if options.shrink_axis_mask >> i & 1:
            node.need(step == 1, f"a stride of {step} for one element")
            low = 0 if options.begin_mask >> i & 1 else low
            node.need(-side <= low < side, f"element {low} of {side}")
            slices.append(low)
        else:
            low = None if options.begin_mask >> i & 1 else low
            high = None if options.end_mask >> i & 1 else high
            slices.append(slice(low, high, step))
    for mask in (options.begin_mask, options.end_mask, options.shrink_axis_mask):
        node.need(0 <= mask < 1 << len(begin), f"the mask {mask} does not fit")
    # A view of one byte, however large the shape: what indexing makes of it.
    view = np.broadcast_to(np.zeros((), np.int8), x.shape)[tuple(slices)]
    _output(node, view.shape)
    if x.numbers is not None and x.values.shape == x.shape:
        node.outputs[0].values = np.asarray(x.values[tuple(slices)])


def _slice(node: "Node") -> None:
    x = node.inputs[0]
    _same_type(node)
    _rank(node, x, 1, 4)
    begin, size = (_numbers(node, tensor, "a limit") for tensor in node.inputs[1:])
    node.need(len(begin) == len(size) == len(x.shape), "the limits do not fit")
    shape = []
    for side, low, extent in zip(x.shape, begin, size, strict=True):
        extent = side - low if extent == -1 else extent
        node.need(low >= 0 and 1 <= extent <= side - low, f"{extent} from {low} of {side}")
        shape.append(extent)
    _output(node, shape)


def _joined_types(node: "Node") -> None:
    kind = node.inputs[0].type
    node.need(kind in _ANY, f"the type {kind} is not supported")
    for tensor in (*node.inputs, *node.outputs):
        node.need(tensor.type == kind, f"types differ: {kind}, {tensor.type}")
    if kind in QUANTISED and any(tensor.scales for tensor in (*node.inputs, *node.outputs)):
        _types(node, [*node.inputs, *node.outputs], QUANTISED)
        _close_scales(node, [*node.inputs, *node.outputs])


def _pack(node: "Node") -> None:
    _joined_types(node)
    shape = node.inputs[0].shape
    node.need(len(node.inputs) == node.options.count, f"it joins {node.options.count} inputs")
    node.need(all(tensor.shape == shape for tensor in node.inputs), "its inputs' shapes differ")
    axis = _axis(node, node.options.axis, len(shape) + 1)
    _output(node, [*shape[:axis], len(node.inputs), *shape[axis:]])
    values = [tensor.values if tensor.numbers is not None else None for tensor in node.inputs]
    if all(value is not None for value in values):
        node.outputs[0].values = np.stack(values, axis)


def _concatenation(node: "Node") -> None:
    _joined_types(node)
    _rank(node, node.inputs[0], 1, 6)
    node.need(node.options.activation == 0, "an activation is not supported")
    shape = list(node.inputs[0].shape)
    axis = _axis(node, node.options.axis, len(shape))
    for tensor in node.inputs[1:]:
        node.need(len(tensor.shape) == len(shape), "its inputs' shapes differ")
        for i, side in enumerate(tensor.shape):
            node.need(i == axis or side == shape[i], "its inputs' shapes differ")
        shape[axis] += tensor.shape[axis]
    _output(node, shape)


def _split(node: "Node") -> None:
    axis, x = node.inputs
    axes = _numbers(node, axis, "the axis")
    node.need(len(axes) == 1 and axis.type == "int32", "there is not one axis")
    kind = x.type
    node.need(kind in ("float32", "int8", "uint8"), f"the type {kind} is not supported")
    at, parts = _axis(node, axes[0], len(x.shape)), node.options.splits
    node.need(parts == len(node.outputs) >= 1 and x.shape[at] % parts == 0, f"{parts} parts")
    for i, output in enumerate(node.outputs):
        node.need(output.type == kind, f"types differ: {kind}, {output.type}")
        _output(node, [*x.shape[:at], x.shape[at] // parts, *x.shape[at + 1 :]], i)


def _reduce(*types: str) -> Callable[["Node"], None]:
    def check_reduce(node: "Node") -> None:
        x, axis = node.inputs
        kind = _types(node, [x, *node.outputs], types)
        if kind in QUANTISED:
            _close_scales(node, [x, *node.outputs])
        _rank(node, x, 1, 4)
        node.need(axis.type == "int32" and len(axis.shape) <= 1, "axes are not int32")
        axes = [_axis(node, one, len(x.shape)) for one in _numbers(node, axis, "axes")]
        node.need(0 < len(set(axes)) == len(axes), f"axes are {axes}")
        keep = bool(node.options and node.options.keep_dims)
        shape = [1 if i in axes else side for i, side in enumerate(x.shape) if keep or i not in axes]
        _output(node, shape)
        node.operations += x.count

    return check_reduce


def _arg_max(node: "Node") -> None:
    x, axis = node.inputs
    node.need(x.type in ("float32", "int8", "uint8"), f"the type {x.type} is not supported")
    y = node.outputs[0]
    code = {"int32": 2, "int64": 4}.get(y.type)
    node.need(code is not None and node.options and node.options.out_type == code, "output type")
    axes = _numbers(node, axis, "the axis")
    node.need(len(axes) == 1, "there is not one axis")
    at = _axis(node, axes[0], len(x.shape))
    _output(node, [*x.shape[:at], *x.shape[at + 1 :]])
    node.operations += x.count


def _pad(node: "Node") -> None:
    x, pads, *value = node.inputs
    kind = _types(node, [x, *node.outputs, *value], ("float32", "int8", "uint8", "int32"))
    _rank(node, x, 1, 4)
    if kind in QUANTISED:
        _close_scales(node, [x, *node.outputs, *value])
    if value:
        node.need(value[0].count == 1, "the value is not one")
    node.need(pads.shape == (len(x.shape), 2), f"the padding has the shape {pads.shape}")
    numbers = _numbers(node, pads, "the padding")
    shape = []
    for side, before, after in zip(x.shape, numbers[::2], numbers[1::2], strict=True):
        node.need(0 <= before <= MAX_EXTENT and 0 <= after <= MAX_EXTENT, f"padding {before}, {after}")
        shape.append(before + side + after)
    _output(node, shape)


def _mirror_pad(node: "Node") -> None:
    _pad(node)
    node.need(node.options.mode in (0, 1), f"the mode is {node.options.mode}")
    numbers = _numbers(node, node.inputs[1], "the padding")
    for side, before, after in zip(node.inputs[0].shape, numbers[::2], numbers[1::2], strict=True):
        most = side - 1 if node.options.mode == 0 else side
        node.need(before <= most and after <= most, f"padding {before}, {after} of {side}")


def _resize(node: "Node") -> None:
    x, size = node.inputs
    _types(node, [x, *node.outputs], ("float32", *QUANTISED))
    batch, *_, channels = _rank(node, x, 4, 4)
    sides = _numbers(node, size, "the size")
    node.need(size.type == "int32" and len(sides) == 2 and min(sides) >= 1, f"the size is {sides}")
    both = node.options.align_corners and node.options.half_pixel_centers
    node.need(not both, "its options exclude each other")
    _output(node, [batch, *sides, channels])


def _space_to_depth(node: "Node") -> None:
    _same_type(node, ("float32", "int8", "uint8", "int32"))
    batch, height, width, channels = _rank(node, node.inputs[0], 4, 4)
    block = _within(node, "the block", node.options.block, 1, MAX_EXTENT)
    node.need(height % block == 0 and width % block == 0, f"blocks of {block} do not fit")
    _output(node, [batch, height // block, width // block, channels * block * block])


def _depth_to_space(node: "Node") -> None:
    _same_type(node, ("float32", "int8", "uint8", "int32"))
    batch, height, width, channels = _rank(node, node.inputs[0], 4, 4)
    block = _within(node, "the block", node.options.block, 1, MAX_EXTENT)
    node.need(channels % (block * block) == 0, f"blocks of {block} do not fit")
    _output(node, [batch, height * block, width * block, channels // (block * block)])


# -- Operators of Larq Compute Engine ------------------------------------------------------------------


def _packed(shape: Sequence[int]) -> list[int]:
    return [*shape[:-1], -(-shape[-1] // 32)]


def _real(node: "Node", tensor: "Tensor") -> None:
    kind = tensor.type
    node.need(kind in ("float32", "int8", "bool"), f"the type {kind} is not float32, int8 or bool")
    node.need(kind != "int8" or tensor.quantised, "int8 without affine quantisation")


def _lce_quantize(node: "Node") -> None:
    x, y = node.inputs[0], node.outputs[0]
    _real(node, x)
    _rank(node, x, 1, 6)
    node.need(y.type == "int32", "output is not int32")
    _output(node, _packed(x.shape))
    node.operations += x.count


def _lce_dequantize(node: "Node") -> None:
    x, y = node.inputs[0], node.outputs[0]
    _real(node, y)
    _rank(node, y, 1, 6)
    node.need(x.type == "int32", "input is not int32")
    node.need(x.shape == tuple(_packed(y.shape)), f"{x.shape} cannot become {y.shape}")
    node.operations += y.count


def _option(node: "Node", name: str, low: int, high: int) -> int:
    node.need(name in node.options, f"option {name} is missing")
    return _within(node, f"option {name}", node.options[name], low, high)


def _lce_windows(node: "Node", sides: Sequence[int], window: Sequence[int], dilated: bool) -> list[int]:
    padding = _option(node, "padding", 0, 1)
    result = []
    for side, extent, axis in zip(sides, window, ("height", "width"), strict=True):
        stride = _option(node, f"stride_{axis}", 1, MAX_EXTENT)
        dilation = _option(node, f"dilation_{axis}_factor", 1, MAX_EXTENT) if dilated else 1
        result.append(_extent(node, side, (extent - 1) * dilation + 1, stride, padding == 0))
    return result


def _lce_bconv2d(node: "Node") -> None:
    x, weights, multiplier, bias, threshold = node.inputs
    y = node.outputs[0]
    node.need(x.type == "int32", "input is not int32")
    batch, *sides, words = _rank(node, x, 4, 4)
    channels = _option(node, "channels_in", 1, 1 << 24)
    node.need(words == -(-channels // 32), f"channels_in = {channels} does not fit {words} words")
    _option(node, "fused_activation_function", 0, 3)
    _option(node, "pad_values", 0, 1)

    node.need(weights.type == "int32" and weights.data is not None, "filter is not a constant int32")
    filters, *window, depth = _rank(node, weights, 4, 4)
    if depth != words:
        groups = words // depth
        fits = words % depth == 0 and channels % (32 * groups) == 0 and filters % groups == 0
        node.need(fits, "filter depth does not divide channels_in")
    products = math.prod(window) * min(32 * depth, channels)
    node.need(products <= MAX_DEPTH, "filter is too large")

    def constant(tensor: "Tensor | None", what: str, kind: str) -> None:
        node.need(tensor is not None, f"{what} is absent")
        node.need(tensor.type == kind and tensor.data is not None, f"{what} is not a constant {kind}")
        node.need(tensor.count == filters, f"{what} has {tensor.count} values for {filters} filters")

    packed = y.type == "int32"
    if packed:
        node.need(multiplier is None and bias is None, "packed output with a multiplier or bias")
        constant(threshold, "output_threshold", "int32")
    else:
        node.need(y.type in ("float32", "int8"), f"output has the type {y.type}")
        node.need(y.type == "float32" or y.quantised, "int8 without affine quantisation")
        node.need(threshold is None, "output_threshold without packed output")
        constant(multiplier, "post_activation_multiplier", "float32")
        constant(bias, "post_activation_bias", "float32")
    shape = [batch, *_lce_windows(node, sides, window, True), filters]
    _output(node, _packed(shape) if packed else shape)
    node.operations = math.prod(shape) * math.prod(window) * depth


def _lce_max_pool(node: "Node") -> None:
    x, y = node.inputs[0], node.outputs[0]
    node.need(x.type == "int32" and y.type == "int32", "input or output is not int32")
    batch, *sides, words = _rank(node, x, 4, 4)
    window = [_option(node, f"filter_{axis}", 1, MAX_EXTENT) for axis in ("height", "width")]
    _output(node, [batch, *_lce_windows(node, sides, window, False), words])
    node.operations *= math.prod(window)


# -- The table -----------------------------------------------------------------------------------------

_REAL = ("float32", "int8", "uint8")
_ONE, _TWO, _MANY = (1, 1), (2, 2), (1, 4096)

TABLE = (
    Known("ADD", 0, 11, _TWO, 1, _binary(*_REAL, "int32", "int64")),
    Known("AVERAGE_POOL_2D", 1, 5, _ONE, 1, _pool_2d, needs_options=True),
    Known("CONCATENATION", 2, 10, _MANY, 1, _concatenation, needs_options=True),
    Known("CONV_2D", 3, 1, (2, 3), 1, _conv_2d, optional=(2,), needs_options=True),
    Known("DEPTHWISE_CONV_2D", 4, 2, (2, 3), 1, _depthwise_conv_2d, optional=(2,), needs_options=True),
    Known("DEPTH_TO_SPACE", 5, 94, _ONE, 1, _depth_to_space, needs_options=True),
    Known("DEQUANTIZE", 6, 38, _ONE, 1, _dequantize),
    Known("FULLY_CONNECTED", 9, 8, (2, 3), 1, _fully_connected, optional=(2,), needs_options=True),
    Known("LOGISTIC", 14, 0, _ONE, 1, _unary(*_REAL)),
    Known("MAX_POOL_2D", 17, 5, _ONE, 1, _pool_2d, needs_options=True),
    Known("MUL", 18, 21, _TWO, 1, _binary(*_REAL, "int32", "int64")),
    Known("RELU", 19, 0, _ONE, 1, _unary(*_REAL)),
    Known("RELU_N1_TO_1", 20, 0, _ONE, 1, _unary("float32")),
    Known("RELU6", 21, 0, _ONE, 1, _unary(*_REAL)),
    Known("RESHAPE", 22, 17, (1, 2), 1, _reshape),
    Known("RESIZE_BILINEAR", 23, 15, _TWO, 1, _resize, needs_options=True),
    Known("SOFTMAX", 25, 9, _ONE, 1, _softmax, needs_options=True),
    Known("SPACE_TO_DEPTH", 26, 19, _ONE, 1, _space_to_depth, needs_options=True),
    Known("TANH", 28, 0, _ONE, 1, _unary(*_REAL)),
    Known("PAD", 34, 22, _TWO, 1, _pad),
    Known("TRANSPOSE", 39, 26, _TWO, 1, _transpose),
    Known("MEAN", 40, 27, _TWO, 1, _reduce(*_REAL)),
    Known("SUB", 41, 28, _TWO, 1, _binary(*_REAL, "int32", "int64")),
    Known("DIV", 42, 29, _TWO, 1, _binary("float32")),
    Known("SQUEEZE", 43, 30, _ONE, 1, _squeeze),
    Known("STRIDED_SLICE", 45, 32, (4, 4), 1, _strided_slice, needs_options=True),
    Known("EXP", 47, 33, _ONE, 1, _unary("float32")),
    Known("SPLIT", 49, 35, _TWO, 0, _split, needs_options=True),
    Known("LOG_SOFTMAX", 50, 36, _ONE, 1, _unary("float32")),
    Known("CAST", 53, 37, _ONE, 1, _cast),
    Known("PRELU", 54, 0, _TWO, 1, _prelu),
    Known("MAXIMUM", 55, 39, _TWO, 1, _binary(*_REAL, "int32", "int64")),
    Known("ARG_MAX", 56, 40, _TWO, 1, _arg_max, needs_options=True),
    Known("MINIMUM", 57, 39, _TWO, 1, _binary(*_REAL, "int32", "int64")),
    Known("NEG", 59, 42, _ONE, 1, _unary("float32")),
    Known("PADV2", 60, 43, (3, 3), 1, _pad),
    Known("SLICE", 65, 48, (3, 3), 1, _slice),
    Known("EXPAND_DIMS", 70, 52, _TWO, 1, _expand_dims),
    Known("LOG", 73, 0, _ONE, 1, _unary("float32")),
    Known("SUM", 74, 27, _TWO, 1, _reduce("float32")),
    Known("SQRT", 75, 0, _ONE, 1, _unary("float32")),
    Known("RSQRT", 76, 0, _ONE, 1, _unary("float32")),
    Known("SHAPE", 77, 55, _ONE, 1, _shape, needs_options=True),
    Known("REDUCE_MAX", 82, 27, _TWO, 1, _reduce("float32")),
    Known("PACK", 83, 59, _MANY, 1, _pack, needs_options=True),
    Known("SQUARE", 92, 66, _ONE, 1, _unary("float32")),
    Known("RESIZE_NEAREST_NEIGHBOR", 97, 74, _TWO, 1, _resize, needs_options=True),
    Known("LEAKY_RELU", 98, 75, _ONE, 1, _unary(*_REAL), needs_options=True),
    Known("SQUARED_DIFFERENCE", 99, 76, _TWO, 1, _binary("float32")),
    Known("MIRROR_PAD", 100, 77, _TWO, 1, _mirror_pad, needs_options=True),
    Known("ABS", 101, 78, _ONE, 1, _unary("float32")),
    Known("ELU", 111, 0, _ONE, 1, _unary("float32")),
    Known("QUANTIZE", 114, 89, _ONE, 1, _quantize),
    Known("HARD_SWISH", 117, 91, _ONE, 1, _unary(*_REAL)),
    Known("GELU", 150, 116, _ONE, 1, _unary("float32"), needs_options=True),
)
BY_CODE = {known.code: known for known in TABLE}
CUSTOM = {
    known.name: known
    for known in (
        Known("LceQuantize", -1, 0, _ONE, 1, _lce_quantize),
        Known("LceDequantize", -1, 0, _ONE, 1, _lce_dequantize),
        Known("LceBconv2d", -1, 0, (5, 5), 1, _lce_bconv2d, optional=(2, 3, 4), blob=True),
        Known("LceBMaxPool2d", -1, 0, _ONE, 1, _lce_max_pool, blob=True),
    )
}
