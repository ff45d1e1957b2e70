"""Dense blocks: convolutions write into their place in the concatenation, with the same bits."""

import numpy as np
import oracle
import pytest
from binary_conv import Case, Conv
from test_fusion import partitions
from tflite_file import Graph

from larq_igp_runtime import Interpreter


class Dense:
    """A graph whose tensors differ in their channels and, beside each, the oracle's value."""

    def __init__(self, channels: int, size=(5, 6), batch: int = 1):
        self.rng = np.random.default_rng(channels)
        self.size, self.batch, self.graph = size, batch, Graph()
        self.x = self.rng.normal(size=(batch, *size, channels)).astype(np.float32)
        self.input = self.graph.input(self.x.shape)
        self.values = {self.input: self.x}
        self.packed: set[int] = set()

    def per_channel(self, x: int, name: str, scale: float = 1.0) -> int:
        """MUL or ADD of one constant per channel."""
        constant = self.rng.normal(0, scale, self.values[x].shape[-1]).astype(np.float32)
        y = self.graph.node(
            name, [x, self.graph.constant(constant)], self.graph.tensor(self.values[x].shape)
        )
        self.values[y] = (np.multiply if name == "MUL" else np.add)(self.values[x], constant)
        return y

    def add(self, a: int, b: int) -> int:
        y = self.graph.add(a, b)
        self.values[y] = self.values[a] + self.values[b]
        return y

    def quantize(self, x: int, normalised: bool = True) -> int:
        if normalised:
            x = self.per_channel(self.per_channel(x, "MUL"), "ADD")
        words = (*self.values[x].shape[:3], -(-self.values[x].shape[3] // 32))
        y = self.graph.node("LceQuantize", [x], self.graph.tensor(words, "int32"))
        self.values[y] = oracle.quantize(self.values[x])
        self.packed.add(y)
        return y

    def conv(self, x: int, filters: int, seed: int, **attributes) -> int:
        channels = self.values[x].shape[3]
        conv = Conv(self.size, channels, filters, batch=self.batch, seed=seed, **attributes)
        case = Case(conv)
        case.x = self.values[x]
        y = case.append_to(self.graph, x)
        real = oracle.real_output(case.values, case.multiplier, case.bias, conv.activation)
        self.values[y] = real.astype(np.float32)
        return y

    def concatenate(self, *parts: int, axis: int = 3) -> int:
        value = np.concatenate([self.values[part] for part in parts], axis)
        options = dict(axis=axis)
        y = self.graph.node("CONCATENATION", parts, self.graph.tensor(value.shape), options)
        self.values[y] = value
        return y

    def check(self, *outputs: int) -> bytes:
        """Fused, unfused and with two threads: the oracle's bits."""
        file = self.graph.file(list(outputs))
        for options in ({}, dict(fuse=False), dict(num_threads=2)):
            results = Interpreter(file, **options).predict(self.x)
            for y, result in zip(
                outputs, results if isinstance(results, list) else [results], strict=True
            ):
                expected = oracle.pack(self.values[y]) if y in self.packed else self.values[y]
                np.testing.assert_array_equal(result.view(np.int32), expected.view(np.int32))
        return file


@pytest.mark.parametrize("channels", [3, 32, 64, 70])
@pytest.mark.parametrize("growth", [8, 32, 53, 130])
def test_dense_block(isa, channels, growth):
    """Concatenated three times; the whole is read by the last sign only, or is an output too."""
    for whole_is_output in (False, True):
        d = Dense(channels, batch=2)
        x = d.input
        for layer in range(3):
            x = d.concatenate(x, d.conv(d.quantize(x), growth, layer))
        last = d.quantize(x, normalised=False)
        file = d.check(last, x) if whole_is_output else d.check(last)
        assert partitions(file) == 1


@pytest.mark.parametrize("growth", [8, 53])
@pytest.mark.parametrize("first", [True, False])
def test_sums_in_a_dense_block(isa, growth, first):
    """IGP-DenseNet: what is concatenated is the sum of several convolutions."""
    d = Dense(40)
    x = d.input
    for layer in range(3):
        packed = d.quantize(x)
        a = d.conv(packed, growth, 3 * layer)
        b = d.conv(d.quantize(a), growth, 3 * layer + 1, pad_values=0)
        y = d.add(d.add(a, b), d.conv(packed, growth, 3 * layer + 2))
        x = d.concatenate(*((y, x) if first else (x, y)))
    assert partitions(d.check(d.quantize(x))) == 1


def test_parts_that_are_read_elsewhere(isa):
    """Twice in one concatenation, in two of them, in a sum, by a sign, and as outputs."""
    d = Dense(33)
    packed = d.quantize(d.input)
    a, b, c, e = (d.conv(packed, 33, seed) for seed in range(4))
    twice = d.concatenate(a, a, b)
    inner = d.concatenate(b, c, d.input)
    outer = d.concatenate(inner, e, twice)
    total = d.add(d.conv(d.quantize(outer), 33, 5), b)
    d.check(total, d.quantize(inner), e, d.quantize(c, normalised=False), d.quantize(twice))


def test_a_place_is_not_used_twice(isa):
    """What lies in a concatenation is read after the concatenation was read for the last time."""
    d = Dense(32)
    a = d.conv(d.quantize(d.input), 32, 0)
    b = d.conv(d.quantize(d.input), 32, 1)
    whole = d.concatenate(a, b)
    c = d.add(d.conv(d.quantize(whole), 64, 2), whole)
    later = d.conv(d.quantize(c), 32, 3)
    d.check(d.conv(d.quantize(later), 32, 4), d.conv(d.quantize(a), 32, 5))


def test_other_axes_are_left_to_the_interpreter(isa):
    d = Dense(16)
    a = d.conv(d.quantize(d.input), 16, 0)
    d.check(d.concatenate(a, d.input, axis=2))


def test_resized(isa):
    """The same file for another batch and size."""
    d = Dense(40)
    x = d.concatenate(d.input, d.conv(d.quantize(d.input), 53, 0))
    x = d.concatenate(x, d.conv(d.quantize(x), 32, 1))
    file = d.graph.file([d.conv(d.quantize(x), 16, 2)])
    images = d.rng.normal(size=(3, 7, 4, 40)).astype(np.float32)
    results = []
    for fuse in (True, False):
        interpreter = Interpreter(file, fuse=fuse)
        interpreter.resize(images.shape)
        results.append(interpreter.predict(images).view(np.int32))
    np.testing.assert_array_equal(*results)
