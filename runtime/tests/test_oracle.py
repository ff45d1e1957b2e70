"""The oracle against numbers worked out by hand, and against a plain loop."""

import numpy as np
import oracle
import pytest

INT32_MIN = np.iinfo(np.int32).min


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([1, -1, -0.0, 0.0, -0.5] + [2.0] * 27, [1 << 1 | 1 << 4]),
        ([-1.0] * 32, [-1]),
        ([-1.0] * 33, [-1, 1]),
        ([1.0] * 31 + [-1.0], [INT32_MIN]),
        ([np.nan, -np.inf, np.inf], [1 << 1]),
    ],
)
def test_packing(values, words):
    signs = oracle.quantize(np.float32(values))
    np.testing.assert_array_equal(oracle.pack(signs), words)
    np.testing.assert_array_equal(oracle.unpack(oracle.pack(signs), len(values)), signs)


def test_int8_and_bool_signs():
    int8 = np.int8([-128, -4, -3, 0, 127])
    np.testing.assert_array_equal(oracle.quantize(int8, zero_point=-3), [-1, -1, 1, 1, 1])
    np.testing.assert_array_equal(oracle.quantize(int8, zero_point=-128), [1, 1, 1, 1, 1])
    np.testing.assert_array_equal(oracle.quantize(np.array([True, False])), [1, -1])


def test_dequantize():
    signs = np.int32([1, -1])
    np.testing.assert_array_equal(oracle.dequantize(signs, "int8", 0.3, 10), [10 + 3, 10 - 3])
    np.testing.assert_array_equal(oracle.dequantize(signs, "int8", 0.001, 10), [127, -128])
    np.testing.assert_array_equal(oracle.dequantize(signs, "bool"), [True, False])


@pytest.mark.parametrize("pad_values", [0, 1])
def test_corner_of_all_ones(pad_values):
    """3x3 of +1 over +1: nine taps inside; in a corner four inside and five padded."""
    x, w = np.ones((1, 3, 3, 7), np.int32), np.ones((2, 3, 3, 7), np.int32)
    y = oracle.convolve(x, w, pad_values=pad_values)
    assert y[0, 1, 1, 0] == 9 * 7
    assert y[0, 0, 0, 0] == 4 * 7 + 5 * 7 * pad_values


@pytest.mark.parametrize("same", [True, False])
@pytest.mark.parametrize(
    ("strides", "dilations"),
    [((1, 1), (1, 1)), ((2, 1), (1, 1)), ((2, 3), (2, 1)), ((1, 1), (3, 2))],
)
def test_convolution_against_a_loop(same, strides, dilations):
    rng = np.random.default_rng(1)
    x = rng.choice([-1, 1], (2, 7, 8, 4)).astype(np.int32)
    w = rng.choice([-1, 1], (6, 3, 2, 2)).astype(np.int32)
    y = oracle.convolve(
        x, w, strides=strides, dilations=dilations, same=same, pad_values=0, groups=2
    )
    pads = []
    for size, k, s, d in zip((7, 8), (3, 2), strides, dilations, strict=True):
        reach = (k - 1) * d + 1
        out = -(-size // s) if same else (size - reach) // s + 1
        pads.append((max((out - 1) * s + reach - size, 0) // 2 if same else 0, out))
    (top, height), (left, width) = pads
    assert y.shape == (2, height, width, 6)
    for n, i, j, o in np.ndindex(y.shape):
        total = 0
        for a, b, c in np.ndindex(3, 2, 2):
            row, column = (
                i * strides[0] - top + a * dilations[0],
                j * strides[1] - left + b * dilations[1],
            )
            if 0 <= row < 7 and 0 <= column < 8:
                total += x[n, row, column, c + 2 * (o // 3)] * w[o, a, b, c]
        assert y[n, i, j, o] == total


def test_thresholds_are_strict_and_reach_the_ends():
    conv = np.int32([[4, 0, -4]])  # popcounts 0, 2, 4 of depth 4
    column = conv.reshape(3, 1)
    for threshold, signs in [
        (1, [1, -1, -1]),
        (2, [1, 1, -1]),
        (INT32_MIN, [-1] * 3),
        (2**31 - 1, [1] * 3),
    ]:
        got = oracle.threshold_signs(column, np.int32([threshold]), depth=4)
        np.testing.assert_array_equal(got[:, 0], signs)


def test_max_pool_clips_its_window():
    x = -np.ones((1, 3, 3, 1), np.int32)
    x[0, 2, 2, 0] = 1
    np.testing.assert_array_equal(
        oracle.max_pool(x, (2, 2), (2, 2), same=True)[0, :, :, 0], [[-1, -1], [-1, 1]]
    )
    np.testing.assert_array_equal(
        oracle.max_pool(x, (2, 2), (2, 2), same=False)[0, :, :, 0], [[-1]]
    )
