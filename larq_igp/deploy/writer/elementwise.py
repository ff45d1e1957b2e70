"""Write layers that compute each value from those at the same place."""

from collections.abc import Callable, Sequence
from typing import Any

import larq as lq
import numpy as np

from larq_igp.deploy.errors import UnwritableError
from larq_igp.deploy.lce_kernels import SIGNS
from larq_igp.deploy.writer.activations import write_activation, write_relu
from larq_igp.deploy.writer.draft import Draft, Tensor
from larq_igp.deploy.writer.layers import writes
from larq_igp.deploy.writer.quantizers import write_quantizer
from larq_igp.graph import Call
from larq_igp.keras2 import tf

keras = tf.keras.layers
F = np.float32


@writes(keras.Activation)
def activation(draft: Draft, call: Call, inputs: Sequence[Tensor]) -> Tensor:
    """Write an activation."""
    layer: Any = call.layer
    return write_activation(draft, layer.activation, inputs[0], call.name)


@writes(*SIGNS, lq.quantizers.NoOp)
def quantizer(draft: Draft, call: Call, inputs: Sequence[Tensor]) -> Tensor:
    """Write a quantizer that is a layer."""
    return write_quantizer(draft, call.layer, inputs[0], call.name)


@writes(keras.ReLU)
def relu(draft: Draft, call: Call, inputs: Sequence[Tensor]) -> Tensor:
    """Write a rectified linear unit."""
    layer: Any = call.layer
    return write_relu(
        draft,
        inputs[0],
        call.name,
        top=None if layer.max_value is None else float(layer.max_value),
        slope=float(layer.negative_slope),
        threshold=float(layer.threshold),
    )


@writes(keras.LeakyReLU)
def leaky_relu(draft: Draft, call: Call, inputs: Sequence[Tensor]) -> Tensor:
    """Write a rectified linear unit with a slope for negative values."""
    layer: Any = call.layer
    x = inputs[0]
    return draft.add("LEAKY_RELU", [x], x.shape, name=call.name, alpha=float(layer.alpha))


@writes(keras.PReLU)
def prelu(draft: Draft, call: Call, inputs: Sequence[Tensor]) -> Tensor:
    """Write a rectified linear unit with trained slopes."""
    layer: Any = call.layer
    x = inputs[0]
    return draft.add("PRELU", [x, layer.alpha.numpy()], x.shape, name=call.name)


@writes(keras.ELU)
def elu(draft: Draft, call: Call, inputs: Sequence[Tensor]) -> Tensor:
    """Write an exponential linear unit."""
    layer: Any = call.layer
    if layer.alpha != 1:
        raise UnwritableError(f"layer {call.name!r} is an ELU with alpha {layer.alpha:g}, not 1.")
    return draft.add("ELU", inputs, inputs[0].shape, name=call.name)


@writes(keras.Softmax)
def softmax(draft: Draft, call: Call, inputs: Sequence[Tensor]) -> Tensor:
    """Write probabilities of classes."""
    layer: Any = call.layer
    x = inputs[0]
    if layer.axis not in (-1, len(x.shape) - 1):
        raise UnwritableError(
            f"layer {call.name!r} is a Softmax over axis {layer.axis}: the last axis is needed."
        )
    return draft.add("SOFTMAX", [x], x.shape, name=call.name, beta=1.0)


@writes(keras.Dropout, keras.SpatialDropout2D, keras.GaussianNoise, keras.GaussianDropout)
def nothing(draft: Draft, call: Call, inputs: Sequence[Tensor]) -> Tensor:
    """Write nothing: the layer acts only in training."""
    return inputs[0]


def _chain(kind: str) -> Callable[[Draft, Call, Sequence[Tensor]], Tensor]:
    """Return a function that writes an operator of two operands for any number of inputs."""

    def write(draft: Draft, call: Call, inputs: Sequence[Tensor]) -> Tensor:
        result = inputs[0]

        for other in inputs[1:]:
            shape = np.broadcast_shapes(result.shape, other.shape)
            result = draft.add(kind, [result, other], shape, name=call.name)
        return result

    return write


_add = _chain("ADD")
writes(keras.Add)(_add)
writes(keras.Subtract)(_chain("SUB"))
writes(keras.Multiply)(_chain("MUL"))
writes(keras.Maximum)(_chain("MAXIMUM"))
writes(keras.Minimum)(_chain("MINIMUM"))


@writes(keras.Average)
def average(draft: Draft, call: Call, inputs: Sequence[Tensor]) -> Tensor:
    """Write a mean of maps."""
    total = _add(draft, call, inputs)
    share = F(1) / F(len(inputs))
    return draft.add("MUL", [total, np.full((), share, F)], total.shape, name=call.name)
