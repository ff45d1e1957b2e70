"""The sums of a binary convolution as its Keras layer computes them, and what follows there."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from larq_igp.deploy.verification.rounding import UNIT, UNITS, Terms
from larq_igp.graph import Kernel
from larq_igp.keras2 import tf

SUMS_ALONE = {
    "input_quantizer": None,
    "kernel_quantizer": None,
    "kernel_constraint": None,
    "kernel_regularizer": None,
    "use_bias": False,
    "activation": None,
}
"""Configuration of a layer that only adds products."""


@dataclass(frozen=True)
class KerasSums:
    """The parts of a binary convolution: sums of signs, then factor, bias and activation."""

    kernel: Kernel

    @property
    def layer(self) -> "tf.keras.layers.Layer":
        """The layer, a ``QuantConv2D``."""
        return self.kernel.owner

    @cached_property
    def weights(self) -> np.ndarray:
        """The quantized kernel, ``(H, W, I, O)``."""
        return self.kernel.quantized()

    def signs_of(self, values: np.ndarray) -> np.ndarray:
        """Return where the layer reads -1 in values ``(N, H, W, I)``, bool."""
        quantizer = self.layer.input_quantizer
        return (values if quantizer is None else quantizer(tf.constant(values)).numpy()) < 0

    def sums(self, negative: np.ndarray) -> np.ndarray:
        """Return the sums of products, whole numbers ``(N, H, W, O)``.

        A copy of the layer computes them, with the signs of the kernel as weights.

        Args:
            negative: where the layer reads -1, ``(N, H, W, I)``.
        """
        copy = type(self.layer).from_config({**self.layer.get_config(), **SUMS_ALONE})
        copy.build(negative.shape)
        copy.set_weights([np.where(self.weights < 0, -1.0, 1.0)])
        signs = tf.constant(np.where(negative, -1, 1), tf.float32)
        return np.asarray(copy(signs)).astype(np.int64)

    @property
    def has_activation(self) -> bool:
        """Whether the layer computes more than factor and bias."""
        return self.layer.activation not in (None, tf.keras.activations.linear)

    def before_activation(self, sums: np.ndarray) -> tuple[np.ndarray, Terms]:
        """Return sums ``(..., O)`` after factor and bias, float32, and their terms."""
        magnitudes = np.abs(self.weights)
        factor = magnitudes.max(axis=(0, 1, 2))
        bias = 0.0 if self.layer.bias is None else self.layer.bias.numpy()
        # The converter uses one magnitude for a filter whose weights nearly agree in magnitude.
        approximation = (factor - magnitudes.min(axis=(0, 1, 2))) * magnitudes[..., 0].size
        size = np.abs(sums) * factor + np.abs(bias) + approximation / (UNITS * UNIT)
        return (sums * factor + bias).astype(np.float32), Terms(size)

    def activated(self, values: np.ndarray, terms: Terms) -> tuple[np.ndarray, Terms]:
        """Return values after the activation, and their terms."""
        return np.asarray(self.layer.activation(tf.constant(values))), terms
