"""Checks of convolutions, matrix products and pooling."""

import math
from typing import TYPE_CHECKING

from larq_igp_runtime.operators.parts import (
    QUANTISED,
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
    node.need(channels % depth == 0 and filters % groups == 0, "the filter does not fit the channels")
    node.need(groups == 1 or weights.type == "float32" or x.type == "int8", "groups are not supported")
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
