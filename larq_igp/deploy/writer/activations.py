"""Write activations as operators."""

from collections.abc import Callable
from typing import Any

import numpy as np

from larq_igp.deploy.errors import UnwritableError
from larq_igp.deploy.lce_kernels import is_sign
from larq_igp.deploy.writer.draft import Draft, Tensor
from larq_igp.deploy.writer.quantizers import write_sign
from larq_igp.keras2 import tf

Write = Callable[[Draft, Tensor, str], Tensor]


def elementwise(kind: str, **options: Any) -> Write:
    """Return a function that writes an operator with one operand of the same shape."""
    return lambda draft, x, name: draft.add(kind, [x], x.shape, name=name, **options)


def _softmax(draft: Draft, x: Tensor, name: str) -> Tensor:
    return draft.add("SOFTMAX", [x], x.shape, name=name, beta=1.0)


def write_relu(
    draft: Draft, x: Tensor, name: str, *, top: float | None, slope: float, threshold: float
) -> Tensor:
    """Write a rectified linear unit with the parameters of ``tf.keras.layers.ReLU``.

    Raises:
        UnwritableError: if there is no operator for them.
    """
    if threshold == 0 and slope == 0 and top in (None, 6):
        return draft.add("RELU" if top is None else "RELU6", [x], x.shape, name=name)
    if threshold == 0 and slope == 0:
        x = draft.add("RELU", [x], x.shape, name=name)
        return draft.add("MINIMUM", [x, np.full((), top, np.float32)], x.shape, name=name)
    if threshold == 0 and top is None:
        return draft.add("LEAKY_RELU", [x], x.shape, name=name, alpha=float(slope))
    raise UnwritableError(
        f"layer {name!r} is a ReLU with threshold {threshold:g}, slope {slope:g} and maximum "
        f"{top}, for which there is no operator: use threshold 0, and either a slope or a maximum."
    )


def _swish(draft: Draft, x: Tensor, name: str) -> Tensor:
    gate = draft.add("LOGISTIC", [x], x.shape, name=name)
    return draft.add("MUL", [x, gate], x.shape, name=name)


def _hard_sigmoid(draft: Draft, x: Tensor, name: str) -> Tensor:
    x = draft.add("MUL", [x, np.full((), 0.2, np.float32)], x.shape, name=name)
    x = draft.add("ADD", [x, np.full((), 0.5, np.float32)], x.shape, name=name)
    x = draft.add("MINIMUM", [x, np.ones((), np.float32)], x.shape, name=name)
    return draft.add("RELU", [x], x.shape, name=name)


def _softplus(draft: Draft, x: Tensor, name: str) -> Tensor:
    x = draft.add("EXP", [x], x.shape, name=name)
    x = draft.add("ADD", [x, np.ones((), np.float32)], x.shape, name=name)
    return draft.add("LOG", [x], x.shape, name=name)


keras = tf.keras.activations
ACTIVATIONS: dict[Any, Write] = {
    keras.linear: lambda draft, x, name: x,
    keras.relu: elementwise("RELU"),
    tf.nn.relu: elementwise("RELU"),
    tf.nn.relu6: elementwise("RELU6"),
    keras.softmax: _softmax,
    tf.nn.softmax: _softmax,
    keras.sigmoid: elementwise("LOGISTIC"),
    tf.nn.sigmoid: elementwise("LOGISTIC"),
    keras.tanh: elementwise("TANH"),
    tf.nn.tanh: elementwise("TANH"),
    keras.elu: elementwise("ELU"),
    keras.exponential: elementwise("EXP"),
    keras.swish: _swish,
    keras.hard_sigmoid: _hard_sigmoid,
    keras.softplus: _softplus,
}
"""Functions -> what writes the operators that compute them."""


def write_activation(draft: Draft, function: Any, x: Tensor, name: str) -> Tensor:
    """Write the activation of a layer.

    Raises:
        UnwritableError: naming the layer, if the function is not known.
    """
    if function is None:
        return x
    try:
        write = ACTIVATIONS.get(function)
    except TypeError:  # an unhashable object
        write = None
    if write is not None:
        return write(draft, x, name)
    if is_sign(function):
        return write_sign(draft, x, name)
    called = getattr(function, "__name__", type(function).__name__)
    raise UnwritableError(
        f"layer {name!r} has the activation {called}, for which larq-igp's writer has no operator."
    )
