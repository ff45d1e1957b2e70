"""How far float32 arithmetic may take a layer's result from the exact one.

A sum is off by a few units in the last place of the *terms* that it adds, not of the result: where
large terms cancel, little is left but their rounding. So every value carries its terms: how large
they are, in each channel, and how many were added. Two results agree if they differ by no more
than ``UNITS`` units in the last place of these. For more than ``FEW_TERMS`` terms the units grow
with the root of their number, as so many roundings add up like steps of a random walk.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from larq_igp.keras2 import tf

UNIT = float(np.finfo(np.float32).eps) / 2
"""What one float32 operation is off by at most, relative to its result."""
UNITS = 12.0
"""Of these: Keras and an engine add in different orders, and fold BatchNorm into weights or not."""
FEW_TERMS = 16
"""An engine that begins a sum with a large bias rounds to that at each of ``n`` terms: the standard
deviation is 0.29 times the root of ``n`` units. ``UNITS`` and ``FEW_TERMS`` together allow ten of
these; the farthest of millions of values in random networks was six away.
"""
UNKNOWN_LAYER = 4.0
"""Factor for layers whose arithmetic is not known here."""

keras = tf.keras.layers


@dataclass(frozen=True)
class Terms:
    """What a value was added from.

    Attributes:
        size: sum of the terms' magnitudes; broadcasts to the value, mostly one for each channel.
        count: how many terms the longest sum has.
    """

    size: np.ndarray
    count: int = 1

    @property
    def unit(self) -> np.ndarray:
        """What one rounding is off by, or many of them together."""
        unit = UNIT * self.size * max(1.0, (self.count / FEW_TERMS) ** 0.5)
        # Below the smallest normal numbers, engines may flush to zero.
        return np.maximum(unit, np.finfo(np.float32).tiny)

    def distance(self, found: np.ndarray, expected: np.ndarray) -> np.ndarray:
        """Return how far two results are apart, in units; NaN is far from everything."""
        units = np.abs(found.astype(np.float64) - expected) / self.unit
        return np.nan_to_num(units, nan=np.inf)

    def agree(self, found: np.ndarray, expected: np.ndarray) -> np.ndarray:
        """Tell where two results differ by rounding alone."""
        return self.distance(found, expected) <= UNITS

    def may_be_zero(self, value: np.ndarray) -> np.ndarray:
        """Tell where rounding may have turned the sign of a value."""
        return np.abs(value) <= UNITS * self.unit


def terms_of(value: np.ndarray) -> Terms:
    """Return the terms of a value that is given: the largest in each channel."""
    return Terms(np.abs(value).reshape(-1, value.shape[-1]).max(axis=0))


@dataclass(frozen=True)
class LayerCall:
    """A layer with what it read and made."""

    layer: "tf.keras.layers.Layer"
    sizes: list[np.ndarray]
    inputs: list[np.ndarray]
    output: np.ndarray


Rule = Callable[[LayerCall], "tuple[np.ndarray, int]"]


def _sum(call: LayerCall) -> tuple[np.ndarray, int]:
    return np.sum(np.broadcast_arrays(*call.sizes), axis=0), len(call.sizes)


def _same(call: LayerCall) -> tuple[np.ndarray, int]:
    return call.sizes[0], 1


def _pool(call: LayerCall) -> tuple[np.ndarray, int]:
    window = int(np.prod(getattr(call.layer, "pool_size", None) or call.inputs[0].shape[1:-1]))
    # The terms of a flat map are equal, and so are their roundings: they add up as they are.
    return call.sizes[0], max(window, int(FEW_TERMS * (window / UNITS) ** 2))


def _reshape(call: LayerCall) -> tuple[np.ndarray, int]:
    return np.max(call.sizes[0], keepdims=True), 1


def _product(call: LayerCall) -> tuple[np.ndarray, int]:
    return np.prod(np.broadcast_arrays(*call.sizes), axis=0), 1


def _concatenation(call: LayerCall) -> tuple[np.ndarray, int]:
    if call.layer.axis in (-1, call.output.ndim - 1):
        widths = [value.shape[-1] for value in call.inputs]
        sizes = [np.broadcast_to(s, w) for s, w in zip(call.sizes, widths, strict=True)]
        return np.concatenate(sizes), 1
    return np.max(np.broadcast_arrays(*call.sizes), axis=0), 1


def _activation(call: LayerCall) -> tuple[np.ndarray, int]:
    is_piecewise = call.layer.activation in (tf.nn.relu, tf.keras.activations.relu)
    if is_piecewise:
        return call.sizes[0], 1
    size, count = _unknown(call)
    return size / UNKNOWN_LAYER, count


def _batchnorm(call: LayerCall) -> tuple[np.ndarray, int]:
    layer = call.layer
    if list(layer.axis) != [call.output.ndim - 1]:
        return _unknown(call)
    gamma = 1.0 if layer.gamma is None else layer.gamma.numpy()
    beta = 0.0 if layer.beta is None else layer.beta.numpy()
    mean, variance = layer.moving_mean.numpy(), layer.moving_variance.numpy()
    factor = np.abs(gamma) / np.sqrt(variance + layer.epsilon)
    return factor * (call.sizes[0] + np.abs(mean)) + np.abs(beta), 1


def _weighted_sum(call: LayerCall) -> tuple[np.ndarray, int]:
    layer, size = call.layer, call.sizes[0]
    kernel = tf.convert_to_tensor(layer.kernel)
    if getattr(layer, "kernel_quantizer", None) is not None:
        kernel = layer.kernel_quantizer(kernel)
    if getattr(layer, "input_quantizer", None) is not None:
        size = terms_of(layer.input_quantizer(tf.convert_to_tensor(call.inputs[0])).numpy()).size
    kernel = np.abs(kernel.numpy())
    weights = kernel.reshape(-1, *kernel.shape[-2:]).sum(axis=0)  # (I, O)
    is_per_channel = np.shape(size) == weights.shape[:1]
    terms = size @ weights if is_per_channel else np.max(size) * weights.sum(axis=0)
    return terms + _bias(layer), kernel[..., 0].size


def _depthwise(call: LayerCall) -> tuple[np.ndarray, int]:
    kernel = np.abs(call.layer.depthwise_kernel.numpy())
    weights = kernel.sum(axis=(0, 1)).reshape(-1)
    return np.max(call.sizes[0]) * weights + _bias(call.layer), int(np.prod(kernel.shape[:2]))


def _bias(layer) -> np.ndarray | float:
    return 0.0 if layer.bias is None else np.abs(layer.bias.numpy())


def _prelu(call: LayerCall) -> tuple[np.ndarray, int]:
    return call.sizes[0] * max(1.0, float(np.max(np.abs(call.layer.alpha.numpy())))), 1


def _rescaling(call: LayerCall) -> tuple[np.ndarray, int]:
    return np.abs(call.layer.scale) * call.sizes[0] + np.abs(call.layer.offset), 1


def _unknown(call: LayerCall) -> tuple[np.ndarray, int]:
    sizes = [*call.sizes, np.abs(call.output)]
    largest = max(float(np.max(size)) for size in sizes)
    return np.array([UNKNOWN_LAYER * largest]), call.output.shape[-1]


RULES: dict[type, Rule] = {
    keras.BatchNormalization: _batchnorm,
    keras.Conv2D: _weighted_sum,
    keras.Conv2DTranspose: _unknown,
    keras.DepthwiseConv2D: _depthwise,
    keras.Dense: _weighted_sum,
    **dict.fromkeys((keras.Add, keras.Subtract, keras.Average), _sum),
    **dict.fromkeys((keras.Maximum, keras.Minimum), _sum),
    keras.Multiply: _product,
    keras.Concatenate: _concatenation,
    keras.Activation: _activation,
    **dict.fromkeys((keras.Reshape, keras.Flatten, keras.Permute), _reshape),
    **dict.fromkeys((keras.AveragePooling2D, keras.GlobalAveragePooling2D), _pool),
    **dict.fromkeys((keras.MaxPooling2D, keras.GlobalMaxPooling2D, keras.Dropout), _same),
    **dict.fromkeys((keras.ReLU, keras.LeakyReLU, keras.ZeroPadding2D, keras.Cropping2D), _same),
    keras.PReLU: _prelu,
    keras.Rescaling: _rescaling,
}
"""The rule of a class holds for those derived from it, as Larq's layers are from Keras'."""


def is_foldable(layer: "tf.keras.layers.Layer") -> bool:
    """Tell whether a converter may fold a layer into the weights of a convolution that follows."""
    factors = (keras.BatchNormalization, keras.Rescaling, keras.Normalization, keras.Average)
    return isinstance(layer, factors)


def has_inner_results(layer: "tf.keras.layers.Layer") -> bool:
    """Tell whether a layer may be several steps, with results in between that Keras does not show:
    one whose arithmetic is not known here, or with an activation that is no ReLU.
    """
    activation = getattr(layer, "activation", None)
    is_fused = activation in (None, tf.keras.activations.linear, tf.keras.activations.relu)
    is_several = hasattr(layer, "kernel") or activation is tf.keras.activations.hard_sigmoid
    return _rule_of(layer) is _unknown or (not is_fused and is_several)


def _rule_of(layer: "tf.keras.layers.Layer") -> Rule:
    return next((RULES[each] for each in type(layer).__mro__ if each in RULES), _unknown)


def terms_after(
    layer: "tf.keras.layers.Layer", terms: list[Terms], inputs: list[np.ndarray], output: np.ndarray
) -> Terms:
    """Return the terms of a layer's result.

    Args:
        layer: that was called.
        terms: of its inputs.
        inputs: their values.
        output: what the layer made of them.
    """
    size, count = _rule_of(layer)(LayerCall(layer, [each.size for each in terms], inputs, output))
    if np.ndim(size) > 1 and np.shape(size) != output.shape:  # pooled, or moved
        size = size.reshape(-1, size.shape[-1]).max(axis=0)
    return Terms(size, max([count, *[each.count for each in terms]]))
