"""Which layers multiply and accumulate, and which do not: a registry that users add to.

    larq_igp.graph.register_layer(MyConv)  # multiplies as its base class does
    larq_igp.graph.register_layer(MyBlock, kernels=("conv1.kernel", "conv2.kernel"))
    larq_igp.graph.register_free(ChannelShuffle)

Classes are registered one by one: a subclass may do anything, so it is unknown until it is
registered too.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import larq as lq

from larq_igp.errors import UserError
from larq_igp.graph.bits import stated_bits
from larq_igp.graph.errors import UnknownLayerError
from larq_igp.keras2 import tf

Shape = tuple[Any, ...]
"""Integers, and None where a side is open; without the batch."""
Macs = Callable[[Shape, Sequence[Shape], Shape], int]
"""Multiply-accumulates of one kernel in one call, from the shapes of the kernel, of what the call
reads and of its output; channels last, without the batch.
"""


def at_outputs(kernel: Shape, inputs: Sequence[Shape], output: Shape) -> int:
    """Count each weight once at every output position, as convolutions and dense layers do."""
    return prod(kernel) * prod(output[:-1])


def at_inputs(kernel: Shape, inputs: Sequence[Shape], output: Shape) -> int:
    """Count each weight once at every input position, as transposed convolutions do."""
    return prod(kernel) * prod(inputs[0][:-1])


@dataclass(frozen=True)
class LayerRule:
    """How the layers of one class multiply.

    Attributes:
        kernels: attributes that hold weights; none for a layer that multiplies nothing.
        quantizers: attributes that hold the quantizers of these weights, or would.
        macs: multiply-accumulates of each kernel.
    """

    kernels: tuple[str, ...] = ()
    quantizers: tuple[str, ...] = ()
    macs: Macs = at_outputs


_RULES: dict[type, LayerRule] = {}
FREE_OPERATIONS = {
    *("__operators__.add", "math.add", "math.multiply", "nn.relu", "cast", "stop_gradient"),
    *("__operators__.getitem", "split", "concat", "reshape"),
    *("compat.v1.transpose", "compat.v1.pad", "compat.v1.shape"),
}
"""TensorFlow's functions, as Keras names them in a graph, that have no kernel."""


def register_layer(
    kind: type,
    *,
    kernels: Sequence[str] | None = None,
    quantizers: Sequence[str] | None = None,
    macs: Macs = at_outputs,
) -> None:
    """Register a class of layers that multiply weights with what they read.

    Args:
        kind: a subclass of ``tf.keras.layers.Layer``. Its own subclasses are not registered by it.
        kernels: attributes that hold the weights, dotted for a layer inside: ``conv.kernel``. None
            is those of the nearest base class that is registered, counted as there.
        quantizers: attributes that hold the quantizers of these weights. None is Larq's names:
            ``kernel_quantizer`` for ``kernel``, ``depthwise_quantizer`` for ``depthwise_kernel``.
            The quantizer of the inputs is the attribute ``input_quantizer`` of the same layer.
        macs: multiply-accumulates of one kernel in one call.

    Raises:
        UserError: if ``kind`` is not a class of layers, or has no registered base class.
    """
    _require_layer_class(kind)
    if kernels is None:
        base = next((_RULES[each] for each in kind.__mro__[1:] if each in _RULES), None)
        if base is None:
            raise UserError(
                f"no base class of {kind.__name__} is registered: give kernels, the names of the "
                "attributes that hold its weights."
            )
        _RULES[kind] = base
        return
    if quantizers is None:
        quantizers = [_quantizer_name(name) for name in kernels]
    if len(quantizers) != len(kernels):
        raise UserError(f"{len(kernels)} kernels need as many quantizers; got {len(quantizers)}.")
    _RULES[kind] = LayerRule(tuple(kernels), tuple(quantizers), macs)


def register_free(*kinds: type) -> None:
    """Register classes of layers that multiply and accumulate nothing: they are element-wise, pool,
    or move data.

    Raises:
        UserError: if one is not a class of layers.
    """
    for kind in kinds:
        _require_layer_class(kind)
        _RULES[kind] = LayerRule()


def _require_layer_class(kind: Any) -> None:
    if not (isinstance(kind, type) and issubclass(kind, tf.keras.layers.Layer)):
        raise UserError(f"a subclass of tf.keras.layers.Layer is needed; got {kind!r}.")


def _quantizer_name(kernel: str) -> str:
    *owner, name = kernel.split(".")
    stem = name if name == "kernel" else name.removesuffix("_kernel")
    return ".".join([*owner, f"{stem}_quantizer"])


def rule_of(layer: Any) -> LayerRule | None:
    """Return how a layer multiplies; None if its class is not registered.

    A layer that states a precision is a quantizer, and those are element-wise.
    """
    is_free = stated_bits(layer) or getattr(layer, "symbol", None) in FREE_OPERATIONS
    return _RULES.get(type(layer), LayerRule() if is_free else None)


def require_readable(layer: Any, name: str) -> None:
    """Refuse a layer of an unknown class that has weights or quantizers: it may hide a
    convolution.

    Args:
        layer: of a graph.
        name: of its call.

    Raises:
        UnknownLayerError: naming the layer, its class, and how to register it.
    """
    inside = layer._flatten_layers(include_self=False)
    if rule_of(layer) is None and (layer.weights or any(stated_bits(each) for each in inside)):
        raise UnknownLayerError(unknown_layer(layer, name, "has weights or quantizers"))


def unknown_layer(layer: Any, name: str, fault: str) -> str:
    """Say that a layer's class is unknown, what follows from it, and what to do."""
    kind = type(layer).__name__
    if hasattr(layer, "symbol"):  # Keras' wrapper of a function of TensorFlow
        return f"layer {name!r} is a function of TensorFlow, which {fault}: use a layer of Keras."
    return (
        f"layer {name!r} is of class {kind}, which {fault} and is not registered: call "
        f"larq_igp.graph.register_layer({kind}, kernels=...) with the attributes that hold its "
        f"weights, or larq_igp.graph.register_free({kind}) if it multiplies nothing."
    )


_LAYERS = tf.keras.layers
for _kind in (_LAYERS.Conv1D, _LAYERS.Conv2D, _LAYERS.Conv3D, _LAYERS.Dense):
    register_layer(_kind, kernels=("kernel",))
for _kind in (_LAYERS.Conv2DTranspose, _LAYERS.Conv3DTranspose):
    register_layer(_kind, kernels=("kernel",), macs=at_inputs)
for _kind in (_LAYERS.SeparableConv1D, _LAYERS.SeparableConv2D):
    register_layer(_kind, kernels=("depthwise_kernel", "pointwise_kernel"))
register_layer(_LAYERS.DepthwiseConv2D, kernels=("depthwise_kernel",))
for _kind in (
    lq.layers.QuantConv1D,
    lq.layers.QuantConv2D,
    lq.layers.QuantConv3D,
    lq.layers.QuantConv2DTranspose,
    lq.layers.QuantConv3DTranspose,
    lq.layers.QuantDense,
    lq.layers.QuantDepthwiseConv2D,
    lq.layers.QuantSeparableConv1D,
    lq.layers.QuantSeparableConv2D,
):
    register_layer(_kind)  # as the layer of Keras that it extends

# What the paper's accounting leaves out.
register_free(
    _LAYERS.InputLayer,
    _LAYERS.BatchNormalization,
    _LAYERS.LayerNormalization,
    _LAYERS.Normalization,
    _LAYERS.Rescaling,
    _LAYERS.Activation,
    _LAYERS.ReLU,
    _LAYERS.LeakyReLU,
    _LAYERS.PReLU,
    _LAYERS.ELU,
    _LAYERS.Softmax,
    _LAYERS.Add,
    _LAYERS.Subtract,
    _LAYERS.Average,
    _LAYERS.Multiply,
    _LAYERS.Maximum,
    _LAYERS.Minimum,
    _LAYERS.Concatenate,
    _LAYERS.MaxPooling2D,
    _LAYERS.AveragePooling2D,
    _LAYERS.GlobalAveragePooling2D,
    _LAYERS.GlobalMaxPooling2D,
    _LAYERS.ZeroPadding2D,
    _LAYERS.Cropping2D,
    _LAYERS.UpSampling2D,
    _LAYERS.Flatten,
    _LAYERS.Reshape,
    _LAYERS.Permute,
    _LAYERS.Dropout,
    _LAYERS.SpatialDropout2D,
)
