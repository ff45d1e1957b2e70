"""Figure 2 of the paper in plain NumPy: what the blocks compute, written a second time.

A network is the weights of its layers by name. Values are ``(N, H, W, C)`` in float64.
"""

from itertools import count

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

EPSILON = 1e-5
"""Of BatchNorm."""


def windows(x, size, stride, outside):
    """Return ``(N, h, w, C, size, size)`` of ``same`` padding with the value ``outside``."""
    pads = []
    for side in x.shape[1:3]:
        total = max(0, (-(-side // stride) - 1) * stride + size - side)
        pads.append((total // 2, total - total // 2))  # what is odd comes last
    padded = np.pad(x, [(0, 0), *pads, (0, 0)], constant_values=outside)
    return sliding_window_view(padded, (size, size), axis=(1, 2))[:, ::stride, ::stride]


def convolve(x, kernel, stride=1, outside=0.0):
    return np.einsum("nhwcij,ijco->nhwo", windows(x, len(kernel), stride, outside), kernel)


def average_pool(x):
    return np.nanmean(windows(x, 2, 2, np.nan), axis=(-2, -1))


def max_pool(x, size=2):
    return np.max(windows(x, size, 2, -np.inf), axis=(-2, -1))


def relu(x):
    return np.maximum(x, 0)


class Network:
    """The layers of a network, quantized to so many bits."""

    def __init__(self, weights, bits, outside):
        self.weights, self.bits, self.outside = weights, bits, outside
        self.margin = np.inf
        """How near a value came to where its quantized value jumps."""

    def quantize_activations(self, x):
        if self.bits == 32:
            return relu(x)
        thresholds = [0] if self.bits == 1 else [1 / 6, 1 / 2, 5 / 6]
        self.margin = min(self.margin, *(np.abs(x - edge).min() for edge in thresholds))
        if self.bits == 1:
            return np.where(x >= 0, 1.0, -1.0)
        return np.round(np.clip(x, 0, 1) * 3) / 3

    def quantize_kernel(self, kernel):
        if self.bits == 32:
            return kernel
        if self.bits == 1:
            return np.where(kernel >= 0, 1.0, -1.0)
        inside = np.tanh(kernel) / np.abs(np.tanh(kernel)).max()  # DoReFa, arXiv 1606.06160
        return 2 * np.round((inside / 2 + 1 / 2) * 3) / 3 - 1

    def norm(self, x, name):
        gamma, beta, mean, variance = self.weights[f"{name}_bn"]
        return gamma * (x - mean) / np.sqrt(variance + EPSILON) + beta

    def quantized(self, x, name, stride=1):
        kernel = self.quantize_kernel(self.weights[f"{name}_binconv"][0])
        return convolve(self.quantize_activations(x), kernel, stride, self.outside)

    def pointwise(self, x, name):
        return convolve(x, self.weights[f"{name}_conv"][0])


class ResNet(Network):
    """Left and middle columns: F(x) is Sign, Conv, BatchNorm; u(x) = x + F(x)."""

    def F(self, x, name, stride=1):
        return self.norm(self.quantized(x, name, stride), name)

    def transition(self, x, name):
        return self.norm(self.pointwise(average_pool(x), name), name)

    def shortcut(self, x, name, stride):
        return x if stride == 1 else self.transition(x, f"{name}_shortcut")

    def u(self, x, name, stride=1):
        return self.shortcut(x, name, stride) + self.F(x, name, stride)

    def resnet(self, x, name, stride=1):
        two = self.F(self.F(x, f"{name}_layer1", stride), f"{name}_layer2")
        return self.shortcut(x, name, stride) + two

    def bireal_resnet(self, x, name, stride=1):
        return self.u(self.u(x, f"{name}_layer1", stride), f"{name}_layer2")

    def ebireal_resnet(self, x, name, stride=1):
        y1 = self.u(x, f"{name}_layer1", stride)
        y2 = y1 + self.F(y1, f"{name}_layer2")
        return y2 + x if stride == 1 else y2

    def igp_resnet(self, x, name, columns, join, identity="layers", shortest_column=1):
        def u(x, column, layer):
            layer_fn = self.u if identity == "layers" else self.F
            return layer_fn(x, f"{name}_column{column}_layer{layer}")

        if columns == 1:
            y = u(x, 1, 1)
        elif columns == 2:
            y = u(u(x, 2, 1), 2, 2)
        else:
            half = join(u(u(x, 3, 1), 3, 2), u(x, 2, 1))
            y = join(u(u(half, 3, 3), 3, 4), u(half, 2, 2))
        if columns > 1 and shortest_column == 1:
            y = join(y, u(x, 1, 1))
        return x + y if identity == "block" else y


class DenseNet(Network):
    """Right column: F(x) is BatchNorm, Sign, Conv."""

    def F(self, x, name):
        return self.quantized(self.norm(x, name), name)

    def transition(self, x, name):
        return self.pointwise(relu(max_pool(self.norm(x, name))), name)

    def head(self, x):
        return relu(self.norm(x, "head"))

    def binary_densenet(self, x, name):
        return np.concatenate([x, self.F(x, name)], axis=-1)

    def ebinary_densenet(self, x, name):
        for layer in ("layer1", "layer2"):
            x = np.concatenate([x, self.F(x, f"{name}_{layer}")], axis=-1)
        return x

    def igp_densenet(self, x, name, columns):
        def F(x, column, layer):
            return self.F(x, f"{name}_column{column}_layer{layer}")

        if columns == 1:
            d = F(x, 1, 1)
        elif columns == 2:
            a = F(x, 2, 1)
            d = a + F(a, 2, 2) + F(x, 1, 1)
        else:
            a = F(x, 3, 1)
            b = a + F(a, 3, 2) + F(x, 2, 1)
            c = b + F(b, 3, 3)
            d = c + F(c, 3, 4) + F(b, 2, 2) + F(x, 1, 1)
        return np.concatenate([x, d], axis=-1)


def draw_weights(model, seed):
    """Draw kernels on both sides of 0, and BatchNorms that do something.

    The legacy generator of NumPy, whose numbers are the same in every version.
    """
    random = np.random.RandomState(seed)
    ranges = {
        "gamma": (-1.5, 1.5),
        "beta": (-0.5, 0.5),
        "moving_mean": (-0.5, 0.5),
        "moving_variance": (0.5, 2.0),
        "kernel": (-1.0, 1.0),
        "bias": (-1.0, 1.0),
    }
    for layer in sorted(model.layers, key=lambda layer: layer.name):
        kinds = [weight.name.rpartition("/")[2].partition(":")[0] for weight in layer.weights]
        layer.set_weights(
            [
                random.uniform(*ranges[kind], size=weight.shape)
                for kind, weight in zip(kinds, layer.weights, strict=True)
            ]
        )


def settle(model, evaluate, smallest_margin=1e-4):
    """Give a model weights with which rounding cannot decide a sign.

    Args:
        model: whose weights are drawn.
        evaluate: takes the weights by layer, and returns what the formulas make of them and how
            near a value came to a threshold.

    Returns:
        what the formulas make of the weights.
    """
    for seed in count():
        draw_weights(model, seed)
        weights = {layer.name: layer.get_weights() for layer in model.layers}
        expected, margin = evaluate(weights)
        if margin > smallest_margin:
            return expected
