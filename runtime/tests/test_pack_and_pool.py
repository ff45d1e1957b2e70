"""LceQuantize, LceDequantize and LceBMaxPool2d against the oracle."""

import itertools

import numpy as np
import oracle
import pytest
from tflite_file import Graph

from larq_igp_runtime import Interpreter

CHANNELS = [*range(1, 131), 255, 256, 257]


def quantize_file(shape, dtype, **quantisation) -> bytes:
    graph = Graph()
    words = (*shape[:-1], -(-shape[-1] // 32))
    return graph.file(
        [
            graph.node(
                "LceQuantize",
                [graph.input(shape, dtype, **quantisation)],
                graph.tensor(words, "int32"),
            )
        ]
    )


def dequantize_file(shape, dtype, **quantisation) -> bytes:
    graph = Graph()
    words = graph.input((*shape[:-1], -(-shape[-1] // 32)), "int32")
    return graph.file(
        [graph.node("LceDequantize", [words], graph.tensor(shape, dtype, **quantisation))]
    )


def test_quantize_float(isa):
    rng = np.random.default_rng(0)
    special = np.float32([0.0, -0.0, np.nan, -np.nan, np.inf, -np.inf, 1e-45, -1e-45])
    for channels in CHANNELS:
        x = rng.normal(size=(2, 3, 1, channels)).astype(np.float32)
        places = rng.random(x.shape) < 0.2
        x[places] = rng.choice(special, int(places.sum()))
        got = Interpreter(quantize_file(x.shape, "float32")).predict(x)
        np.testing.assert_array_equal(got, oracle.pack(oracle.quantize(x)))


@pytest.mark.parametrize("zero_point", [-128, -127, -5, 0, 1, 127])
def test_quantize_int8(isa, zero_point):
    for channels in [1, 4, 31, 32, 33, 64, 100, 130]:
        x = np.random.default_rng(channels).integers(-128, 128, (2, 4, channels), np.int8)
        file = quantize_file(x.shape, "int8", scale=0.1, zero_point=zero_point)
        np.testing.assert_array_equal(
            Interpreter(file).predict(x), oracle.pack(oracle.quantize(x, zero_point))
        )


@pytest.mark.parametrize("rank", [1, 2, 3, 4, 5])
def test_quantize_any_rank(isa, rank):
    shape = (*(2, 3, 2, 2, 2)[: rank - 1], 45)
    x = np.random.default_rng(rank).normal(size=shape).astype(np.float32)
    np.testing.assert_array_equal(
        Interpreter(quantize_file(shape, "float32")).predict(x), oracle.pack(oracle.quantize(x))
    )


def test_quantize_bool(isa):
    for channels in [1, 32, 45]:
        x = np.random.default_rng(channels).random((3, channels)) < 0.5
        got = Interpreter(quantize_file(x.shape, "bool")).predict(x)
        np.testing.assert_array_equal(got, oracle.pack(oracle.quantize(x)))


@pytest.mark.parametrize(
    ("dtype", "quantisation"),
    [
        ("float32", {}),
        ("bool", {}),
        ("int8", {"scale": 0.3, "zero_point": 10}),
        ("int8", {"scale": 0.001, "zero_point": 10}),
        ("int8", {"scale": 1.0, "zero_point": -128}),
    ],
)
def test_dequantize(isa, dtype, quantisation):
    for channels in CHANNELS:
        signs = np.random.default_rng(channels).choice(
            np.array([-1, 1], np.int32), (1, 2, 3, channels)
        )
        got = Interpreter(dequantize_file(signs.shape, dtype, **quantisation)).predict(
            oracle.pack(signs)
        )
        np.testing.assert_array_equal(got, oracle.dequantize(signs, dtype, **quantisation))


@pytest.mark.parametrize("same", [True, False])
def test_max_pool(isa, same):
    rng = np.random.default_rng(0)
    sizes, kernels, strides = (
        [(2, 2), (3, 5), (7, 7)],
        [(1, 1), (2, 2), (3, 3), (3, 2)],
        [(1, 1), (2, 2), (1, 3)],
    )
    for size, kernel, stride, channels in itertools.product(
        sizes, kernels, strides, [1, 32, 41, 128]
    ):
        if not same and (kernel[0] > size[0] or kernel[1] > size[1]):
            continue
        x = rng.choice(np.array([-1, 1], np.int32), (2, *size, channels), p=[0.8, 0.2])
        expected = oracle.pack(oracle.max_pool(x, kernel, stride, same))
        graph = Graph()
        options = {
            "padding": 0 if same else 1,
            "stride_width": stride[1],
            "stride_height": stride[0],
            "filter_width": kernel[1],
            "filter_height": kernel[0],
        }
        words = graph.input(oracle.pack(x).shape, "int32")
        graph.node("LceBMaxPool2d", [words], graph.tensor(expected.shape, "int32"), options)
        np.testing.assert_array_equal(
            Interpreter(graph.file([words + 1])).predict(oracle.pack(x)), expected
        )
