"""Checks of operators that move, join or reduce values."""

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from larq_igp_runtime.operators.parts import (
    MAX_EXTENT,
    QUANTISED,
    axis_of,
    close_scales,
    known_numbers,
    one_type,
    require_output,
    shape_of_rank,
    within,
)

if TYPE_CHECKING:
    from larq_igp_runtime.check import Node


_ANY = ("float32", "int32", "int64", "int8", "uint8", "bool")


def check_reshape(node: "Node") -> None:
    x, y = node.inputs[0], node.outputs[0]
    node.need(x.type == y.type and x.type in _ANY, f"types differ: {x.type}, {y.type}")
    if len(node.inputs) == 2:
        shape = known_numbers(node, node.inputs[1], "the shape")
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
    require_output(node, shape)


def check_squeeze(node: "Node") -> None:
    x = node.inputs[0]
    same_type(node)
    rank = len(x.shape)
    dims = node.options.dims if node.options else ()
    dropped = {axis_of(node, axis, rank) for axis in dims} if rank else set()
    node.need(all(x.shape[axis] == 1 for axis in dropped), f"{x.shape} without {list(dims)}")
    keep = lambda i, side: i not in dropped if dims else side != 1  # noqa: E731
    require_output(node, [side for i, side in enumerate(x.shape) if keep(i, side)])


def same_type(node: "Node", kinds: Sequence[str] = _ANY) -> None:
    kind = node.inputs[0].type
    node.need(kind in kinds, f"the type {kind} is not supported")
    for output in node.outputs:
        node.need(output.type == kind, f"types differ: {kind}, {output.type}")


def check_expand_dims(node: "Node") -> None:
    x = node.inputs[0]
    same_type(node)
    axes = known_numbers(node, node.inputs[1], "the axis")
    node.need(len(axes) == 1, "there is not one axis")
    axis = axis_of(node, axes[0], len(x.shape) + 1)
    require_output(node, [*x.shape[:axis], 1, *x.shape[axis:]])


def check_transpose(node: "Node") -> None:
    x = node.inputs[0]
    same_type(node)
    shape_of_rank(node, x, 1, 6)
    order = known_numbers(node, node.inputs[1], "the order")
    node.need(sorted(order) == list(range(len(x.shape))), f"the order {order} of {x.shape}")
    node.need(node.inputs[1].type == "int32", "the order is not int32")
    require_output(node, [x.shape[i] for i in order])


def check_shape(node: "Node") -> None:
    x, y = node.inputs[0], node.outputs[0]
    node.need(y.type == "int32" and node.options and node.options.out_type == 2, "it is not int32")
    require_output(node, [len(x.shape)])
    y.values = np.array(x.shape, np.int32)


def check_strided_slice(node: "Node") -> None:
    x, *limits = node.inputs
    options = node.options
    same_type(node)
    shape_of_rank(node, x, 1, 4)
    begin, end, strides = (known_numbers(node, tensor, "a limit") for tensor in limits)
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
    require_output(node, view.shape)
    if x.numbers is not None and x.values.shape == x.shape:
        node.outputs[0].values = np.asarray(x.values[tuple(slices)])


def check_slice(node: "Node") -> None:
    x = node.inputs[0]
    same_type(node)
    shape_of_rank(node, x, 1, 4)
    begin, size = (known_numbers(node, tensor, "a limit") for tensor in node.inputs[1:])
    node.need(len(begin) == len(size) == len(x.shape), "the limits do not fit")
    shape = []
    for side, low, extent in zip(x.shape, begin, size, strict=True):
        extent = side - low if extent == -1 else extent
        node.need(low >= 0 and 1 <= extent <= side - low, f"{extent} from {low} of {side}")
        shape.append(extent)
    require_output(node, shape)


def one_type_of_all(node: "Node") -> None:
    kind = node.inputs[0].type
    node.need(kind in _ANY, f"the type {kind} is not supported")
    for tensor in (*node.inputs, *node.outputs):
        node.need(tensor.type == kind, f"types differ: {kind}, {tensor.type}")
    if kind in QUANTISED and any(tensor.scales for tensor in (*node.inputs, *node.outputs)):
        one_type(node, [*node.inputs, *node.outputs], QUANTISED)
        close_scales(node, [*node.inputs, *node.outputs])


def check_pack(node: "Node") -> None:
    one_type_of_all(node)
    shape = node.inputs[0].shape
    node.need(len(node.inputs) == node.options.count, f"it joins {node.options.count} inputs")
    node.need(all(tensor.shape == shape for tensor in node.inputs), "its inputs' shapes differ")
    axis = axis_of(node, node.options.axis, len(shape) + 1)
    require_output(node, [*shape[:axis], len(node.inputs), *shape[axis:]])
    values = [tensor.values if tensor.numbers is not None else None for tensor in node.inputs]
    if all(value is not None for value in values):
        node.outputs[0].values = np.stack(values, axis)


def check_concatenation(node: "Node") -> None:
    one_type_of_all(node)
    shape_of_rank(node, node.inputs[0], 1, 6)
    node.need(node.options.activation == 0, "an activation is not supported")
    shape = list(node.inputs[0].shape)
    axis = axis_of(node, node.options.axis, len(shape))
    for tensor in node.inputs[1:]:
        node.need(len(tensor.shape) == len(shape), "its inputs' shapes differ")
        for i, side in enumerate(tensor.shape):
            node.need(i == axis or side == shape[i], "its inputs' shapes differ")
        shape[axis] += tensor.shape[axis]
    require_output(node, shape)


def check_split(node: "Node") -> None:
    axis, x = node.inputs
    axes = known_numbers(node, axis, "the axis")
    node.need(len(axes) == 1 and axis.type == "int32", "there is not one axis")
    kind = x.type
    node.need(kind in ("float32", "int8", "uint8"), f"the type {kind} is not supported")
    at, parts = axis_of(node, axes[0], len(x.shape)), node.options.splits
    node.need(parts == len(node.outputs) >= 1 and x.shape[at] % parts == 0, f"{parts} parts")
    for i, output in enumerate(node.outputs):
        node.need(output.type == kind, f"types differ: {kind}, {output.type}")
        require_output(node, [*x.shape[:at], x.shape[at] // parts, *x.shape[at + 1 :]], i)


def reduce_of(*types: str) -> Callable[["Node"], None]:
    def check_reduce(node: "Node") -> None:
        x, axis = node.inputs
        kind = one_type(node, [x, *node.outputs], types)
        if kind in QUANTISED:
            close_scales(node, [x, *node.outputs])
        shape_of_rank(node, x, 1, 4)
        node.need(axis.type == "int32" and len(axis.shape) <= 1, "axes are not int32")
        axes = [axis_of(node, one, len(x.shape)) for one in known_numbers(node, axis, "axes")]
        node.need(0 < len(set(axes)) == len(axes), f"axes are {axes}")
        keep = bool(node.options and node.options.keep_dims)
        shape = [
            1 if i in axes else side for i, side in enumerate(x.shape) if keep or i not in axes
        ]
        require_output(node, shape)
        node.operations += x.count

    return check_reduce


def check_arg_max(node: "Node") -> None:
    x, axis = node.inputs
    node.need(x.type in ("float32", "int8", "uint8"), f"the type {x.type} is not supported")
    y = node.outputs[0]
    code = {"int32": 2, "int64": 4}.get(y.type)
    node.need(code is not None and node.options and node.options.out_type == code, "output type")
    axes = known_numbers(node, axis, "the axis")
    node.need(len(axes) == 1, "there is not one axis")
    at = axis_of(node, axes[0], len(x.shape))
    require_output(node, [*x.shape[:at], *x.shape[at + 1 :]])
    node.operations += x.count


def check_pad(node: "Node") -> None:
    x, pads, *value = node.inputs
    kind = one_type(node, [x, *node.outputs, *value], ("float32", "int8", "uint8", "int32"))
    shape_of_rank(node, x, 1, 4)
    if kind in QUANTISED:
        close_scales(node, [x, *node.outputs, *value])
    if value:
        node.need(value[0].count == 1, "the value is not one")
    node.need(pads.shape == (len(x.shape), 2), f"the padding has the shape {pads.shape}")
    numbers = known_numbers(node, pads, "the padding")
    shape = []
    for side, before, after in zip(x.shape, numbers[::2], numbers[1::2], strict=True):
        node.need(
            0 <= before <= MAX_EXTENT and 0 <= after <= MAX_EXTENT, f"padding {before}, {after}"
        )
        shape.append(before + side + after)
    require_output(node, shape)


def check_mirror_pad(node: "Node") -> None:
    check_pad(node)
    node.need(node.options.mode in (0, 1), f"the mode is {node.options.mode}")
    numbers = known_numbers(node, node.inputs[1], "the padding")
    for side, before, after in zip(node.inputs[0].shape, numbers[::2], numbers[1::2], strict=True):
        most = side - 1 if node.options.mode == 0 else side
        node.need(before <= most and after <= most, f"padding {before}, {after} of {side}")


def check_resize(node: "Node") -> None:
    x, size = node.inputs
    one_type(node, [x, *node.outputs], ("float32", *QUANTISED))
    batch, *_, channels = shape_of_rank(node, x, 4, 4)
    sides = known_numbers(node, size, "the size")
    node.need(size.type == "int32" and len(sides) == 2 and min(sides) >= 1, f"the size is {sides}")
    both = node.options.align_corners and node.options.half_pixel_centers
    node.need(not both, "its options exclude each other")
    require_output(node, [batch, *sides, channels])


def check_space_to_depth(node: "Node") -> None:
    same_type(node, ("float32", "int8", "uint8", "int32"))
    batch, height, width, channels = shape_of_rank(node, node.inputs[0], 4, 4)
    block = within(node, "the block", node.options.block, 1, MAX_EXTENT)
    node.need(height % block == 0 and width % block == 0, f"blocks of {block} do not fit")
    require_output(node, [batch, height // block, width // block, channels * block * block])


def check_depth_to_space(node: "Node") -> None:
    same_type(node, ("float32", "int8", "uint8", "int32"))
    batch, height, width, channels = shape_of_rank(node, node.inputs[0], 4, 4)
    block = within(node, "the block", node.options.block, 1, MAX_EXTENT)
    node.need(channels % (block * block) == 0, f"blocks of {block} do not fit")
    require_output(node, [batch, height * block, width * block, channels // (block * block)])
