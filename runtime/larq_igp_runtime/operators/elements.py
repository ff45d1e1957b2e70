"""Checks of element-wise operators."""

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from larq_igp_runtime.operators.parts import (
    QUANTISED,
    close_scales,
    one_type,
    require_activation,
    require_output,
    shape_of_rank,
)

if TYPE_CHECKING:
    from larq_igp_runtime.check import Node


def joint_shape(node: "Node", shapes: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    if len(set(shapes)) > 1:
        node.need(max(map(len, shapes)) <= 4, "shapes of more than 4 dimensions differ")
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        node.need(False, f"shapes do not fit: {', '.join(map(str, shapes))}")
        raise AssertionError from None


def binary_of(*types: str) -> Callable[["Node"], None]:
    def check_binary(node: "Node") -> None:
        a, b = node.inputs
        kind = one_type(node, [a, b, *node.outputs], types)
        if hasattr(node.options, "activation"):
            require_activation(node)
            whole = kind in ("int32", "int64") and node.options.activation != 0
            node.need(not whole, "whole numbers with an activation are not supported")
        if kind in QUANTISED:
            close_scales(node, [a, b, *node.outputs])
        require_output(node, joint_shape(node, [a.shape, b.shape]))

    return check_binary


def unary_of(*types: str) -> Callable[["Node"], None]:
    def check_unary(node: "Node") -> None:
        x, y = node.inputs[0], node.outputs[0]
        if one_type(node, [x, y], types) in QUANTISED:
            close_scales(node, [x, y])
        alpha = getattr(node.options, "alpha", 0.0)
        node.need(math.isfinite(alpha) and abs(alpha) < 2.0**10, f"alpha is {alpha}")
        require_output(node, x.shape)

    return check_unary


def check_prelu(node: "Node") -> None:
    x, alpha = node.inputs
    if one_type(node, [x, alpha, *node.outputs], ("float32", "int8", "uint8")) != "float32":
        close_scales(node, [x, alpha, *node.outputs])
    node.need(joint_shape(node, [x.shape, alpha.shape]) == x.shape, "alpha does not fit the input")
    require_output(node, x.shape)


def check_softmax(node: "Node") -> None:
    x, y = node.inputs[0], node.outputs[0]
    one_type(node, [x, y], ("float32", *QUANTISED))
    shape_of_rank(node, x, 1, 4)
    beta = getattr(node.options, "beta", 1.0)
    node.need(math.isfinite(beta) and 0 < beta < 2.0**10, f"beta is {beta}")
    if x.type != "float32":
        close_scales(node, [x])
    require_output(node, x.shape)


def check_cast(node: "Node") -> None:
    x, y = node.inputs[0], node.outputs[0]
    types = ("float32", "int32", "int64", "bool", "uint8", "int8")
    node.need(x.type in types and y.type in types, f"{x.type} to {y.type} is not supported")
    require_output(node, x.shape)


def check_quantize(node: "Node") -> None:
    x, y = node.inputs[0], node.outputs[0]
    node.need(x.type in ("float32", *QUANTISED), f"its input has the type {x.type}")
    node.need(y.type in QUANTISED and y.quantised, f"its output has the type {y.type}")
    if x.type != "float32":
        node.need(x.quantised, "its input has no scale")
        close_scales(node, [x, y])
    require_output(node, x.shape)


def check_dequantize(node: "Node") -> None:
    x, y = node.inputs[0], node.outputs[0]
    node.need(y.type == "float32", f"its output has the type {y.type}")
    node.need(x.type in ("float16", *QUANTISED), f"its input has the type {x.type}")
    node.need(x.type == "float16" or x.scales, "its input has no scale")
    node.need(len(x.scales) <= 1 or x.type == "int8", "its input has several scales")
    require_output(node, x.shape)
