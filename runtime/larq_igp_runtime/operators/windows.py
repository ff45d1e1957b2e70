"""Checks of convolutions, matrix products and pooling."""

import math
from typing import TYPE_CHECKING

from larq_igp_runtime.operators.parts import (
    QUANTISED,
    known_numbers,
    one_type,
    output_sides,
    require_activation,
    require_output,
    require_weights,
    shape_of_rank,
)

if TYPE_CHECKING:
    from larq_igp_runtime.check import Node


def check_conv_2d(node: "Node") -> None:
    x, weights = node.inputs[:2]
    batch, *sides, channels = shape_of_rank(node, x, 4, 4)
    filters, *window, depth = shape_of_rank(node, weights, 4, 4)
    require_activation(node)
    groups = channels // depth
    node.need(
        channels % depth == 0 and filters % groups == 0, "the filter does not fit the channels"
    )
    node.need(
        groups == 1 or weights.type == "float32" or x.type == "int8", "groups are not supported"
    )
    node.need(node.options.bias_type in (0, 2), "the bias type is not supported")
    require_weights(node, filters, 0)
    require_output(node, [batch, *output_sides(node, sides, window), filters])
    node.operations *= math.prod(window) * depth


def check_depthwise_conv_2d(node: "Node") -> None:
    x, weights = node.inputs[:2]
    batch, *sides, channels = shape_of_rank(node, x, 4, 4)
    one, *window, filters = shape_of_rank(node, weights, 4, 4)
    require_activation(node)
    node.need(one == 1 and filters % channels == 0, "the filter does not fit the channels")
    multiplier = node.options.multiplier
    node.need(multiplier == filters // channels, f"the multiplier is {multiplier}")
    require_weights(node, filters, 3)
    require_output(node, [batch, *output_sides(node, sides, window), filters])
    node.operations *= math.prod(window)


def check_transpose_conv(node: "Node") -> None:
    """The output side is an input: it must be one whose convolution has the input's side."""
    sides_given, weights, x, *rest = node.inputs
    one_type(node, [x, weights, *node.outputs, *(each for each in rest if each)], ("float32",))
    batch, *sides, channels = shape_of_rank(node, x, 4, 4)
    filters, *window, depth = shape_of_rank(node, weights, 4, 4)
    require_activation(node)
    node.need(depth == channels, "the filter does not fit the channels")
    node.need(node.options.bias_type in (0, 2), "the bias type is not supported")
    for bias in filter(None, rest):
        node.need(bias.shape == (filters,), f"the bias has the shape {bias.shape}")
    shape = known_numbers(node, sides_given, "the output's shape")
    node.need(sides_given.type == "int32" and len(shape) == 4, f"the output's shape is {shape}")
    node.need(
        min(shape) >= 1 and [shape[0], shape[3]] == [batch, filters], f"its output is {shape}"
    )
    node.need(output_sides(node, shape[1:3], window) == sides, f"sides {sides} do not make {shape}")
    require_output(node, shape)
    node.operations *= math.prod(window) * depth


def check_fully_connected(node: "Node") -> None:
    x, weights = node.inputs[:2]
    shape_of_rank(node, x, 1, 6)
    units, depth = shape_of_rank(node, weights, 2, 2)
    options = node.options
    require_activation(node)
    node.need(options.weights_format == 0, "the weights' format is not supported")
    node.need(options.bias_type in (0, 2), "the bias type is not supported")
    require_weights(node, units, 0)
    node.need(x.count % depth == 0, "the filter does not fit the input")
    if options.keep_dims:
        node.need(x.shape[-1] == depth, "the filter does not fit the input")
        require_output(node, [*x.shape[:-1], units])
    else:
        require_output(node, [x.count // depth, units])
    node.operations *= depth


def check_pool_2d(node: "Node") -> None:
    (x,), (y,) = node.inputs, node.outputs
    kind = one_type(node, [x, y], ("float32", *QUANTISED))
    if kind != "float32":
        node.need(x.scales == y.scales and x.zeros == y.zeros, "its quantisation changes")
    batch, *sides, channels = shape_of_rank(node, x, 4, 4)
    require_activation(node)
    window = node.options.filter_h, node.options.filter_w
    require_output(node, [batch, *output_sides(node, sides, window), channels])
    node.operations *= math.prod(window)
