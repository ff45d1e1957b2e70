"""Shapes of the results of sliding windows."""

from collections.abc import Sequence

import numpy as np

from larq_igp.deploy.writer.draft import Operator

Pair = tuple[int, int]
SAME, VALID = 0, 1
"""TensorFlow Lite's numbers for the two paddings."""


def window_count(side: int, kernel: int, stride: int, dilation: int, padding: int) -> int:
    """Return the number of windows along a side."""
    span = (kernel - 1) * dilation + 1 if padding == VALID else 1
    return -(-(side - span + 1) // stride)


def slid(
    shape: Sequence[int], kernel: Sequence[int], options: dict[str, int], channels: int
) -> tuple[int, ...]:
    """Return the shape of the result of a window that slides over ``(N, H, W, C)``.

    Args:
        shape: shape of the map.
        kernel: height and width of the window.
        options: options of the operator, by TensorFlow Lite's names.
        channels: channels of the result.
    """
    sides = [
        window_count(
            shape[1 + axis],
            kernel[axis],
            options[f"stride{letter}"],
            options.get(f"dilation{letter}Factor", 1),
            options["padding"],
        )
        for axis, letter in enumerate("HW")
    ]
    return (shape[0], *sides, channels)


def padded_same(
    shape: Sequence[int], kernel: Sequence[int], strides: Sequence[int], dilations: Sequence[int]
) -> list[Pair]:
    """Return the pixels before and after each axis of ``(N, H, W, C)`` that SAME padding adds."""
    pads: list[Pair] = [(0, 0)]
    for axis in (0, 1):
        side, stride = shape[1 + axis], strides[axis]
        span = (kernel[axis] - 1) * dilations[axis] + 1
        missing = max(0, (-(-side // stride) - 1) * stride + span - side)
        pads.append((missing // 2, missing - missing // 2))
    return [*pads, (0, 0)]


def pads_as_same(pad: Operator, convolution: Operator) -> bool:
    """Tell whether a pad adds around a map what SAME padding of the convolution would add."""
    pads, filters, options = pad.constant(1), convolution.constant(1), convolution.options
    if pads is None or filters is None:
        return False
    expected = padded_same(
        pad.source.shape,
        filters.shape[1:3],
        (options["strideH"], options["strideW"]),
        (options["dilationHFactor"], options["dilationWFactor"]),
    )
    return np.array_equal(pads, expected)
