"""Write layers that shift and scale values."""

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from larq_igp.deploy.errors import UnwritableError
from larq_igp.deploy.writer.draft import INT, Draft, Tensor
from larq_igp.deploy.writer.layers import writes
from larq_igp.graph import Call
from larq_igp.keras2 import tf

keras = tf.keras.layers
F = np.float32
LEAST_EPSILON = 1.001e-5
"""Smallest epsilon with which Keras computes a LayerNormalization in these steps."""


@writes(keras.BatchNormalization)
def batch_normalization(draft: Draft, call: Call, inputs: Sequence[Tensor]) -> Tensor:
    """Write a factor and an offset for each channel."""
    layer: Any = call.layer
    x = inputs[0]
    if list(layer.axis) != [len(x.shape) - 1]:
        raise UnwritableError(
            f"layer {call.name!r} normalises axis {list(layer.axis)}: the last axis is needed."
        )
    mean, variance = layer.moving_mean.numpy(), layer.moving_variance.numpy()
    # TensorFlow rounds it like this, and so do other converters.
    factor = tf.math.rsqrt(variance + F(layer.epsilon)).numpy()
    if layer.scale:
        factor = factor * layer.gamma.numpy()
    offset = (layer.beta.numpy() if layer.center else F(0)) - mean * factor
    x = draft.add("MUL", [x, factor], x.shape, name=call.name)
    return draft.add("ADD", [x, offset], x.shape, name=call.name)


@writes(keras.LayerNormalization)
def layer_normalization(draft: Draft, call: Call, inputs: Sequence[Tensor]) -> Tensor:
    """Write a normalisation of each image or pixel by its statistics.

    As in Keras, the values that are normalised together become a channel of a map ``(1, n, 1,
    channels)``, which is normalised as a batch.
    """
    layer: Any = call.layer
    x, name = inputs[0], call.name
    first = min(layer.axis)
    if list(layer.axis) != list(range(first, len(x.shape))) or layer.epsilon < LEAST_EPSILON:
        raise UnwritableError(
            f"layer {name!r} normalises the axes {list(layer.axis)} with epsilon "
            f"{layer.epsilon:g}: the last axes and {LEAST_EPSILON:g} or more are needed."
        )
    channels, together = prod(x.shape[:first]), prod(x.shape[first:])
    sides = (1, channels, together, 1) if channels > 1 else (1, together, 1, 1)
    y = draft.reshape(x, sides, name)
    if channels > 1:
        y = draft.transpose(y, (0, 2, 3, 1), name)
    axes, row = np.arange(3, dtype=INT), (channels,)
    mean = draft.add("MEAN", [y, axes], row, name=name, keepDims=False)
    squares = draft.add("SQUARED_DIFFERENCE", [y, mean], y.shape, name=name)
    variance = draft.add("MEAN", [squares, axes], row, name=name, keepDims=False)
    variance = draft.add("ADD", [variance, np.full((), layer.epsilon, F)], row, name=name)
    factor = draft.add("RSQRT", [variance], row, name=name)
    shift = draft.add("MUL", [mean, factor], row, name=name)
    offset = draft.add("SUB", [np.zeros(row, F), shift], row, name=name)
    y = draft.add("MUL", [y, factor], y.shape, name=name)
    y = draft.add("ADD", [y, offset], y.shape, name=name)
    if channels > 1:
        y = draft.transpose(y, (0, 3, 1, 2), name)
    y = draft.reshape(y, x.shape, name)
    if layer.scale:
        y = draft.add("MUL", [y, layer.gamma.numpy()], y.shape, name=name)
    return draft.add("ADD", [y, layer.beta.numpy()], y.shape, name=name) if layer.center else y


@writes(keras.Rescaling)
def rescaling(draft: Draft, call: Call, inputs: Sequence[Tensor]) -> Tensor:
    """Write a factor and an offset."""
    layer: Any = call.layer
    x = inputs[0]
    scale, offset = (np.asarray(each, F) for each in (layer.scale, layer.offset))
    x = draft.add("MUL", [x, scale], x.shape, name=call.name)
    return draft.add("ADD", [x, offset], x.shape, name=call.name)


@writes(keras.Normalization)
def normalization(draft: Draft, call: Call, inputs: Sequence[Tensor]) -> Tensor:
    """Write an offset and a factor."""
    layer: Any = call.layer
    x = inputs[0]
    if layer.invert:
        raise UnwritableError(f"layer {call.name!r} is an inverted Normalization.")
    mean, variance = np.asarray(layer.mean), np.asarray(layer.variance)
    deviation = np.maximum(np.sqrt(variance), F(tf.keras.backend.epsilon()))
    x = draft.add("SUB", [x, mean], x.shape, name=call.name)
    return draft.add("MUL", [x, F(1) / deviation], x.shape, name=call.name)
