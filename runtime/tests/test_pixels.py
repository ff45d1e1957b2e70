"""The first convolution on bytes: against NumPy in double precision, and with floats beside it."""

import re

import numpy as np
import pytest
from test_image import CASES, SAME, Image, extent
from tflite_file import Graph

from larq_igp_runtime import Interpreter, delegate_path
from larq_igp_runtime.host import find_host

TOLERANCE = 5e-5  # of the largest output
MEAN = np.float32([-123.675, -116.28, -103.53, -50.0])
SCALE = np.float32([0.017125, 0.017507, 0.017429, 0.02])
NORMALISATIONS = {
    "none": [],
    "mean and deviation": [("ADD", "channel"), ("MUL", "channel")],
    "of one": [("MUL", "one"), ("ADD", "one")],
    "deviation and mean": [("MUL", "channel"), ("ADD", "channel")],
}


class Pixels(Image):
    """As `Image`, but bytes come in, and are made floats and normalised by the model."""

    def __init__(
        self, *, normalisation="mean and deviation", dtype="uint8", zero_point=0, scale=1.0, **case
    ):
        super().__init__(**case)
        rng = np.random.default_rng(1)
        limits = np.iinfo(dtype)
        self.x = rng.integers(limits.min, limits.max, self.x.shape, dtype, endpoint=True)
        self.normalised = (self.x.astype(np.float64) - zero_point) * np.float64(np.float32(scale))
        old, g = self.graph, Graph()
        channels = self.x.shape[-1]
        image = g.input(self.x.shape, dtype, scale=scale, zero_point=zero_point)
        x = g.node("DEQUANTIZE", [image], g.tensor(self.x.shape))
        for kind, of in NORMALISATIONS[normalisation]:
            values = {"ADD": MEAN, "MUL": SCALE}[kind]
            constant = values[:channels] if of == "channel" else np.float32([values[0] / 100])
            x = (g.add if kind == "ADD" else g.mul)(x, g.constant(constant))
            self.normalised = (
                self.normalised + constant if kind == "ADD" else self.normalised * constant
            )
        self.first = x
        # The rest of the graph, its tensors moved behind.
        moved = {old.inputs[0]: x}
        for number, tensor in enumerate(old.tensors):
            if number != old.inputs[0]:
                moved[number] = g._add(tensor)
        for node in old.operators:
            node.inputs = [moved.get(i, i) for i in node.inputs]
            node.outputs = [moved[i] for i in node.outputs]
            g.operators.append(node)
        self.outputs = [moved[i] for i in self.outputs]
        self.graph = g

    def expected(self) -> np.ndarray:
        kept, self.x = self.x, self.normalised
        try:
            return convolution(self)
        finally:
            self.x = kept


def convolution(image: Image) -> np.ndarray:
    """In double precision, as `Image.expected`, but of an image that is not float32."""
    x, weights = image.x, image.weights.astype(np.float64)
    kernel = weights.shape[1:3]
    out = [
        extent(s, k, t, image.padding)
        for s, k, t in zip(x.shape[1:3], kernel, image.stride, strict=True)
    ]
    sizes = zip(out, image.stride, kernel, x.shape[1:3], strict=True)
    total = [max((o - 1) * t + k - s, 0) for o, t, k, s in sizes]
    pads = [(t // 2, t - t // 2) if image.padding == SAME else (0, 0) for t in total]
    padded = np.pad(x, [(0, 0), *pads, (0, 0)])
    y = np.empty((len(x), *out, len(weights)))
    for i in range(out[0]):
        for j in range(out[1]):
            top, left = i * image.stride[0], j * image.stride[1]
            window = padded[:, top : top + kernel[0], left : left + kernel[1]]
            y[:, i, j] = np.tensordot(window, weights, ([1, 2, 3], [1, 2, 3])) + image.bias
    low, high = {0: (None, None), 1: (0, None), 2: (-1, 1), 3: (0, 6)}[image.activation]
    return y if image.activation == 0 else np.clip(y, low, high)


def assert_close(found, expected):
    assert np.abs(found - expected).max() <= TOLERANCE * np.abs(expected).max()


UNPOOLED = {name: {k: v for k, v in case.items() if k != "pool"} for name, case in CASES.items()}


@pytest.mark.parametrize("name", UNPOOLED)
def test_right_to_the_border(isa, name):
    """Every pixel, against the sum in double precision."""
    image = Pixels(**UNPOOLED[name])
    found = image.run()[0]
    assert_close(found, image.expected())
    np.testing.assert_array_equal(image.run(num_threads=2)[0], found)


@pytest.mark.parametrize("normalisation", NORMALISATIONS)
@pytest.mark.parametrize(
    ("dtype", "zero_point", "scale"),
    [("uint8", 0, 1.0), ("uint8", 128, 0.0078), ("int8", -3, 0.02)],
)
def test_bytes_and_normalisations(isa, normalisation, dtype, zero_point, scale):
    image = Pixels(
        normalisation=normalisation,
        dtype=dtype,
        zero_point=zero_point,
        scale=scale,
        **UNPOOLED["imagenet"],
    )
    assert_close(image.run()[0], image.expected())


@pytest.mark.parametrize("bias", [0, 1])
def test_black_is_the_bias_exactly(isa, bias):
    """Signs are taken of it in networks without BatchNorm: rounding must not turn them."""
    image = Pixels(normalisation="none", scale=0.0039215689, **UNPOOLED["imagenet"])
    image.x[:] = 0
    image.bias *= bias
    found = image.run()[0]
    np.testing.assert_array_equal(found, np.broadcast_to(image.bias, found.shape))


@pytest.mark.parametrize("activation", [1, 2, 3])
def test_activations(isa, activation):
    image = Pixels(**UNPOOLED["cifar"], activation=activation)
    found, expected = image.run()[0], image.expected()
    spread = np.abs(Pixels(**UNPOOLED["cifar"]).expected()).max()
    assert np.abs(found - expected).max() <= TOLERANCE * spread


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.get("pool")])
def test_pooled(isa, name):
    """Pooling behind it: of what the same file computes without pooling, bit for bit."""
    pooled, plain = Pixels(**CASES[name]), Pixels(**UNPOOLED[name])
    window, step, padding = CASES[name]["pool"]
    y = plain.run()[0]
    out = [extent(side, window, step, padding) for side in y.shape[1:3]]
    total = [
        max((o - 1) * step + window - s, 0) if padding == SAME else 0
        for o, s in zip(out, y.shape[1:3], strict=True)
    ]
    padded = np.pad(
        y, [(0, 0), *[(t // 2, t - t // 2) for t in total], (0, 0)], constant_values=-np.inf
    )
    expected = np.empty((len(y), *out, y.shape[-1]), np.float32)
    for i in range(out[0]):
        for j in range(out[1]):
            window_of = padded[:, i * step : i * step + window, j * step : j * step + window]
            expected[:, i, j] = window_of.max((1, 2))
    np.testing.assert_array_equal(pooled.run()[-2], expected)


def test_all_instruction_sets_give_the_same_bits(monkeypatch):
    from conftest import isas_of_this_machine

    results = []
    for isa in isas_of_this_machine():
        if isa == "portable":
            continue
        monkeypatch.setenv("LARQ_IGP_RUNTIME_ISA", isa)
        results.append([Pixels(**CASES[name]).run() for name in ("imagenet", "igp", "batch")])
    for others in results[1:]:
        for ours, theirs in zip(results[0], others, strict=True):
            for a, b in zip(ours, theirs, strict=True):
                np.testing.assert_array_equal(a, b)


def test_an_option_keeps_floats(isa):
    """Then the normalisation and the convolution are those of the interpreter."""
    image = Pixels(**UNPOOLED["imagenet"])
    plain = image.run(fuse=False)[0]
    np.testing.assert_array_equal(image.run(pixels=False)[0], plain)
    assert_close(image.run()[0], plain)


def test_what_is_not_on_bytes_has_the_same_bits(isa):
    """Also the kernels that cannot compute on bytes are as those that may not."""
    image = Pixels(**UNPOOLED["imagenet"])
    portable = image.run(instruction_set="portable")[0]
    np.testing.assert_array_equal(image.run(pixels=False)[0], portable)


def test_large_filters_stay_within_32_bits(isa):
    """400 taps of one sign at 255: the weights are rounded more coarsely."""
    image = Pixels(
        size=(24, 24), channels=4, filters=9, kernel=(10, 10), stride=(1, 1), normalisation="none"
    )
    image.x[:] = 255
    image.normalised[:] = 255
    weights = image.graph.tensors[[t.shape for t in image.graph.tensors].index(image.weights.shape)]
    weights.data = image.weights = np.abs(image.weights)
    assert_close(image.run()[0], image.expected())


@pytest.mark.parametrize("weight", [np.inf, 1e30])
def test_numbers_that_are_too_large_stay_floats(isa, weight):
    image = Pixels(**UNPOOLED["cifar"])
    weights = image.graph.tensors[[t.shape for t in image.graph.tensors].index(image.weights.shape)]
    weights.data = image.weights.copy()
    weights.data[0, 0, 0, 0] = weight
    np.testing.assert_array_equal(image.run()[0], image.run(fuse=False)[0])


def test_what_others_read_stays(isa):
    """The normalised image is an output: the convolution reads floats."""
    image = Pixels(**UNPOOLED["cifar"])
    image.outputs.append(image.first)
    for ours, theirs in zip(image.run(), image.run(fuse=False), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_it_is_the_engine_that_computes_it(isa, capfd):
    image = Pixels(**CASES["igp"])
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


@pytest.mark.parametrize("size", [(8, 8), (41, 17)])
def test_resized(isa, size):
    image = Pixels(**UNPOOLED["igp"])
    image.x = np.random.default_rng(1).integers(0, 256, (2, *size, 3), np.uint8)
    interpreter = Interpreter(image.graph.file(image.outputs))
    interpreter.resize(image.x.shape)
    found = interpreter.predict(image.x)[0]
    image.normalised = (image.x.astype(np.float64) + MEAN[:3]) * SCALE[:3]
    assert_close(found, image.expected())


def test_a_file_without_binary_convolutions_is_left_alone(isa):
    g = Graph()
    image = g.input((1, 8, 8, 3), "uint8", scale=1.0)
    x = g.node("DEQUANTIZE", [image], g.tensor((1, 8, 8, 3)))
    weights = np.random.default_rng(0).normal(size=(8, 3, 3, 3)).astype(np.float32)
    options = dict(padding=SAME, stride_h=1, stride_w=1, dilation_h=1, dilation_w=1)
    inputs = [x, g.constant(weights), g.constant(np.zeros(8, np.float32))]
    content = g.file([g.node("CONV_2D", inputs, g.tensor((1, 8, 8, 8)), options)])
    pixels = np.full((1, 8, 8, 3), 7, np.uint8)
    np.testing.assert_array_equal(
        Interpreter(content).predict(pixels), Interpreter(content, fuse=False).predict(pixels)
    )
