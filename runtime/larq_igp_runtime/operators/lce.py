"""Checks of the operators of Larq Compute Engine."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from larq_igp_runtime.operators.parts import (
    MAX_DEPTH,
    MAX_EXTENT,
    output_side,
    require_output,
    shape_of_rank,
    within,
)

if TYPE_CHECKING:
    from larq_igp_runtime.check import Node, Tensor


def packed_shape(shape: Sequence[int]) -> list[int]:
    return [*shape[:-1], -(-shape[-1] // 32)]


def require_real(node: "Node", tensor: "Tensor") -> None:
    kind = tensor.type
    node.need(kind in ("float32", "int8", "bool"), f"the type {kind} is not float32, int8 or bool")
    node.need(kind != "int8" or tensor.quantised, "int8 without affine quantisation")


def check_lce_quantize(node: "Node") -> None:
    x, y = node.inputs[0], node.outputs[0]
    require_real(node, x)
    shape_of_rank(node, x, 1, 6)
    node.need(y.type == "int32", "output is not int32")
    require_output(node, packed_shape(x.shape))
    node.operations += x.count


def check_lce_dequantize(node: "Node") -> None:
    x, y = node.inputs[0], node.outputs[0]
    require_real(node, y)
    shape_of_rank(node, y, 1, 6)
    node.need(x.type == "int32", "input is not int32")
    node.need(x.shape == tuple(packed_shape(y.shape)), f"{x.shape} cannot become {y.shape}")
    node.operations += y.count


def option(node: "Node", name: str, low: int, high: int) -> int:
    node.need(name in node.options, f"option {name} is missing")
    return within(node, f"option {name}", node.options[name], low, high)


def lce_output_sides(
    node: "Node", sides: Sequence[int], window: Sequence[int], dilated: bool
) -> list[int]:
    padding = option(node, "padding", 0, 1)
    result = []
    for side, extent, axis in zip(sides, window, ("height", "width"), strict=True):
        stride = option(node, f"stride_{axis}", 1, MAX_EXTENT)
        dilation = option(node, f"dilation_{axis}_factor", 1, MAX_EXTENT) if dilated else 1
        result.append(output_side(node, side, (extent - 1) * dilation + 1, stride, padding == 0))
    return result


def check_lce_bconv2d(node: "Node") -> None:
    x, weights, multiplier, bias, threshold = node.inputs
    y = node.outputs[0]
    node.need(x.type == "int32", "input is not int32")
    batch, *sides, words = shape_of_rank(node, x, 4, 4)
    channels = option(node, "channels_in", 1, 1 << 24)
    node.need(words == -(-channels // 32), f"channels_in = {channels} does not fit {words} words")
    option(node, "fused_activation_function", 0, 3)
    option(node, "pad_values", 0, 1)

    node.need(
        weights.type == "int32" and weights.data is not None, "filter is not a constant int32"
    )
    filters, *window, depth = shape_of_rank(node, weights, 4, 4)
    if depth != words:
        groups = words // depth
        fits = words % depth == 0 and channels % (32 * groups) == 0 and filters % groups == 0
        node.need(fits, "filter depth does not divide channels_in")
    products = math.prod(window) * min(32 * depth, channels)
    node.need(products <= MAX_DEPTH, "filter is too large")

    def constant(tensor: "Tensor | None", what: str, kind: str) -> None:
        node.need(tensor is not None, f"{what} is absent")
        node.need(
            tensor.type == kind and tensor.data is not None, f"{what} is not a constant {kind}"
        )
        node.need(
            tensor.count == filters, f"{what} has {tensor.count} values for {filters} filters"
        )

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
    shape = [batch, *lce_output_sides(node, sides, window, True), filters]
    require_output(node, packed_shape(shape) if packed else shape)
    node.operations = math.prod(shape) * math.prod(window) * depth


def check_lce_max_pool(node: "Node") -> None:
    x, y = node.inputs[0], node.outputs[0]
    node.need(x.type == "int32" and y.type == "int32", "input or output is not int32")
    batch, *sides, words = shape_of_rank(node, x, 4, 4)
    window = [option(node, f"filter_{axis}", 1, MAX_EXTENT) for axis in ("height", "width")]
    require_output(node, [batch, *lce_output_sides(node, sides, window, False), words])
    node.operations *= math.prod(window)
