"""Poolings and 1x1 convolutions between binary ones: XNNPACK's bits, and one partition."""

import functools

import numpy as np
import pytest
from test_concatenation import Dense
from test_fusion import partitions
from test_image import SAME, VALID, Image, assert_same_bits, extent
from test_pixels import Pixels
from tflite_file import Graph

from larq_igp_runtime import Interpreter, ModelError

ACTIVATIONS = {0: (None, None), 1: (0, None), 2: (-1, 1), 3: (0, 6)}


@functools.cache
def host_adds_columns_first() -> bool:
    """Whether the host takes means of 2x2 values as the engine does; LiteRT 1.0 adds rows first."""
    graph = Graph()
    x = graph.input((1, 2, 2, 1))
    window = dict(padding=VALID, stride_h=2, stride_w=2, filter_h=2, filter_w=2)
    file = graph.file([graph.node("AVERAGE_POOL_2D", [x], graph.tensor((1, 1, 1, 1)), window)])
    small = np.float32(2**-24)
    values = np.array([[1, small], [-1, 0]], np.float32).reshape(1, 2, 2, 1)
    return Interpreter(file, fuse=False).predict(values).item() == small / 4


class Shortcut(Dense):
    """Values are float32's, but sums and means are computed in float64: nearly XNNPACK's."""

    def start(self) -> int:
        """What a binary convolution makes of the input."""
        return self.conv(self.quantize(self.input, normalised=False), self.x.shape[3], 0)

    def uneven(self) -> int:
        """The same with the input added: sums of four such values are rounded."""
        return self.add(self.start(), self.input)

    def pool(self, x: int, kind: str, window=(2, 2), stride=(2, 2), padding=SAME, activation=0):
        if kind == "AVERAGE" and not host_adds_columns_first():
            pytest.skip("the XNNPACK of LiteRT 1.0 adds the values of a mean in another order")
        values = self.values[x].astype(np.float64)
        n, *size, channels = values.shape
        out = [extent(s, k, t, padding) for s, k, t in zip(size, window, stride, strict=True)]
        y = np.empty((n, *out, channels))
        before = [
            max((o - 1) * t + k - s, 0) // 2 if padding == SAME else 0
            for o, t, k, s in zip(out, stride, window, size, strict=True)
        ]
        for i, j in np.ndindex(*out):
            top, left = i * stride[0] - before[0], j * stride[1] - before[1]
            taps = values[:, max(top, 0) : top + window[0], max(left, 0) : left + window[1]]
            y[:, i, j] = (taps.max if kind == "MAX" else taps.mean)((1, 2))
        options = dict(
            padding=padding,
            stride_h=stride[0],
            stride_w=stride[1],
            filter_h=window[0],
            filter_w=window[1],
        )
        return self._node(
            f"{kind}_POOL_2D", [x], self._activated(y, activation), options, activation
        )

    def pointwise(self, x: int, filters: int, activation=0, stride=1, scale=0.02) -> int:
        values = self.values[x][:, ::stride, ::stride]
        weights = self.rng.normal(0, scale, (filters, 1, 1, values.shape[3])).astype(np.float32)
        bias = self.rng.normal(0, scale, filters).astype(np.float32)
        y = np.einsum("nhwi,oi->nhwo", values, weights[:, 0, 0], dtype=np.float64) + bias
        options = dict(padding=SAME, stride_h=stride, stride_w=stride, dilation_h=1, dilation_w=1)
        inputs = [x, self.graph.constant(weights), self.graph.constant(bias)]
        return self._node("CONV_2D", inputs, self._activated(y, activation), options, activation)

    def normalise(self, x: int) -> int:
        return self.per_channel(self.per_channel(x, "MUL"), "ADD")

    def check(self, *outputs: int) -> bytes:
        """Fused, with two threads too, the bits of the interpreter; and NumPy's values, nearly."""
        file = self.graph.file(list(outputs))
        plain = self._run(file, fuse=False)
        for options in ({}, dict(num_threads=2)):
            assert_same_bits(self._run(file, **options), plain)
        for y, result in zip(outputs, plain, strict=True):
            if y not in self.packed:
                np.testing.assert_allclose(result, self.values[y], rtol=1e-5, atol=5e-5)
        return file

    def _run(self, file: bytes, **options) -> list[np.ndarray]:
        results = Interpreter(file, **options).predict(self.x)
        return results if isinstance(results, list) else [results]

    def _node(self, code, inputs, value, options, activation) -> int:
        y = self.graph.node(code, inputs, self.graph.tensor(value.shape), options, activation)
        self.values[y] = value.astype(np.float32)
        return y

    @staticmethod
    def _activated(y: np.ndarray, activation: int) -> np.ndarray:
        return y if activation == 0 else np.clip(y, *ACTIVATIONS[activation])


def assert_whole(isa: str, file: bytes) -> None:
    """The engine runs all of it. Its portable kernels have none for floats."""
    if isa != "portable":
        info = Interpreter(file).info()
        assert not [one.reason for one in info.operators if not one.delegated]
        assert partitions(file) == 1


@pytest.mark.parametrize("kind", ["AVERAGE", "MAX"])
@pytest.mark.parametrize("padding", [SAME, VALID])
@pytest.mark.parametrize("size", [(2, 2), (4, 6), (5, 3), (7, 9)])
@pytest.mark.parametrize("stride", [(1, 1), (2, 2), (1, 2)])
def test_poolings(isa, kind, padding, size, stride):
    """Odd sizes: with SAME padding, windows at the edges have fewer values."""
    for channels, activation in ((4, 0), (41, 1), (64, 2), (130, 3)):
        d = Shortcut(channels, size, batch=2)
        assert_whole(isa, d.check(d.pool(d.uneven(), kind, (2, 2), stride, padding, activation)))


def test_order_of_a_mean(isa):
    """Columns first, in float32, on every host; the portable kernels leave it to the host."""
    d = Dense(41, (6, 8), batch=2)
    x = d.add(d.conv(d.quantize(d.input, normalised=False), 41, 0), d.input)
    window = dict(padding=VALID, stride_h=2, stride_w=2, filter_h=2, filter_w=2)
    y = d.graph.node("AVERAGE_POOL_2D", [x], d.graph.tensor((2, 3, 4, 41)), window)
    interpreter = Interpreter(d.graph.file([y, x]))
    assert interpreter.info().operators[-1].delegated == (isa != "portable")
    if isa == "portable":
        return
    mean, values = interpreter.predict(d.x)
    upper, lower = values[:, ::2], values[:, 1::2]
    left, right = upper[:, :, ::2] + lower[:, :, ::2], upper[:, :, 1::2] + lower[:, :, 1::2]
    assert_same_bits([mean], [(left + right) * np.float32(0.25)])


@pytest.mark.parametrize("stride", [(1, 3), (3, 3), (5, 2)])
def test_wide_strides(isa, stride):
    """Of averages they are the interpreter's, which adds in another order than XNNPACK."""
    d = Shortcut(33, (9, 11), batch=2)
    assert_whole(isa, d.check(d.pool(d.uneven(), "MAX", stride=stride)))
    d = Shortcut(33, (9, 11), batch=2)
    file = d.check(d.pool(d.uneven(), "AVERAGE", stride=stride))
    assert not Interpreter(file).info().operators[-1].delegated


@pytest.mark.parametrize("window", [(1, 1), (3, 3), (1, 4), (5, 2)])
def test_other_windows(isa, window):
    """Of averages only those of 2x2 values are the engine's; the others are XNNPACK's."""
    d = Shortcut(33, (8, 9), batch=2)
    assert_whole(isa, d.check(d.pool(d.uneven(), "MAX", window, (2, 1))))
    d = Shortcut(33, (8, 9), batch=2)
    file = d.check(d.pool(d.uneven(), "AVERAGE", window, (2, 1)))
    (average,) = [
        one for one in Interpreter(file).info().operators if one.name == "AVERAGE_POOL_2D"
    ]
    assert not average.delegated
    if isa != "portable":
        assert average.reason == "it is not a float average of 2x2 values with strides of 1 or 2"


@pytest.mark.parametrize("filters", [4, 7, 8, 16, 23, 33, 64, 82, 130])
@pytest.mark.parametrize("size", [(1, 1), (2, 3), (3, 5), (7, 7), (9, 13)])
def test_pointwise(isa, filters, size):
    """Fewer and more pixels than a tile, channels that fill no whole register."""
    for channels, activation in ((5, 0), (41, 1), (64, 2), (130, 3)):
        d = Shortcut(channels, size, batch=2)
        assert_whole(isa, d.check(d.pointwise(d.start(), filters, activation)))


@pytest.mark.parametrize("kind", ["AVERAGE", "MAX"])
@pytest.mark.parametrize("size", [(1, 1), (2, 3), (7, 7), (10, 19)])
def test_pooled_and_pointwise(isa, kind, size):
    """Rows are pooled as the convolution needs them."""
    for channels, filters in ((5, 4), (41, 82), (64, 33)):
        d = Shortcut(channels, size, batch=3)
        file = d.check(d.pointwise(d.pool(d.start(), kind), filters))
        assert_whole(isa, file)
        if isa != "portable":
            assert Interpreter(file).info().steps[-1].operators == (2, 3)


@pytest.mark.parametrize("options", [dict(filters=3), dict(filters=16, stride=2)])
def test_what_is_left_to_the_interpreter(isa, options):
    """Few filters, which XNNPACK adds up in another order; strides, which no network has there."""
    d = Shortcut(20, (6, 7))
    d.check(d.pointwise(d.start(), **options))


@pytest.mark.parametrize("channels", [41, 64])
def test_residual_network(isa, channels):
    """Bi-Real: the shortcut of a stage's first block is added to its convolution's result."""
    d = Shortcut(channels, (12, 14), batch=2)
    x = d.add(d.start(), d.input)
    for stage in (1, 2):
        packed = d.quantize(x, normalised=False)
        shortcut = d.pointwise(d.pool(x, "AVERAGE"), channels * 2**stage)
        x = d.add(
            shortcut,
            d.conv(packed, channels * 2**stage, stage, strides=(2, 2)),
        )
        x = d.add(d.conv(d.quantize(x, normalised=False), channels * 2**stage, 9), x)
    file = d.check(d.quantize(x, normalised=False), x)
    assert_whole(isa, file)
    if isa != "portable":
        kinds = [step.kind for step in Interpreter(file).info().steps]
        assert kinds.count("CONV_2D 1x1") == 2 and "ADD" not in kinds


@pytest.mark.parametrize("activation", [0, 1])
@pytest.mark.parametrize("normalisation", [("MUL", "ADD"), ("MUL",), ()])
def test_dense_transition(isa, activation, normalisation):
    """A batch normalisation, pooled with RELU, and a 1x1 convolution run as one step.

    Of an untrained network's batch normalisation there is only the MUL, also before a sign.
    """
    d = Shortcut(40, (8, 10), batch=2)
    x = d.input
    for layer in range(3):
        normal = x
        for half in normalisation:
            normal = d.per_channel(normal, half)
        x = d.concatenate(x, d.conv(d.quantize(normal, normalised=False), 53, layer))
    for half in normalisation:
        x = d.per_channel(x, half)
    x = d.pointwise(d.pool(x, "MAX", activation=activation), 70)
    file = d.check(d.conv(d.quantize(x), 32, 5))
    assert_whole(isa, file)
    if isa != "portable":
        last = Interpreter(file).info().steps[-3]
        assert last.kind == "CONV_2D 1x1" and len(last.operators) == 2 + len(normalisation)


def test_read_elsewhere(isa):
    """What is normalised and pooled is an output, or read twice: it is kept."""
    d = Shortcut(33, (6, 6))
    x = d.start()
    normal = d.normalise(x)
    pooled = d.pool(normal, "MAX")
    means = d.pool(x, "AVERAGE")
    points = d.add(d.pointwise(pooled, 33), d.pointwise(means, 33))
    d.check(points, d.add(pooled, means), normal)


@pytest.mark.parametrize("scale", [1e-20, 2e-38, 1e30])
def test_denormals_and_infinities(isa, scale):
    """Values too small for a normal number, and overflow; XNNPACK takes the small ones as zero."""
    d = Shortcut(16, (5, 6))
    small = d.graph.constant(np.float32([scale]))
    x = d.start()
    y = d.graph.mul(x, small)
    d.values[y] = d.values[x] * np.float32(scale)
    outputs = [
        d.pointwise(y, 8, scale=scale),
        d.pool(y, "AVERAGE"),
        d.pool(y, "MAX"),
        d.pointwise(d.pool(y, "AVERAGE"), 8, scale=scale),
    ]
    file = d.graph.file(outputs)
    for ours, theirs in zip(d._run(file), d._run(file, fuse=False), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("size", [(2, 2), (9, 20)])
def test_resized(isa, size):
    """The same file for another batch and size."""
    d = Shortcut(40, (8, 6))
    x = d.concatenate(d.input, d.start())
    x = d.pointwise(d.pool(d.normalise(x), "MAX"), 70)
    file = d.graph.file([d.pointwise(d.pool(x, "AVERAGE", stride=(1, 1)), 20)])
    images = d.rng.normal(size=(3, *size, 40)).astype(np.float32)
    results = []
    for options in ({}, dict(num_threads=2), dict(fuse=False)):
        interpreter = Interpreter(file, **options)
        interpreter.resize(images.shape)
        results.append(interpreter.predict(images))
    assert_same_bits(results[:2], [results[2]] * 2)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf])
def test_means_of_what_is_no_number(isa, odd, activation):
    d = Shortcut(24, (6, 8), batch=2)
    d.x[d.rng.random(d.x.shape) < 0.1] = odd
    d.x[d.rng.random(d.x.shape) < 0.02] = np.inf
    file = d.graph.file([d.pool(d.uneven(), "AVERAGE", activation=activation)])
    (fused,), (plain,) = d._run(file), d._run(file, fuse=False)
    np.testing.assert_array_equal(fused, plain)


@pytest.mark.parametrize("halves", [("MUL",), ("MUL", "ADD"), ("ADD",)])
def test_denormals_before_a_sign(isa, halves):
    """XNNPACK takes them as zeros, whose sign is not negative; so does what fuses with a sign."""
    d = Shortcut(40, (6, 7))
    d.x *= np.float32(1e-38)
    d.x[:, ::2] *= np.float32(1e-3)
    y = d.input
    for half in halves:
        y = d.per_channel(y, half, scale=1e-39 if half == "ADD" else 1.0)
    file = d.graph.file([d.quantize(y, normalised=False)])
    np.testing.assert_array_equal(d._run(file), d._run(file, fuse=False))


@pytest.mark.parametrize("halves", [("MUL",), ("MUL", "ADD"), ("ADD",)])
@pytest.mark.parametrize("kind", [Image, Pixels])
def test_normalised_between_the_first_convolution_and_its_pooling(isa, halves, kind):
    """It is neither lost nor moved to the other side of the pooling."""
    case = kind(
        size=(12, 15), channels=3, filters=20, kernel=(3, 3), stride=(2, 2), activation=1,
        pool=(3, 2, SAME), halves=halves,
    )  # fmt: skip
    plain = case.run(fuse=False)
    assert_same_bits(case.run(pixels=False), plain)
    np.testing.assert_allclose(case.run()[0], plain[0], rtol=1e-3, atol=1e-3 * np.ptp(plain[0]))


@pytest.mark.parametrize("fuse", [True, False])
def test_a_refused_shape_leaves_nothing_behind(fuse):
    """An empty map, which XNNPACK refuses; afterwards it must not take its former memory."""
    d = Shortcut(11, (2, 10), batch=3)
    x = d.pool(d.per_channel(d.start(), "MUL"), "MAX", stride=(1, 4), padding=VALID)
    file = d.graph.file([d.pool(x, "AVERAGE")])
    interpreter = Interpreter(file, fuse=fuse)
    expected = interpreter.predict(d.x)
    for _ in range(2):
        with pytest.raises(ModelError, match="does not fit the shape"):
            interpreter.resize((3, 1, 5, 11))
        assert_same_bits([interpreter.predict(d.x)], [expected])
    larger = d.x.repeat(2, 1)
    interpreter.resize(larger.shape)
    assert interpreter.predict(larger).shape == (3, 2, 2, 11)
