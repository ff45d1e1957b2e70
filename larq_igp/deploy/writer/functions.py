"""Write TensorFlow functions of a Keras graph: ``x + y``, ``tf.reduce_mean(x, -1)``."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from larq_igp.deploy.errors import UnwritableError
from larq_igp.deploy.writer.activations import write_activation
from larq_igp.deploy.writer.draft import INT, Draft, Tensor
from larq_igp.deploy.writer.layers import write_graph, writes, writes_function
from larq_igp.graph import Call, read_graph
from larq_igp.keras2 import tf


def arguments(call: Call, inputs: Sequence[Tensor], *names: str) -> dict[str, Any]:
    """Return the arguments of a function by name, with tensors of Keras replaced by those of the
    draft.

    Args:
        call: the call of the function. A built model has the arguments as they were typed. In a
            model from a file all but the first have names.
        inputs: the tensors that it reads.
        *names: names of its arguments in their order, up to the last that is needed.
    """
    by_tensor = {id(t): x for t, x in zip(call.node.keras_inputs, inputs, strict=True)}
    given = dict(zip(names, call.node.call_args, strict=False)) | call.node.call_kwargs
    return tf.nest.map_structure(lambda each: by_tensor.get(id(each), each), given)


def _two_operands(kind: str, *, commutes: bool = True) -> Callable:
    def write(draft: Draft, call: Call, inputs: Sequence[Tensor]) -> Tensor:
        given = arguments(call, inputs, "x", "y")
        left, right = given["x"], given["y"]
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
    """Write a quotient; division by a constant becomes a product."""
    given = arguments(call, inputs, "x", "y")
    left, right = given["x"], given["y"]
    if not isinstance(left, Tensor) or isinstance(right, Tensor):
        operands = [_operand(left), _operand(right)]
        shape = np.broadcast_shapes(*(each.shape for each in operands))
        return draft.add("DIV", operands, shape, name=call.name)
    factor = np.float32(1) / _operand(right)
    shape = np.broadcast_shapes(left.shape, factor.shape)
    return draft.add("MUL", [left, np.asarray(factor)], shape, name=call.name)


def _is_tensor(value: Any) -> bool:
    return bool(tf.keras.backend.is_keras_tensor(value)) if tf.is_tensor(value) else False


def _activation(function: Callable) -> Callable:
    def write(draft: Draft, call: Call, inputs: Sequence[Tensor]) -> Tensor:
        given = [*call.node.call_args, *call.node.call_kwargs.values()]
        names = [call.node.call_kwargs.get("name")]
        if any(each is not None and each not in names for each in given if not _is_tensor(each)):
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
        options = arguments(call, inputs, "input_tensor", "axis", "keepdims")
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
    """Write a concatenation of tensors along an axis."""
    axis = arguments(call, inputs, "values", "axis").get("axis", -1) % len(inputs[0].shape)
    shape = list(inputs[0].shape)
    shape[axis] = sum(each.shape[axis] for each in inputs)
    return draft.add("CONCATENATION", inputs, tuple(shape), name=call.name, axis=axis)


@writes_function("reshape", "expand_dims", "squeeze")
def reshape(draft: Draft, call: Call, inputs: Sequence[Tensor]) -> Tensor:
    """Write another shape of the same values."""
    return draft.reshape(inputs[0], (1, *call.output_shape), call.name)


@writes_function("split")
def split(draft: Draft, call: Call, inputs: Sequence[Tensor]) -> list[Tensor]:
    """Write equal parts of a tensor along an axis."""
    given = arguments(call, inputs, "value", "num_or_size_splits", "axis")
    x, count = inputs[0], given["num_or_size_splits"]
    axis = given.get("axis", 0) % len(x.shape)
    if not isinstance(count, int):
        raise UnwritableError(f"layer {call.name!r} splits into parts of several sizes.")
    shape = (*x.shape[:axis], x.shape[axis] // count, *x.shape[axis + 1 :])
    parts = [Tensor(shape, name=call.name) for _ in range(count)]
    draft.add_operator("SPLIT", [np.array(axis, INT), x], parts, numSplits=count)
    return parts


@writes_function("compat.v1.pad")
def pad(draft: Draft, call: Call, inputs: Sequence[Tensor]) -> Tensor:
    """Write a constant around a tensor."""
    names = ("tensor", "paddings", "mode", "name", "constant_values")
    options = arguments(call, inputs, *names)
    if options.get("mode", "CONSTANT") != "CONSTANT":
        raise UnwritableError(f"layer {call.name!r} pads with other values than a constant.")
    x, pads = inputs[0], np.array(options["paddings"], INT)
    shape = tuple(int(side + sum(pair)) for side, pair in zip(x.shape, pads, strict=True))
    value = np.array(options.get("constant_values", 0), np.float32)
    if not value:
        return draft.add("PAD", [x, pads], shape, name=call.name)
    return draft.add("PADV2", [x, pads, value], shape, name=call.name)


@writes_function("__operators__.getitem")
def getitem(draft: Draft, call: Call, inputs: Sequence[Tensor]) -> Tensor:
    """Write a part of a tensor."""
    x, parts = inputs[0], arguments(call, inputs, "tensor", "slice_spec")["slice_spec"]
    parts = list(parts) if isinstance(parts, (tuple, list)) else [parts]
    whole = {"start": None, "stop": None, "step": None}
    if Ellipsis in parts:
        place = parts.index(Ellipsis)
        parts[place : place + 1] = [whole] * (len(x.shape) - len(parts) + 1)
    parts += [whole] * (len(x.shape) - len(parts))
    begin, end, step, single = [], [], [], 0
    for axis, (part, side) in enumerate(zip(parts, x.shape, strict=True)):
        if isinstance(part, int):
            part = {"start": part % side, "stop": part % side + 1, "step": None}
            single |= 1 << axis
        bounds = [part[key] for key in ("start", "stop", "step")]
        if not all(each is None or isinstance(each, int) for each in bounds):
            raise UnwritableError(f"layer {call.name!r} takes a part that is not constant.")
        first, last, stride = slice(*bounds).indices(side)
        if stride < 1:
            raise UnwritableError(f"layer {call.name!r} takes a part from the end.")
        begin.append(first)
        end.append(last)
        step.append(stride)
    sides = [len(range(*each)) for each in zip(begin, end, step, strict=True)]
    shape = tuple(side for axis, side in enumerate(sides) if not single >> axis & 1)
    operands = [np.array(each, INT) for each in (begin, end, step)]
    masks: dict[str, Any] = dict.fromkeys(
        ("beginMask", "endMask", "ellipsisMask", "newAxisMask"), 0
    )
    return draft.add(
        "STRIDED_SLICE", [x, *operands], shape, name=call.name, shrinkAxisMask=single, **masks
    )


@writes(tf.keras.layers.Lambda)
def function_as_a_layer(draft: Draft, call: Call, inputs: Sequence[Tensor]) -> list[Tensor]:
    """Write what a ``Lambda`` computes: its function makes a graph from symbolic Keras tensors."""
    layer: Any = call.layer
    of_draft = {id(t): x for t, x in zip(call.node.keras_inputs, inputs, strict=True)}
    symbols = {
        key: tf.keras.Input(x.shape[1:], batch_size=1, dtype=x.dtype.name)
        for key, x in of_draft.items()
    }
    given = tf.nest.map_structure(lambda each: symbols[id(each)], call.node.call_args[0])
    try:
        outputs = tf.nest.flatten(layer.function(given, **layer.arguments))
        graph = read_graph(tf.keras.Model(list(symbols.values()), outputs))
        results = write_graph(draft, graph, list(of_draft.values()), is_inner=True)
    except UnwritableError as error:
        raise UnwritableError(f"layer {call.name!r} is a Lambda: {error}") from error
    except Exception as error:  # it may be any function
        raise UnwritableError(
            f"layer {call.name!r} is a Lambda whose function cannot be written: "
            f"{str(error).splitlines()[0] if str(error) else type(error).__name__}"
        ) from error
    for result in results:
        result.name = call.name
    return results
