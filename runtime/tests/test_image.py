"""The convolution that a network begins with, with and without pooling: XNNPACK's bits."""

import re

import numpy as np
import pytest
from binary_conv import Case, Conv
from tflite_file import Graph

from larq_igp_runtime import Interpreter, delegate_path
from larq_igp_runtime.host import find_host

SAME, VALID = 0, 1


def extent(size: int, window: int, stride: int, padding: int) -> int:
    return -(-size // stride) if padding == SAME else (size - window) // stride + 1


class Image:
    """A model: a float convolution over an image, perhaps pooled, then a binary convolution.

    The last one makes the file one of LCE's; the engine leaves float convolutions of other files
    alone.
    """

    def __init__(
        self,
        size,
        channels,
        filters,
        kernel,
        stride,
        padding=SAME,
        activation=0,
        pool=None,
        batch=1,
        taps=False,
        scale=None,
        halves=(),
    ):
        rng = np.random.default_rng(0)
        self.x = rng.normal(size=(batch, *size, channels)).astype(np.float32)
        self.weights = rng.normal(size=(filters, *kernel, channels)).astype(np.float32)
        self.bias = rng.normal(size=filters).astype(np.float32)
        if scale:  # of image and filter; a bias would hide small sums
            self.x *= np.float32(scale[0])
            self.weights *= np.float32(scale[1])
            self.bias[:] = 0
        self.stride, self.padding, self.activation, self.pool = stride, padding, activation, pool
        g = self.graph = Graph()
        image = g.input(self.x.shape)
        shape = [
            batch,
            *(extent(s, k, t, padding) for s, k, t in zip(size, kernel, stride, strict=True)),
            filters,
        ]
        options = dict(
            padding=padding, stride_h=stride[0], stride_w=stride[1], dilation_h=1, dilation_w=1
        )
        inputs = [image, g.constant(self.weights), g.constant(self.bias)]
        y = g.node("CONV_2D", inputs, g.tensor(shape), options, activation)
        self.outputs = [y] if taps else []
        for half in halves:  # of a batch normalisation
            constant = rng.normal(size=filters).astype(np.float32)
            y = g.node(half, [y, g.constant(constant)], g.tensor(shape))
        if pool:
            window, step, pool_padding = pool
            shape[1:3] = (extent(s, window, step, pool_padding) for s in shape[1:3])
            options = dict(
                padding=pool_padding, stride_h=step, stride_w=step, filter_h=window, filter_w=window
            )
            y = g.node("MAX_POOL_2D", [y], g.tensor(shape), options)
        self.outputs.append(y)
        packed = g.node("LceQuantize", [y], g.tensor((*shape[:3], -(-filters // 32)), "int32"))
        conv = Case(Conv(tuple(shape[1:3]), filters, 8, kernel=(1, 1), batch=batch))
        self.outputs.append(conv.append_to(g, packed))

    def run(self, **options) -> list[np.ndarray]:
        return Interpreter(self.graph.file(self.outputs), **options).predict(self.x)

    def expected(self) -> np.ndarray:
        """The convolution in float64, before pooling."""
        n, height, width, _ = self.x.shape
        kernel = self.weights.shape[1:3]
        out = [
            extent(s, k, t, self.padding)
            for s, k, t in zip((height, width), kernel, self.stride, strict=True)
        ]
        total = [
            max((o - 1) * t + k - s, 0)
            for o, t, k, s in zip(out, self.stride, kernel, (height, width), strict=True)
        ]
        pads = [(t // 2, t - t // 2) if self.padding == SAME else (0, 0) for t in total]
        padded = np.pad(self.x.astype(np.float64), [(0, 0), *pads, (0, 0)])
        y = np.empty((n, *out, len(self.weights)))
        for i in range(out[0]):
            for j in range(out[1]):
                top, left = i * self.stride[0], j * self.stride[1]
                window = padded[:, top : top + kernel[0], left : left + kernel[1]]
                y[:, i, j] = np.tensordot(window, self.weights, ([1, 2, 3], [1, 2, 3])) + self.bias
        low, high = {0: (None, None), 1: (0, None), 2: (-1, 1), 3: (0, 6)}[self.activation]
        return y if self.activation == 0 else np.clip(y, low, high)


CASES = {
    "imagenet": dict(
        size=(37, 53), channels=3, filters=64, kernel=(7, 7), stride=(2, 2), pool=(3, 2, SAME)
    ),
    "igp": dict(
        size=(40, 40), channels=3, filters=41, kernel=(7, 7), stride=(2, 2), pool=(3, 2, SAME)
    ),
    "cifar": dict(size=(32, 32), channels=3, filters=35, kernel=(3, 3), stride=(1, 1)),
    "grey": dict(size=(28, 28), channels=1, filters=16, kernel=(3, 3), stride=(1, 1)),
    "few filters": dict(size=(9, 31), channels=2, filters=5, kernel=(5, 3), stride=(1, 2)),
    "one filter": dict(size=(12, 13), channels=3, filters=1, kernel=(5, 5), stride=(1, 1)),
    "many filters": dict(size=(16, 17), channels=4, filters=130, kernel=(3, 3), stride=(3, 1)),
    "one pixel": dict(
        size=(1, 1), channels=3, filters=17, kernel=(7, 7), stride=(2, 2), pool=(3, 2, SAME)
    ),
    "valid": dict(
        size=(20, 25),
        channels=3,
        filters=48,
        kernel=(4, 6),
        stride=(2, 2),
        padding=VALID,
        pool=(2, 2, VALID),
    ),
    "batch": dict(
        size=(23, 19),
        channels=3,
        filters=33,
        kernel=(3, 3),
        stride=(2, 2),
        pool=(3, 1, SAME),
        batch=3,
    ),
    "pool wider than its step": dict(
        size=(30, 30), channels=3, filters=20, kernel=(3, 3), stride=(1, 1), pool=(5, 2, SAME)
    ),
    "pool apart": dict(
        size=(30, 30), channels=3, filters=20, kernel=(3, 3), stride=(1, 1), pool=(2, 3, VALID)
    ),
    "read twice": dict(
        size=(30, 30),
        channels=3,
        filters=20,
        kernel=(3, 3),
        stride=(1, 1),
        pool=(3, 2, SAME),
        taps=True,
    ),
}


def assert_same_bits(ours, theirs):
    for our, their in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(our.view(np.int32), their.view(np.int32))


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("activation", [0, 1, 2, 3])
def test_same_bits_as_the_interpreter(isa, name, activation):
    image = Image(**CASES[name], activation=activation)
    plain = image.run(fuse=False)
    for options in ({}, {"num_threads": 2}):
        assert_same_bits(image.run(**options), plain)
    if not image.pool or image.outputs[0] != image.outputs[-2]:
        np.testing.assert_allclose(plain[0], image.expected(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("filters", range(17, 33))
@pytest.mark.parametrize("width", [7, 16, 61, 112])
def test_any_last_channels(isa, filters, width):
    """Channels that fill no whole register, in rows shorter and longer than one of pixels."""
    image = Image(size=(3, width), channels=3, filters=filters, kernel=(3, 3), stride=(1, 1))
    assert_same_bits(image.run(), image.run(fuse=False))


@pytest.mark.parametrize("filters", [49, 57, 60])
def test_last_channels_pooled_and_shared_out(isa, filters):
    """The same behind three registers and more, pooled, in a batch, by two threads."""
    image = Image(
        size=(21, 75),
        channels=3,
        filters=filters,
        kernel=(7, 7),
        stride=(2, 2),
        pool=(3, 2, SAME),
        batch=2,
    )
    assert_same_bits(image.run(num_threads=2), image.run(fuse=False))


def test_it_is_the_engine_that_computes_it(isa, capfd):
    """Where the engine has a kernel for it, its profile names the operator, the pooling within."""
    image = Image(**CASES["igp"])
    host = find_host()
    delegate = host.load_delegate(delegate_path(), {"profile": "1"})
    interpreter = host.interpreter(
        model_content=image.graph.file(image.outputs), experimental_delegates=[delegate]
    )
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image.x)
    interpreter.invoke()
    del interpreter, delegate
    operators = re.findall(r"ms  (\w+)", capfd.readouterr().err)
    assert operators == [*(["CONV_2D"] if isa != "portable" else []), "LceQuantize", "LceBconv2d"]


@pytest.mark.parametrize("scale", [(1e-20, 1e-20), (1e-40, 1e10), (1e10, 1e-40), (1e38, 1e10)])
def test_denormals_and_infinities(isa, scale):
    """Products too small for a normal number, factors that are none themselves, and overflow."""
    image = Image(**CASES["cifar"], scale=scale)
    for ours, theirs in zip(image.run(), image.run(fuse=False), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("size", [(8, 8), (41, 17)])
def test_resized(isa, size):
    """The same file for images of another size."""
    image = Image(**CASES["igp"])
    x = np.random.default_rng(1).normal(size=(2, *size, 3)).astype(np.float32)
    results = []
    for fuse in (True, False):
        interpreter = Interpreter(image.graph.file(image.outputs), fuse=fuse)
        interpreter.resize(x.shape)
        results.append(interpreter.predict(x))
    assert_same_bits(*results)
