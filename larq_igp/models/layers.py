"""The layers that all networks are made of, each recipe written once.

Names end in one of ``_conv _binconv _bn _add _mean _concat _pool _relu`` (the head:
``_dense _softmax _logits``). ``_binconv`` marks the place of a binary convolution at 2 and 32 bits
too, so that a network and its full-precision twin share their layers' names.
"""

from collections.abc import Callable
from typing import Any

import larq as lq

from larq_igp.architectures.checks import SpecError
from larq_igp.keras2 import tf
from larq_igp.models.quantization import Quantization

BN_MOMENTUM = 0.9
BN_EPSILON = 1e-5

Tensor = Any


def quant_conv(
    x: Tensor, *, filters: int, quantization: Quantization, name: str, strides: int = 1
) -> Tensor:
    """Quantize, then convolve 3x3: ``(N, H, W, C) -> (N, ceil(H/s), ceil(W/s), filters)``.

    At 32 bits, ReLU stands where the quantizer of the activations stood.
    """
    if quantization.bits == 32:
        x = tf.keras.layers.Activation("relu", name=f"{name}_relu")(x)
    return lq.layers.QuantConv2D(
        filters,
        kernel_size=3,
        strides=strides,
        padding="same",
        use_bias=False,
        kernel_initializer="glorot_normal",
        name=f"{name}_binconv",
        **quantization.layer_options(),
    )(x)


def float_conv(x: Tensor, *, filters: int, kernel_size: int, name: str, strides: int = 1) -> Tensor:
    """Convolve in full precision, without bias:

    ``(N, H, W, C) -> (N, ceil(H/s), ceil(W/s), filters)``.
    """
    return tf.keras.layers.Conv2D(
        filters,
        kernel_size,
        strides=strides,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
        name=f"{name}_conv",
    )(x)


def norm(x: Tensor, *, name: str) -> Tensor:
    """Normalise each channel over the batch."""
    return tf.keras.layers.BatchNormalization(
        momentum=BN_MOMENTUM, epsilon=BN_EPSILON, name=f"{name}_bn"
    )(x)


def relu(x: Tensor, *, name: str) -> Tensor:
    """Apply ReLU."""
    return tf.keras.layers.Activation("relu", name=f"{name}_relu")(x)


def add(branches: list[Tensor], *, name: str) -> Tensor:
    """Add tensors of one shape."""
    return tf.keras.layers.Add(name=f"{name}_add")(branches)


def mean(branches: list[Tensor], *, name: str) -> Tensor:
    """Average tensors of one shape."""
    return tf.keras.layers.Average(name=f"{name}_mean")(branches)


def stem(x: Tensor, *, filters: int, kind: str) -> Tensor:
    """Enter the network in full precision.

    ``imagenet``: 7x7/2 convolution, BatchNorm, 3x3/2 max-pooling,
    ``(N, H, W, C) -> (N, H/4, W/4, filters)``.
    ``small``: 3x3/1 convolution, BatchNorm, ``(N, H, W, C) -> (N, H, W, filters)``.
    ``strided``: 3x3/2 convolution, BatchNorm, ``(N, H, W, C) -> (N, H/2, W/2, filters)``.
    """
    if kind in ("small", "strided"):
        strides = 2 if kind == "strided" else 1
        x = float_conv(x, filters=filters, kernel_size=3, strides=strides, name="stem")
        return norm(x, name="stem")
    x = norm(float_conv(x, filters=filters, kernel_size=7, strides=2, name="stem"), name="stem")
    return tf.keras.layers.MaxPooling2D(3, strides=2, padding="same", name="stem_pool")(x)


POOLING = {"avg": tf.keras.layers.GlobalAveragePooling2D, "max": tf.keras.layers.GlobalMaxPooling2D}


def pool(x: Tensor, *, kind: str) -> Tensor:
    """Pool over the image, ``avg`` or ``max``: ``(N, H, W, C) -> (N, C)``."""
    return POOLING[kind](name="head_pool")(x)


def head(x: Tensor, *, num_classes: int, activation: str | Callable | None) -> Tensor:
    """Classify, with the output in float32: ``(N, C) -> (N, num_classes)``.

    Raises:
        SpecError: if Keras knows no activation of this name.
    """
    try:
        function = tf.keras.activations.get(activation)
    except ValueError as error:
        raise SpecError(
            "classifier_activation must be a name that Keras knows, a function, or None for "
            f"logits; got {activation!r}."
        ) from error
    x = tf.keras.layers.Dense(num_classes, kernel_initializer="he_normal", name="head_dense")(x)
    ending = "logits" if activation is None else getattr(function, "__name__", "activation")
    name = f"head_{ending}" if ending.isidentifier() else "head_activation"
    return tf.keras.layers.Activation(function, dtype="float32", name=name)(x)
