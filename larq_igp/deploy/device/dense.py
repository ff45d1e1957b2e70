"""8-bit weights of matrix products and 1x1 convolutions.

Each filter has its own scale. TensorFlow Lite's hybrid kernels also round the inputs to 8 bits, at
every call, so nothing is calibrated beforehand.

The Keras kernels are rounded first (``rounded_kernels``), and the rounded network is converted and
verified in float. ``to_int8`` then stores every weight that lies on such a grid in 8 bits, without
changing its value. Only the newest interpreters accept a matrix product with one scale for each
filter. So the file has the scale 1 for all its weights, and multiplies the products by the scales
afterwards, which runs everywhere.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from larq_igp.deploy.device.edit import ABSENT, Edit
from larq_igp.graph import Graph
from larq_igp.keras2 import tf

LARGEST = 127
HYBRID = {"CONV_2D": 5, "FULLY_CONNECTED": 9}
"""Operators that multiply floats by 8-bit weights -> the first version that rounds inputs over
their own range.
"""
NO_CLIP = 0
NEAR = 4 * np.finfo(np.float32).eps
"""Share of a filter's largest weight by which folding a factor may move a weight off its grid."""


def scales_of(filters: np.ndarray) -> np.ndarray:
    """Return the scale of each filter, ``(O, ...)`` -> ``(O,)`` float32."""
    largest = np.abs(filters).reshape(len(filters), -1).max(axis=1)
    return np.where(largest > 0, largest / np.float32(LARGEST), 1).astype(np.float32)


def _on_grid(filters: np.ndarray, scales: np.ndarray) -> np.ndarray:
    """Return filters in units of their scales, rounded to whole numbers."""
    return np.rint(filters / scales.reshape(-1, *[1] * (filters.ndim - 1)))


def rounded(kernel: np.ndarray) -> np.ndarray:
    """Return a kernel ``(..., I, O)`` with each filter rounded to 255 levels."""
    filters = np.moveaxis(kernel, -1, 0)
    scales = scales_of(filters)
    levels = _on_grid(filters, scales) * scales.reshape(-1, *[1] * (filters.ndim - 1))
    return np.ascontiguousarray(np.moveaxis(levels, 0, -1), np.float32)


def can_be_int8(layer: Any) -> bool:
    """Tell whether a layer is a matrix product or a 1x1 convolution in full precision."""
    if getattr(layer, "kernel_quantizer", None) is not None:
        return False
    if isinstance(layer, tf.keras.layers.Dense):
        return True
    is_point = getattr(layer, "kernel_size", None) == (1, 1) and getattr(layer, "groups", 1) == 1
    return is_point and type(layer).__name__ in ("Conv2D", "QuantConv2D")


@contextmanager
def rounded_kernels(graph: Graph) -> Iterator[int]:
    """Round the kernels of a model to 8 bits within a ``with`` block.

    Args:
        graph: graph of the model.

    Yields:
        the number of rounded kernels.
    """
    kernels = [layer.kernel for layer in graph.layers().values() if can_be_int8(layer)]
    before = [kernel.numpy() for kernel in kernels]
    try:
        for kernel, value in zip(kernels, before, strict=True):
            kernel.assign(rounded(value))
        yield len(kernels)
    finally:
        for kernel, value in zip(kernels, before, strict=True):
            kernel.assign(value)


def to_int8(content: bytes) -> bytes:
    """Return the same file, with weights that lie on a grid stored in 8 bits.

    Other weights stay as they are.
    """
    edit = Edit(content)
    for operator in list(edit.graph.operators):
        kind = edit.kind(operator)
        if kind not in HYBRID or edit.element_kind(operator.inputs[0]) != "FLOAT32":
            continue
        weights = edit.constant(operator.inputs[1])
        if weights is None or weights.dtype != np.float32:
            continue
        if kind == "CONV_2D" and weights.shape[1:3] != (1, 1):
            continue
        scales = scales_of(weights)
        levels = _on_grid(weights, scales)
        by_filter = scales.reshape(-1, *[1] * (weights.ndim - 1))
        if np.any(np.abs(levels * by_filter - weights) > NEAR * LARGEST * by_filter):
            continue
        _store(edit, operator, levels.astype(np.int8), scales)
    return edit.content()


def _store(edit: Edit, operator: Any, levels: np.ndarray, scales: np.ndarray) -> None:
    kind = edit.kind(operator)
    is_product = kind == "FULLY_CONNECTED"
    operator.inputs[1] = edit.add_tensor(
        f"{edit.name(operator.inputs[1])}_int8",
        levels.shape,
        "INT8",
        value=levels,
        scales=np.ones(1) if is_product else scales,
    )
    edit.set_code(operator, kind, HYBRID[kind])
    if is_product:
        operator.builtinOptions.asymmetricQuantizeInputs = True
        _scale_after(edit, operator, scales)


def _scale_after(edit: Edit, operator: Any, scales: np.ndarray) -> None:
    """Multiply the result of a matrix product by scales before its bias is added."""
    options, result = operator.builtinOptions, int(operator.outputs[0])
    name, shape = edit.name(result), edit.graph.tensors[result].shape
    clip, options.fusedActivationFunction = options.fusedActivationFunction, NO_CLIP
    place = next(i for i, each in enumerate(edit.graph.operators) if each is operator) + 1
    bias = int(operator.inputs[2]) if len(operator.inputs) > 2 else ABSENT
    operator.inputs = np.array([*operator.inputs[:2], ABSENT], np.int32)
    steps = [("MUL", edit.add_constant(f"{name}_scales", scales))]
    steps += [("ADD", bias)] if bias != ABSENT else []
    tensor = edit.add_tensor(f"{name}_products", shape)
    operator.outputs = np.array([tensor], np.int32)
    for step, (kind, constant) in enumerate(steps):
        is_last = step == len(steps) - 1
        output = result if is_last else edit.add_tensor(f"{name}_scaled", shape)
        edit.add_operator(
            place + step,
            kind,
            [tensor, constant],
            output,
            options=f"{kind.capitalize()}Options",
            fusedActivationFunction=clip if is_last else NO_CLIP,
        )
        tensor = output


def to_float(edit: Edit) -> int:
    """Undo ``to_int8``, and return the number of operators that were changed."""
    count = 0
    for operator in list(edit.graph.operators):
        kind = edit.kind(operator)
        if kind not in HYBRID or edit.element_kind(operator.inputs[1]) != "INT8":
            continue
        if edit.element_kind(operator.inputs[0]) != "FLOAT32":
            continue
        scales = edit.graph.tensors[operator.inputs[1]].quantization.scale
        if kind == "FULLY_CONNECTED":
            scales = _unscale(edit, operator)
        levels = edit.constant(operator.inputs[1])
        assert levels is not None
        weights = levels * np.reshape(scales, (-1, *[1] * (levels.ndim - 1)))
        operator.inputs[1] = edit.add_constant(edit.name(operator.inputs[1]), weights)
        count += 1
    return count


def _unscale(edit: Edit, operator: Any) -> np.ndarray:
    """Undo ``_scale_after``, and return the scales."""
    (multiply,) = edit.readers(int(operator.outputs[0]))
    scales = edit.constant(multiply.inputs[1])
    assert scales is not None
    last = multiply
    following = edit.only_reader(int(multiply.outputs[0]), "ADD")
    adds = following is not None and edit.constant(following.inputs[1]) is not None
    if adds and edit.name(int(multiply.outputs[0])).endswith("_scaled"):
        last = following
        operator.inputs[2] = following.inputs[1]
    operator.builtinOptions.fusedActivationFunction = last.builtinOptions.fusedActivationFunction
    operator.outputs = last.outputs
    gone = {id(multiply), id(last)}
    edit.graph.operators = [each for each in edit.graph.operators if id(each) not in gone]
    return scales
