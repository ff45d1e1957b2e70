"""The four LCE operators in NumPy: slow, short, and in integers wherever the operators are.

Activations and weights are arrays of ±1 (int32) here, not bits; `pack` and `unpack` go between the
two. A bit is 1 for −1.0; channel c of a pixel is bit c % 32, lowest first, of word c // 32; spare
bits are 0.
"""

from typing import NamedTuple

import numpy as np

ACTIVATIONS = {
    0: (None, None),
    1: (0, None),
    2: (-1, 1),
    3: (0, 6),
}  # NONE, RELU, RELU_N1_TO_1, RELU6


def pack(signs: np.ndarray) -> np.ndarray:
    """±1 of shape (..., C) to int32 words of shape (..., ceil(C / 32))."""
    channels = signs.shape[-1]
    spare = -channels % 32
    bits = np.pad(signs < 0, [(0, 0)] * (signs.ndim - 1) + [(0, spare)])
    return np.packbits(bits, axis=-1, bitorder="little").view("<i4").reshape(*signs.shape[:-1], -1)


def unpack(words: np.ndarray, channels: int) -> np.ndarray:
    """Words of shape (..., W) to ±1 of shape (..., channels)."""
    octets = np.ascontiguousarray(words, "<i4").view(np.uint8)
    bits = np.unpackbits(octets, axis=-1, bitorder="little")[..., :channels]
    return 1 - 2 * bits.astype(np.int32)


def quantize(x: np.ndarray, zero_point: int = 0) -> np.ndarray:
    """LceQuantize: float < 0, int8 < zero point or bool false becomes −1; −0.0 and NaN +1."""
    negative = ~x if x.dtype == bool else x < zero_point
    return np.where(negative, -1, 1).astype(np.int32)


def dequantize(
    signs: np.ndarray, dtype: str, scale: float = 1.0, zero_point: int = 0
) -> np.ndarray:
    """LceDequantize."""
    if dtype == "bool":
        return signs > 0
    if dtype == "float32":
        return signs.astype(np.float32)
    one = np.floor(1 / scale + 0.5)
    return np.clip(zero_point + signs * one, -128, 127).astype(np.int8)


class Geometry(NamedTuple):
    """One spatial axis of a sliding window."""

    out: int
    before: int  # padding

    @classmethod
    def of(cls, size: int, window: int, stride: int, same: bool) -> "Geometry":
        """TFLite's SAME or VALID, `window` being the dilated size."""
        if not same:
            return cls((size - window) // stride + 1, 0)
        out = -(-size // stride)
        return cls(out, max((out - 1) * stride + window - size, 0) // 2)


def windows(x: np.ndarray, kernel, strides, dilations, same: bool, fill: int) -> np.ndarray:
    """The taps of every output position: (kh, kw, N, OH, OW, C), `fill` outside the image."""
    n, height, width, channels = x.shape
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
    rows, columns = (
        Geometry.of(*axis, same) for axis in zip((height, width), reach, strides, strict=True)
    )
    result = np.full((*kernel, n, rows.out, columns.out, channels), fill, x.dtype)
    for a in range(kernel[0]):
        for b in range(kernel[1]):
            for i in range(rows.out):
                y = i * strides[0] - rows.before + a * dilations[0]
                xs = np.arange(columns.out) * strides[1] - columns.before + b * dilations[1]
                inside = (xs >= 0) & (xs < width)
                if 0 <= y < height:
                    result[a, b, :, i, inside] = x[:, y, xs[inside]].transpose(1, 0, 2)
    return result


def convolve(
    x, weights, *, strides=(1, 1), dilations=(1, 1), same=True, pad_values=1, groups=1
) -> np.ndarray:
    """Convolve ±1 with ±1: x (N, H, W, C), weights (O, kh, kw, C / groups), as integers."""
    taps = windows(x, weights.shape[1:3], strides, dilations, same, pad_values)
    per_group = weights.shape[3]
    outputs = []
    for g, filters in enumerate(np.split(weights, groups)):
        mine = taps[..., g * per_group : (g + 1) * per_group]
        columns = mine.transpose(2, 3, 4, 0, 1, 5).reshape(*mine.shape[2:5], -1)
        # float32 sums of integers below 2^24 are exact, and use BLAS
        outputs.append(
            columns.astype(np.float32) @ filters.reshape(len(filters), -1).T.astype(np.float32)
        )
    return np.concatenate(outputs, axis=-1).astype(np.int32)


def real_output(conv: np.ndarray, multiplier, bias, activation: int = 0) -> np.ndarray:
    """Clamp, then multiply and add, in float64: the exact value behind float and int8 outputs."""
    low, high = ACTIVATIONS[activation]
    clamped = conv if low is None and high is None else np.clip(conv, low, high)
    return clamped.astype(np.float64) * multiplier.astype(np.float64) + bias.astype(np.float64)


def threshold_signs(conv: np.ndarray, threshold: np.ndarray, depth: int) -> np.ndarray:
    """Bit-packed output: −1 where the popcount (depth − conv) / 2 is above the threshold.

    Zero padding can leave half a popcount; doubling both sides keeps that exact.
    """
    return np.where(depth - conv.astype(np.int64) > 2 * threshold.astype(np.int64), -1, 1).astype(
        np.int32
    )


def max_pool(x: np.ndarray, kernel, strides, same: bool) -> np.ndarray:
    """LceBMaxPool2d of ±1."""
    return windows(x, kernel, strides, (1, 1), same, fill=-1).max(axis=(0, 1))
