"""Count a built Keras model: one walk over its layers, with one handler for each kind of layer that
has a kernel.

A layer that is neither in ``HANDLERS`` nor in ``FREE`` raises; it never counts as zero.
"""

from collections import Counter
from dataclasses import dataclass
from math import prod

import larq as lq

from larq_igp.architectures.accounting import FLOAT32_BYTES, MEMORY_BATCH, Counts
from larq_igp.architectures.spec import Spec
from larq_igp.errors import UserError
from larq_igp.graph.calls import called_layers
from larq_igp.keras2 import tf

FLOAT_BITS = 32


class UnknownLayerError(UserError, TypeError):
    """A graph holds a layer that nobody has said how to count."""


@dataclass(frozen=True)
class LayerCount:
    """One layer of a graph, in base units.

    Attributes:
        name: of the layer.
        kind: the name of its class.
        output_shape: ``(H, W, C)`` or ``(C,)``, without the batch.
        parameters: all its weights, as Keras counts them.
        kernel_weights: weights of its kernel.
        kernel_bits: width of each.
        macs: multiply-accumulates for one image.
        mac_bits: width of the wider operand.
    """

    name: str
    kind: str
    output_shape: tuple[int | None, ...]
    parameters: int
    kernel_weights: int = 0
    kernel_bits: int = FLOAT_BITS
    macs: int = 0
    mac_bits: int = FLOAT_BITS


KERNELS: dict[type, str] = {
    tf.keras.layers.Conv2D: "kernel",
    tf.keras.layers.DepthwiseConv2D: "depthwise_kernel",
    tf.keras.layers.Dense: "kernel",
    lq.layers.QuantConv2D: "kernel",
    lq.layers.QuantDepthwiseConv2D: "depthwise_kernel",
    lq.layers.QuantDense: "kernel",
}
"""Layers that multiply and accumulate, and the attribute that holds the kernel; its shape has
groups divided out.
"""

FREE: set[type] = {
    tf.keras.layers.InputLayer,
    tf.keras.layers.BatchNormalization,
    tf.keras.layers.Activation,
    tf.keras.layers.ReLU,
    tf.keras.layers.LeakyReLU,
    tf.keras.layers.PReLU,
    tf.keras.layers.Softmax,
    tf.keras.layers.Add,
    tf.keras.layers.Average,
    tf.keras.layers.Multiply,
    tf.keras.layers.Concatenate,
    tf.keras.layers.MaxPooling2D,
    tf.keras.layers.AveragePooling2D,
    tf.keras.layers.GlobalAveragePooling2D,
    tf.keras.layers.GlobalMaxPooling2D,
    tf.keras.layers.ZeroPadding2D,
    tf.keras.layers.UpSampling2D,
    tf.keras.layers.Flatten,
    tf.keras.layers.Reshape,
    tf.keras.layers.Permute,
    tf.keras.layers.Dropout,
}
"""Layers without a kernel:

what they do is element-wise, pools, or moves data. The paper's accounting leaves them out.
"""


def _precision(quantizer: object) -> int:
    """Return the width in bits of what a quantizer puts out; values that pass through none are
    32-bit.
    """
    return getattr(quantizer, "precision", FLOAT_BITS) if quantizer is not None else FLOAT_BITS


def _single_output_shape(layer: "tf.keras.layers.Layer") -> tuple[int | None, ...]:
    try:
        shape = layer.output_shape
    except AttributeError as error:  # Keras' word for "called on inputs of different shapes"
        raise UnknownLayerError(
            f"layer {layer.name!r} is called on inputs of different shapes, which cannot be "
            "counted."
        ) from error
    shape = shape[0] if isinstance(shape, list) else shape
    return tuple(shape[1:])


def _count_layer(layer: "tf.keras.layers.Layer", calls: int) -> LayerCount:
    kind = type(layer)
    output_shape = _single_output_shape(layer)
    if kind in FREE:
        return LayerCount(layer.name, kind.__name__, output_shape, layer.count_params())
    if kind not in KERNELS:
        raise UnknownLayerError(
            f"layer {layer.name!r} is of class {kind.__name__}, which cannot be counted: "
            "add it to KERNELS or FREE in larq_igp/analysis/count.py."
        )
    if None in output_shape:
        raise UnknownLayerError(
            f"layer {layer.name!r} has the output shape {output_shape}, which is open: build the "
            "model with a full input_shape."
        )
    kernel_shape = getattr(layer, KERNELS[kind]).shape
    quantizer_name = (
        "depthwise_quantizer" if KERNELS[kind] == "depthwise_kernel" else "kernel_quantizer"
    )
    kernel_bits = _precision(getattr(layer, quantizer_name, None))
    places = prod(output_shape[:-1])  # every weight is used once at each output place
    return LayerCount(
        name=layer.name,
        kind=kind.__name__,
        output_shape=output_shape,
        parameters=layer.count_params(),
        kernel_weights=prod(kernel_shape),
        kernel_bits=kernel_bits,
        macs=prod(kernel_shape) * places * calls,
        mac_bits=max(kernel_bits, _precision(getattr(layer, "input_quantizer", None))),
    )


def count_layers(model: "tf.keras.Model") -> list[LayerCount]:
    """Count every layer of a functional model, nested models included.

    Args:
        model: any built Keras functional model of layers in ``KERNELS`` and ``FREE``.

    Raises:
        UnknownLayerError: naming a layer of any other class, or one whose output shape is open.
    """
    return [_count_layer(layer, calls) for layer, calls in called_layers(model)]


def count(model: "tf.keras.Model", spec: Spec | None = None) -> Counts:
    """Count a functional model: the sum of ``count_layers`` and, for a network of this package, its
    run-time memory.

    Args:
        model: a built Keras functional model.
        spec: the specification that it was built from; without it ``runtime_memory_bytes`` is 0, as
            the paper's model of memory is defined for its families only.

    Raises:
        UnknownLayerError: as ``count_layers``.
    """
    kernel_weights, macs, parameters = Counter(), Counter(), 0
    for layer in count_layers(model):
        parameters += layer.parameters
        if layer.kernel_weights:
            kernel_weights[layer.kernel_bits] += layer.kernel_weights
            macs[layer.mac_bits] += layer.macs
    memory = (
        stage1_channels(model, spec) * _stage1_pixels(model) * FLOAT32_BYTES * MEMORY_BATCH
        if spec
        else 0
    )
    return Counts(parameters, kernel_weights, macs, memory)


def _stage1_layers(model: "tf.keras.Model", kind: type) -> list["tf.keras.layers.Layer"]:
    return [
        layer
        for layer in model.layers
        if layer.name.startswith("stage1_") and isinstance(layer, kind)
    ]


def _stage1_pixels(model: "tf.keras.Model") -> int:
    height, width, _ = _single_output_shape(_stage1_layers(model, lq.layers.QuantConv2D)[0])
    return height * width


def stage1_channels(model: "tf.keras.Model", spec: Spec) -> int:
    """Return the channels of the feature maps that live together in stage 1, read from the graph.

    DenseNets: the widest concatenation. IGP-ResNet: the block's input and one map for each
    convolution that reads it. The families of
    pairs: the maps between additions of a block, and for binary ResNet, which has one addition, the
    map between its two convolutions.
    """
    if spec.family.endswith("densenet"):
        return max(
            _single_output_shape(layer)[-1]
            for layer in _stage1_layers(model, tf.keras.layers.Concatenate)
        )
    convolutions = [
        conv for conv in _stage1_layers(model, lq.layers.QuantConv2D) if "_block1_" in conv.name
    ]
    filters = convolutions[0].filters
    if spec.family == "igp_resnet":
        readers = Counter(id(_without_relu(conv.input)) for conv in convolutions)
        return (1 + max(readers.values())) * filters
    additions = [
        layer
        for layer in _stage1_layers(model, tf.keras.layers.Add)
        if "_block1_" in f"{layer.name}_"
    ]
    inner_maps = len(convolutions) - len(additions) if len(additions) < len(convolutions) else 0
    return (1 + len(additions) + inner_maps) * filters


def _without_relu(tensor):
    """Return what stands before a ReLU, the form that a quantizer takes at 32 bits."""
    layer = tensor._keras_history.layer
    return layer.input if isinstance(layer, tf.keras.layers.Activation) else tensor
