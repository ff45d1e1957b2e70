"""The layers that all networks are made of; each recipe is written here once, so that a network's
file holds topology only.

Names end in one of ``_conv _binconv _bn _add _mean _concat _pool _relu`` (the head:
``_dense _softmax``). ``_binconv`` marks the place of a binary convolution at 2 and 32 bits too, so
that a network and its full-precision twin share their layers' names.
"""

from dataclasses import dataclass
from typing import Any

import larq as lq

from larq_igp.architectures.spec import SpecError, default_pad_values
from larq_igp.keras2 import tf

BN_MOMENTUM = 0.9
BN_EPSILON = 1e-5
CLIP_VALUE = 1.0
"""Latent weights are clipped to [-1, 1], where the straight-through estimator of ``ste_sign``
passes gradients.
"""
NO_QUANTIZER = "float"

Tensor = Any


@dataclass(frozen=True, kw_only=True)
class Quantization:
    """How the convolutions between stem and head are quantized: "width b" of the paper's Table 1.

    Attributes:
        bits: 1 (sign, forward ``+1 if x >= 0 else -1``, so ``sign(0) = +1``), 2 (DoReFa, arXiv
            1606.06160), or 32 (no quantizer, ReLU where the sign stood).
        pad_values: what stands outside the image for ``same`` padding. None is 1 at 1 bit (+1 is
            representable, and what Larq Compute Engine runs exactly and fast) and 0 otherwise.
        input_quantizer: any of Larq's, by name or instance, ``float`` for none; None is the one of
            ``bits``.
        kernel_quantizer: likewise.
        kernel_constraint: on the latent weights; None clips them to ``[-weight_clip, weight_clip]``
            wherever a quantizer stands.
        clip_value: where ``ste_sign`` and ``magnitude_aware_sign`` stop to pass gradients, for
            quantizers given by name or by ``bits``.
        weight_clip: see ``kernel_constraint``.
    """

    bits: int = 1
    pad_values: float | None = None
    input_quantizer: Any = None
    kernel_quantizer: Any = None
    kernel_constraint: Any = None
    clip_value: float = CLIP_VALUE
    weight_clip: float = CLIP_VALUE

    def __post_init__(self) -> None:
        """Check the fields.

        Raises:
            SpecError: if ``bits`` or ``pad_values`` is not allowed, or quantizers are given for a
                full-precision network.
        """
        if self.bits not in (1, 2, 32):
            raise SpecError(f"bits must be 1, 2 or 32; got {self.bits!r}.")
        if self.pad_values not in (None, 0, 1):
            raise SpecError(f"pad_values must be 0 or 1; got {self.pad_values!r}.")
        if self.bits == 32 and (self.input_quantizer or self.kernel_quantizer):
            raise SpecError(
                "a 32-bit network has no quantizers: leave input_quantizer and kernel_quantizer "
                "out."
            )

    def layer_options(self) -> dict[str, Any]:
        """Return fresh keyword arguments for one ``QuantConv2D``:

        quantizers hold state, so no two layers share them.
        """
        defaults: dict[int, tuple] = {
            1: ("ste_sign", "ste_sign"),
            2: (lq.quantizers.DoReFa(2, "activations"), lq.quantizers.DoReFa(2, "weights")),
            32: (NO_QUANTIZER, NO_QUANTIZER),
        }
        input_default, kernel_default = defaults[self.bits]
        kernel_quantizer = self._fresh(
            self._named(self.kernel_quantizer, "weights") or kernel_default
        )
        constraint = self.kernel_constraint
        if constraint is None and kernel_quantizer is not None:
            constraint = lq.constraints.WeightClip(self.weight_clip)
        pad_values = default_pad_values(self.bits) if self.pad_values is None else self.pad_values
        return {
            "input_quantizer": self._fresh(
                self._named(self.input_quantizer, "activations") or input_default
            ),
            "kernel_quantizer": kernel_quantizer,
            "kernel_constraint": constraint,
            "pad_values": float(pad_values),
        }

    def _named(self, quantizer: Any, mode: str) -> Any:
        """Return DoReFa, the one quantizer that is not the same for activations and weights, for
        its name.
        """
        return lq.quantizers.DoReFa(self.bits, mode) if quantizer == "dorefa" else quantizer

    def _fresh(self, quantizer: Any) -> Any:
        """Return a new quantizer of the same kind; names are resolved by Larq."""
        if quantizer == NO_QUANTIZER:
            return None
        if isinstance(quantizer, tf.keras.layers.Layer):
            return type(quantizer).from_config(quantizer.get_config())
        clipped = {
            "ste_sign": lq.quantizers.SteSign,
            "magnitude_aware_sign": lq.quantizers.MagnitudeAwareSign,
        }
        if quantizer in clipped:
            return clipped[quantizer](self.clip_value)
        return lq.quantizers.get(quantizer)


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
    ``(N, H, W, C) -> (N, H/4, W/4, filters)``. ``small``: 3x3/1 convolution, BatchNorm,
    ``(N, H, W, C) -> (N, H, W, filters)``.
    """
    if kind == "small":
        return norm(float_conv(x, filters=filters, kernel_size=3, name="stem"), name="stem")
    x = norm(float_conv(x, filters=filters, kernel_size=7, strides=2, name="stem"), name="stem")
    return tf.keras.layers.MaxPooling2D(3, strides=2, padding="same", name="stem_pool")(x)


def head(x: Tensor, *, num_classes: int) -> Tensor:
    """Average over the image, classify, and give probabilities in float32:

    ``(N, H, W, C) -> (N, num_classes)``.
    """
    x = tf.keras.layers.GlobalAveragePooling2D(name="head_pool")(x)
    x = tf.keras.layers.Dense(num_classes, kernel_initializer="he_normal", name="head_dense")(x)
    return tf.keras.layers.Activation("softmax", dtype="float32", name="head_softmax")(x)
