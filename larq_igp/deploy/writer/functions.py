"""Functions of TensorFlow that stand in a Keras graph: ``x + y``, ``tf.reduce_mean(x, -1)``."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from larq_igp.deploy.errors import UnwritableError
from larq_igp.deploy.writer.activations import write_activation
from larq_igp.deploy.writer.draft import INT, Draft, Tensor
from larq_igp.deploy.writer.layers import writes_function
from larq_igp.graph import Call
from larq_igp.keras2 import tf


def arguments(call: Call, inputs: Sequence[Tensor]) -> tuple[list, dict[str, Any]]:
    """Return what a function is called with, tensors of Keras replaced by those of the draft."""
    by_tensor = {id(t): x for t, x in zip(call.node.keras_inputs, inputs, strict=True)}
    given = (list(call.node.call_args), dict(call.node.call_kwargs))
    return tf.nest.map_structure(lambda each: by_tensor.get(id(each), each), given)


def _two_operands(kind: str, *, commutes: bool = True) -> Callable:
    def write(draft: Draft, call: Call, inputs: Sequence[Tensor]) -> Tensor:
        args, options = arguments(call, inputs)
        left, right = [*args, *(options[name] for name in ("x", "y") if name in options)]
        if commutes and not isinstance(left, Tensor):
            left, right = right, left
        operands = [_operand(each) for each in (left, right)]
        shape = np.broadcast_shapes(*(each.shape for each in operands))
        return draft.add(kind, operands, shape, name=call.name)

    return write


def _operand(value: Any) -> Any:
    return value if isinstance(value, Tensor) else np.asarray(value, np.float32)


for _symbol, _kind in (
    ("__operators__.add", "ADD"),
    ("math.add", "ADD"),
    ("math.multiply", "MUL"),
    ("math.maximum", "MAXIMUM"),
    ("math.minimum", "MINIMUM"),
):
    writes_function(_symbol)(_two_operands(_kind))
writes_function("math.subtract")(_two_operands("SUB", commutes=False))


@writes_function("math.truediv", "math.divide")
def divide(draft: Draft, call: Call, inputs: Sequence[Tensor]) -> Tensor:
    """Write a quotient, of a constant as a product."""
    (left, right), _ = arguments(call, inputs)
    if not isinstance(left, Tensor) or isinstance(right, Tensor):
        operands = [_operand(left), _operand(right)]
        shape = np.broadcast_shapes(*(each.shape for each in operands))
        return draft.add("DIV", operands, shape, name=call.name)
    factor = np.float32(1) / _operand(right)
    shape = np.broadcast_shapes(left.shape, factor.shape)
    return draft.add("MUL", [left, np.asarray(factor)], shape, name=call.name)


def _activation(function: Callable) -> Callable:
    def write(draft: Draft, call: Call, inputs: Sequence[Tensor]) -> Tensor:
        if len(call.node.call_args) > 1:
            raise UnwritableError(
                f"layer {call.name!r} has options that larq-igp's writer does not know: use a "
                "layer of Keras."
            )
        return write_activation(draft, function, inputs[0], call.name)

    return write


for _symbol, _function in (
    ("nn.relu", tf.nn.relu),
    ("nn.relu6", tf.nn.relu6),
    ("math.sigmoid", tf.nn.sigmoid),
    ("nn.softmax", tf.nn.softmax),
    ("math.tanh", tf.nn.tanh),
    ("identity", tf.keras.activations.linear),
    ("stop_gradient", tf.keras.activations.linear),
):
    writes_function(_symbol)(_activation(_function))


def _reduction(kind: str) -> Callable:
    def write(draft: Draft, call: Call, inputs: Sequence[Tensor]) -> Tensor:
        args, options = arguments(call, inputs)
        names = ("axis", "keepdims")
        options |= dict(zip(names, args[1:], strict=False))
        x, rank = inputs[0], len(inputs[0].shape)
        axis = options.get("axis")
        axes = np.atleast_1d(range(rank) if axis is None else axis) % rank
        keep = bool(options.get("keepdims"))
        shape = [1 if place in axes else side for place, side in enumerate(x.shape)]
        if not keep:
            shape = [side for place, side in enumerate(x.shape) if place not in axes]
        if 0 in axes:
            raise UnwritableError(f"layer {call.name!r} reduces the batch axis.")
        return draft.add(kind, [x, axes.astype(INT)], tuple(shape), name=call.name, keepDims=keep)

    return write


writes_function("math.reduce_mean")(_reduction("MEAN"))
writes_function("math.reduce_max")(_reduction("REDUCE_MAX"))
writes_function("math.reduce_sum")(_reduction("SUM"))


@writes_function("concat")
def concat(draft: Draft, call: Call, inputs: Sequence[Tensor]) -> Tensor:
    """Write a join of tensors along an axis."""
    args, options = arguments(call, inputs)
    axis = int(options.get("axis", args[1] if len(args) > 1 else -1)) % len(inputs[0].shape)
    shape = list(inputs[0].shape)
    shape[axis] = sum(each.shape[axis] for each in inputs)
    return draft.add("CONCATENATION", inputs, tuple(shape), name=call.name, axis=axis)


@writes_function("reshape", "expand_dims", "squeeze")
def reshape(draft: Draft, call: Call, inputs: Sequence[Tensor]) -> Tensor:
    """Write another shape of the same values."""
    return draft.reshape(inputs[0], (1, *call.output_shape), call.name)
