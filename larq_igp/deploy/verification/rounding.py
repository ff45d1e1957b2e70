"""How far float32 arithmetic may move a layer's result from the exact one.

The error of a sum is a few units in the last place of its *terms*, not of the result: if large
terms cancel, mostly their rounding is left. So every value carries its terms: their size in each
channel, and their number. Two results agree if they differ by no more than ``UNITS`` units in the
last place of the terms. For more than ``FEW_TERMS`` terms the units grow with the root of their
number, because roundings add up like the steps of a random walk.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from larq_igp.keras2 import tf

UNIT = float(np.finfo(np.float32).eps) / 2
"""Largest error of one float32 operation, relative to its result."""
UNITS = 12.0
"""Allowed number of these errors: Keras and an engine add in different orders, and only one of them
may fold BatchNorm into weights.
"""
FEW_TERMS = 16
"""An engine that starts a sum with a large bias rounds to the bias' precision at each of ``n``
terms. The standard deviation of the sum is 0.29 times the root of ``n`` units. ``UNITS`` and
``FEW_TERMS`` together allow ten standard deviations; the largest distance of millions of values in
random networks was six.
"""
UNKNOWN_LAYER = 4.0
"""Factor for layers with unknown arithmetic."""

keras = tf.keras.layers


@dataclass(frozen=True)
class Terms:
    """The terms of a sum.

    Attributes:
        size: sum of the terms' magnitudes; broadcasts to the value, usually one for each channel.
        count: number of terms of the longest sum.
    """

    size: np.ndarray
    count: int = 1

    @property
    def unit(self) -> np.ndarray:
        """Error of one rounding, or of many of them together."""
        unit = UNIT * self.size * max(1.0, (self.count / FEW_TERMS) ** 0.5)
        # Below the smallest normal numbers, engines may flush to zero.
        return np.maximum(unit, np.finfo(np.float32).tiny)

    def distance(self, found: np.ndarray, expected: np.ndarray) -> np.ndarray:
        """Return the distance of two results in units; that of NaN is infinite."""
        units = np.abs(found.astype(np.float64) - expected) / self.unit
        return np.nan_to_num(units, nan=np.inf)

    def agree(self, found: np.ndarray, expected: np.ndarray) -> np.ndarray:
        """Tell where two results differ by rounding alone."""
        return self.distance(found, expected) <= UNITS

    def may_be_zero(self, value: np.ndarray) -> np.ndarray:
        """Tell where rounding may have changed the sign of a value."""
        return np.abs(value) <= UNITS * self.unit


def terms_of(value: np.ndarray) -> Terms:
    """Return the terms of a value that is not a known sum: the largest in each channel."""
    return Terms(np.abs(value).reshape(-1, value.shape[-1]).max(axis=0))


@dataclass(frozen=True)
class LayerCall:
    """A layer with its inputs and its output."""

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
    # The terms of a flat map are equal, and so are their roundings, which add up in full.
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


def _factors(call: LayerCall, kernel: str, quantizer: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the magnitudes that a layer multiplies: of its weights, and of each input channel.

    Args:
        call: of the layer.
        kernel: the name of its weights.
        quantizer: the name of their quantizer, which Larq's layers have.
    """
    layer, size = call.layer, call.sizes[0]
    weights = tf.convert_to_tensor(getattr(layer, kernel))
    if getattr(layer, quantizer, None) is not None:
        weights = getattr(layer, quantizer)(weights)
    if getattr(layer, "input_quantizer", None) is not None:
        size = terms_of(layer.input_quantizer(tf.convert_to_tensor(call.inputs[0])).numpy()).size
    return np.abs(weights.numpy()), size


def _weighted_sum(call: LayerCall) -> tuple[np.ndarray, int]:
    kernel, size = _factors(call, "kernel", "kernel_quantizer")
    weights = kernel.reshape(-1, *kernel.shape[-2:]).sum(axis=0)  # (I, O)
    is_per_channel = np.shape(size) == weights.shape[:1]
    terms = size @ weights if is_per_channel else np.max(size) * weights.sum(axis=0)
    return terms + _bias(call.layer), kernel[..., 0].size


def _depthwise(call: LayerCall) -> tuple[np.ndarray, int]:
    kernel, size = _factors(call, "depthwise_kernel", "depthwise_quantizer")
    weights = kernel.sum(axis=(0, 1)).reshape(-1)
    return np.max(size) * weights + _bias(call.layer), int(np.prod(kernel.shape[:2]))


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
"""The rule of a class also applies to its subclasses, as Larq's layers are of Keras'."""


def is_foldable(layer: "tf.keras.layers.Layer") -> bool:
    """Tell whether a converter may fold a layer into the weights of a later convolution."""
    factors = (keras.BatchNormalization, keras.Rescaling, keras.Normalization, keras.Average)
    return isinstance(layer, factors)


def has_inner_results(layer: "tf.keras.layers.Layer") -> bool:
    """Tell whether a layer may have intermediate results that Keras does not show.

    These are layers with unknown arithmetic, or with an activation other than a ReLU.
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
        layer: the layer.
        terms: terms of its inputs.
        inputs: values of its inputs.
        output: value of its output.
    """
    size, count = _rule_of(layer)(LayerCall(layer, [each.size for each in terms], inputs, output))
    if np.ndim(size) > 1 and np.shape(size) != output.shape:  # pooled, or moved
        size = size.reshape(-1, size.shape[-1]).max(axis=0)
    return Terms(size, max([count, *[each.count for each in terms]]))
