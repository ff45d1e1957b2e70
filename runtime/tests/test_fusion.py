"""Operators run together give the same bits as run one by one, in every graph that can be drawn.

Three answers are compared bit for bit: fused, unfused (the stock interpreter then does the
additions and multiplications) and NumPy in float32.
"""

import itertools

import numpy as np
import oracle
import pytest
from binary_conv import Case, Conv
from tflite_file import Graph

from larq_igp_runtime import Interpreter, delegate_path
from larq_igp_runtime.host import find_host


class Drawing:
    """A graph and, beside each of its tensors, the value that the oracle gives it."""

    def __init__(self, shape: tuple[int, ...], seed: int = 0, exact: bool = True):
        """Starts with one float input of the given shape (N, H, W, C)."""
        self.rng = np.random.default_rng(seed)
        self.graph, self.shape, self.exact = Graph(), shape, exact
        self.x = self.rng.normal(size=shape).astype(np.float32)
        self.input = self.graph.input(shape)
        self.floats = {self.input: self.x}
        self.packed: dict[int, np.ndarray] = {}

    def quantize(self, x: int) -> int:
        words = (*self.shape[:3], -(-self.shape[3] // 32))
        y = self.graph.node("LceQuantize", [x], self.graph.tensor(words, "int32"))
        self.packed[y] = oracle.quantize(self.floats[x])
        return y

    def conv(self, x: int, seed: int = 0, **attributes) -> int:
        n, height, width, channels = self.shape
        conv = Conv(
            (height, width), channels, channels, batch=n, seed=seed, exact=self.exact, **attributes
        )
        case = Case(conv)
        case.x = self.packed[x]
        y = case.append_to(self.graph, x)
        if conv.output == "packed":
            self.packed[y] = oracle.threshold_signs(case.values, case.threshold, conv.depth)
        else:
            real = oracle.real_output(case.values, case.multiplier, case.bias, conv.activation)
            self.floats[y] = real.astype(np.float32)
        return y

    def add(self, a: int, b: int, activation: int = 0) -> int:
        y = self.graph.add(a, b, activation)
        self.floats[y] = self._activated(self.floats[a] + self.floats[b], activation)
        return y

    def mul(self, a: int, b: int) -> int:
        y = self.graph.mul(a, b)
        self.floats[y] = self.floats[a] * self.floats[b]
        return y

    def prelu(self, x: int) -> int:
        """PRELU with a slope per channel."""
        slope = self.rng.choice(np.float32([0.25, 0.5, 2, -1, 0]), (1, 1, self.shape[3]))
        y = self.graph.node("PRELU", [x, self.graph.constant(slope)], self.graph.tensor(self.shape))
        values = self.floats[x]
        self.floats[y] = np.where(values < 0, values * slope, values)
        return y

    def constant(self, value) -> int:
        value = np.asarray(value, np.float32)
        y = self.graph.constant(value)
        self.floats[y] = value
        return y

    def per_channel(self, scale: float = 1.0) -> int:
        return self.constant(self.rng.normal(0, scale, self.shape[3]))

    def check(self, outputs: list[int]) -> None:
        """Compares the three answers for the given outputs of the model."""
        file = self.graph.file(outputs)
        fused, plain = (Interpreter(file, fuse=fuse).predict(self.x) for fuse in (True, False))
        threads = Interpreter(file, 2).predict(self.x)
        expected = [
            self.floats[y] if y in self.floats else oracle.pack(self.packed[y]) for y in outputs
        ]
        if len(outputs) == 1:
            fused, plain, threads = [fused], [plain], [threads]
        for f, p, t, e in zip(fused, plain, threads, expected, strict=True):
            np.testing.assert_array_equal(
                f.view(np.int32), p.view(np.int32), "fused is not unfused"
            )
            np.testing.assert_array_equal(f.view(np.int32), t.view(np.int32), "two threads differ")
            if self.exact:
                np.testing.assert_array_equal(f, e, "not the oracle's")

    @staticmethod
    def _activated(values: np.ndarray, activation: int) -> np.ndarray:
        low, high = oracle.ACTIVATIONS[activation]
        return (
            values
            if low is None and high is None
            else np.clip(values, low, high).astype(np.float32)
        )


SHAPES = [(1, 5, 6, 33), (1, 7, 7, 64), (2, 4, 3, 41), (1, 3, 3, 130), (1, 1, 1, 16)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("pad_values", [0, 1])
@pytest.mark.parametrize("exact", [True, False])
def test_residual_blocks(isa, shape, pad_values, exact):
    """Bi-Real: conv, add the shortcut, quantise, three times."""
    d = Drawing(shape, exact=exact)
    x = d.input
    for block in range(3):
        x = d.add(d.conv(d.quantize(x), seed=block, pad_values=pad_values), x)
    d.check([x])


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("paths", [2, 3, 4])
@pytest.mark.parametrize("exact", [True, False])
def test_joined_blocks(isa, shape, paths, exact):
    """IGP: several convs of one input, the results joined in pairs as (a + b) / 2, and again."""
    d = Drawing(shape, exact=exact)
    x = d.input
    for block in range(2):
        packed = d.quantize(x)
        branches = [d.conv(packed, seed=10 * block + path) for path in range(paths)]
        while len(branches) > 1:
            joined = [d.mul(d.add(a, b), d.constant(0.5)) for a, b in itertools.pairwise(branches)]
            branches = joined
        x = d.mul(d.add(branches[0], x), d.constant(0.5))
    d.check([x])


@pytest.mark.parametrize("factor", [0.5, 0.25, -2.0, 0.3, 0.0])
@pytest.mark.parametrize("exact", [True, False])
def test_scaled_sums(isa, factor, exact):
    """Factors before, between and after sums, powers of two or not, scalars or one per channel."""
    d = Drawing((1, 5, 6, 33), exact=exact)
    a = d.mul(d.add(d.conv(d.quantize(d.input)), d.input), d.constant(factor))
    b = d.add(d.mul(d.conv(d.quantize(a), seed=1), d.constant(factor)), a)
    c = d.mul(d.mul(d.add(d.conv(d.quantize(b), seed=2), b), d.constant(factor)), d.constant([0.5]))
    e = d.mul(d.add(d.conv(d.quantize(c), seed=3), c), d.per_channel())
    d.check([e])


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("scalar", [False, True])
def test_batchnorm_before_sign(isa, shape, scalar):
    """DenseNet: MUL and ADD that feed only LceQuantize; also by zero, negative and infinity."""
    d = Drawing(shape)
    factor = d.rng.normal(size=shape[3]).astype(np.float32)
    factor[:3] = [0.0, -0.0, -1.5]
    a = d.constant([-0.75]) if scalar else d.constant(factor)
    scaled = d.mul(d.input, a)
    shifted = d.add(scaled, d.constant([0.3]) if scalar else d.per_channel())
    d.check([d.conv(d.quantize(shifted), output="packed"), d.conv(d.quantize(shifted), seed=3)])


def test_batchnorm_at_the_edge_of_the_sign(isa):
    """Values where x * a + b rounds to exactly zero, or would not if the two were contracted."""
    d = Drawing((1, 8, 8, 64))
    a = d.rng.normal(size=64).astype(np.float32)
    d.x[:] = d.rng.choice(d.rng.normal(size=4), d.shape).astype(np.float32)
    b = -(d.x[0, 0, 0] * a)
    y = d.quantize(d.add(d.mul(d.input, d.constant(a)), d.constant(b)))
    d.floats[y - 1] = (d.x * a).astype(np.float32) + b
    d.check([y])


@pytest.mark.parametrize("activation", [1, 2, 3])
def test_activation_of_the_sum(isa, activation):
    d = Drawing((1, 5, 6, 33))
    y = d.add(d.conv(d.quantize(d.input)), d.input, activation)
    d.check([d.conv(d.quantize(y), seed=1)])


def test_intermediates_that_are_outputs(isa):
    """Nothing may vanish that the model gives out."""
    d = Drawing((1, 5, 6, 33))
    a = d.conv(d.quantize(d.input))
    b = d.add(a, d.input)
    half = d.mul(b, d.constant(0.5))
    q = d.quantize(half)
    c = d.conv(q, seed=1)
    d.check([c, a, q, b, half])


def test_a_sum_of_a_tensor_with_itself(isa):
    d = Drawing((1, 5, 6, 33))
    a = d.conv(d.quantize(d.input))
    d.check([d.add(a, a)])


def test_a_sum_that_broadcasts(isa):
    """A shortcut of another shape must stay a sum of its own, or be right."""
    d = Drawing((1, 5, 6, 33))
    a = d.conv(d.quantize(d.input))
    for constant in (d.per_channel(), d.constant(2.5), d.constant(d.rng.normal(size=(1, 5, 6, 1)))):
        a = d.add(a, constant)
    d.check([a])


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("pad_values", [0, 1])
@pytest.mark.parametrize("exact", [True, False])
def test_reactnet_blocks(isa, shape, pad_values, exact):
    """A shift before the sign; the residual, a shift, PRELU and a shift behind the convolution."""
    d = Drawing(shape, exact=exact)
    x = d.input
    for block in range(3):
        y = d.conv(d.quantize(d.add(x, d.per_channel())), seed=block, pad_values=pad_values)
        y = d.add(y, x) if block != 1 else y
        x = d.add(d.prelu(d.add(y, d.per_channel())), d.per_channel())
    d.check([x])
    assert partitions(d.graph.file([x])) == 1


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("exact", [True, False])
def test_prelu_of_a_convolution(isa, shape, exact):
    d = Drawing(shape, exact=exact)
    a = d.prelu(d.conv(d.quantize(d.input)))
    b = d.prelu(d.add(d.conv(d.quantize(a), seed=1), a))
    c = d.add(d.prelu(d.conv(d.quantize(b), seed=2, activation=3)), b)
    d.check([c, d.quantize(c)])


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("residual", [True, False])
@pytest.mark.parametrize("only_signs", [True, False])
def test_batchnorm_of_a_convolution_before_sign(isa, shape, residual, only_signs):
    """Values go on as they are, signs are taken after MUL and ADD, in the convolution itself."""
    d = Drawing(shape)
    x = d.conv(d.quantize(d.input))
    x = d.add(x, d.input) if residual else x
    y = d.quantize(d.add(d.mul(x, d.per_channel()), d.per_channel()))
    z = d.quantize(d.add(d.conv(y, seed=1), d.per_channel()))
    d.check([z] if only_signs else [z, x])
    assert partitions(d.graph.file([z])) == 1


def partitions(content: bytes) -> int:
    """How many pieces the engine runs a file in; all of its operators must be in them."""
    host = find_host()
    delegate = host.load_delegate(delegate_path(), {})
    model = host.interpreter(model_content=content, experimental_delegates=[delegate])
    model.allocate_tensors()
    if not hasattr(model, "_get_ops_details"):
        return 1
    # Replaced operators stay in the list; delegates come last.
    return [op["op_name"] for op in model._get_ops_details()].count("DELEGATE")


class Bytes:
    """A chain of int8 residual blocks in NumPy: where XNNPACK's sum and ours agree."""

    def __init__(self, shape, scales, zeros, seed=0, **attributes):
        rng = np.random.default_rng(seed)
        self.graph, n = Graph(), shape[0]
        self.x = rng.integers(-128, 128, shape).astype(np.int8)
        q, x = self.x, self.graph.input(shape, "int8", scale=scales[0], zero_point=zeros[0])
        words = (*shape[:3], -(-shape[3] // 32))
        for block, (scale, zero) in enumerate(zip(scales[1:], zeros[1:], strict=True)):
            conv = Conv(
                shape[1:3], shape[3], shape[3], batch=n, seed=block, output="int8", **attributes
            )
            case = Case(conv)
            case.x = oracle.quantize(q, zeros[block])
            bits = self.graph.node("LceQuantize", [x], self.graph.tensor(words, "int32"))
            y = case.append_to(self.graph, bits)
            self.graph.tensors[y].scale, self.graph.tensors[y].zero_point = 0.5, 2
            real = oracle.real_output(case.values, case.multiplier, case.bias, conv.activation)
            real = real.astype(np.float64) / 0.5 + 2
            first = np.clip(np.trunc(real + np.copysign(0.5, real)), -128, 127).astype(np.int64)
            total = self.graph.tensor(shape, "int8", scale=scale, zero_point=zero)
            operands = [(y, first, 0.5, 2), (x, q.astype(np.int64), scales[block], zeros[block])]
            if block % 2:
                operands.reverse()
            self.graph.node("ADD", [operand[0] for operand in operands], total)
            factors = [np.float32(operand[2]) / np.float32(scale) for operand in operands]
            shift = 20 - int(np.floor(np.log2(max(factors))))
            whole = [int(np.rint(factor * 2.0**shift)) for factor in factors]
            value = sum(w * (o[1] - o[3]) for w, o in zip(whole, operands, strict=True))
            q = np.clip((value + (1 << (shift - 1)) >> shift) + zero, -128, 127).astype(np.int8)
            x = total
        self.output, self.q = x, q


BYTES = {
    "same scales": ((0.5, 0.5, 0.5, 0.5), (2, 2, 2, 2)),
    "other scales": ((0.37, 1.25, 0.8, 2.1), (-3, 17, -128, 5)),
    "zero points at the ends": ((0.5, 3.0, 0.9, 1.7), (127, -128, 127, 0)),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", BYTES)
@pytest.mark.parametrize("pad_values", [0, 1])
def test_int8_residual_blocks(isa, shape, name, pad_values):
    chain = Bytes(shape, *BYTES[name], pad_values=pad_values, activation=pad_values)
    file = chain.graph.file([chain.output])
    for threads in (1, 2):
        got = Interpreter(file, threads).predict(chain.x)
        np.testing.assert_array_equal(got, chain.q)
    assert partitions(file) == 1
    unfused = Interpreter(file, fuse=False).predict(chain.x)
    if find_host().name == "ai_edge_litert":
        np.testing.assert_array_equal(unfused, chain.q)


def test_int8_values_that_are_read_elsewhere(isa):
    """Sums, signs and values that are outputs of the model too."""
    chain = Bytes((1, 5, 6, 41), *BYTES["other scales"])
    produced = [op.outputs[0] for op in chain.graph.operators]
    content = chain.graph.file(produced)
    fused, plain = (Interpreter(content, fuse=fuse).predict(chain.x) for fuse in (True, False))
    for f, p in zip(fused, plain, strict=True):
        if find_host().name == "ai_edge_litert":
            np.testing.assert_array_equal(f, p)
    np.testing.assert_array_equal(fused[-1], chain.q)


@pytest.mark.parametrize("seed", range(60))
def test_random_graphs(isa, seed):
    """Whatever order, sharing and reuse a graph has."""
    rng = np.random.default_rng(1000 + seed)
    d = Drawing(SHAPES[seed % len(SHAPES)], seed, exact=bool(seed % 3))
    activations = [d.input]
    for step in range(int(rng.integers(3, 14))):
        pick = lambda: int(rng.choice(activations[-4:]))  # noqa: E731
        match int(rng.integers(9)):
            case 0 | 1 if d.packed:
                source = int(rng.choice(list(d.packed)[-2:]))
                kind = rng.choice(["float32", "float32", "packed"])
                y = d.conv(
                    source,
                    seed=step,
                    pad_values=int(rng.integers(2)) if kind == "float32" else 1,
                    output=str(kind),
                )
            case 2 | 3:
                y = d.add(pick(), pick(), int(rng.choice([0, 0, 0, 1])))
            case 4:
                y = d.mul(pick(), d.constant(rng.choice([0.5, 0.25, -2.0, 0.3])))
            case 5:
                y = d.add(d.mul(pick(), d.per_channel()), d.per_channel())
            case 6:
                y = d.add(pick(), d.per_channel())
            case 7:
                y = d.prelu(pick())
            case _:
                y = d.quantize(pick())
        if y in d.floats:
            activations.append(y)
    produced = [
        y for y in (*d.floats, *d.packed) if y != d.input and d.graph.tensors[y].data is None
    ]
    outputs = {produced[-1], *(int(y) for y in rng.choice(produced, 2))} if produced else set()
    outputs |= set(produced) - {x for op in d.graph.operators for x in op.inputs}  # all are read
    if outputs:
        d.check(sorted(outputs))
