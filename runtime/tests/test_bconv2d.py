"""LceBconv2d: every kernel and every attribute against the oracle, integer parts exact."""

import itertools

import numpy as np
import oracle
import pytest
from binary_conv import Case, Conv

from larq_igp_runtime import Interpreter

GRID = {
    "size": [(1, 1), (1, 5), (2, 2), (2, 3), (3, 3), (4, 4), (5, 8), (8, 5), (9, 9)],
    "channels_in": [1, 4, 31, 32, 33, 64, 65, 96, 128, 130, 160, 257],
    "channels_out": [1, 7, 8, 16, 17, 32, 33, 41, 64, 70, 128],
    "kernel": [(1, 1), (3, 3), (5, 5), (2, 3), (1, 4)],
    "strides": [(1, 1), (2, 2), (2, 1), (1, 3)],
    "dilations": [(1, 1), (2, 2), (1, 2), (3, 1)],
    "padding": [(True, 0), (True, 1), (False, 1)],
    "activation": [0, 1, 2, 3],
    "output": ["float32", "int8", "packed"],
    "batch": [1, 2, 3],
    "exact": [True, True, False],
}


def fits(conv: Conv) -> bool:
    """Whether VALID leaves any output, and zero padding has a meaning for this output.

    Zero padding with a fused activation, int8 or bits out exists only in LCE's reference kernel.
    """
    reach = [(k - 1) * d + 1 for k, d in zip(conv.kernel, conv.dilations, strict=True)]
    return conv.same or all(r <= s for r, s in zip(reach, conv.size, strict=True))


def draw(count: int, seed: int) -> list[Conv]:
    """Combinations of the grid, drawn at random, each attribute's values about equally often."""
    rng = np.random.default_rng(seed)
    convs = []
    while len(convs) < count:
        values = {name: options[rng.integers(len(options))] for name, options in GRID.items()}
        values["same"], values["pad_values"] = values.pop("padding")
        conv = Conv(**values, seed=len(convs))
        if fits(conv):
            convs.append(conv)
    return convs


def check(conv: Conv, **options) -> None:
    """Runs one conv in the engine and compares it with the oracle."""
    case = Case(conv)
    case.check(Interpreter(case.file(), xnnpack=False, **options).predict(oracle.pack(case.x)))


@pytest.mark.parametrize("part", range(8))
def test_combinations(isa, part):
    for conv in draw(75, seed=part):
        check(conv)


@pytest.mark.parametrize("output", ["float32", "packed"])
def test_every_number_of_input_channels(isa, output):
    for channels in range(1, 131):
        check(Conv(size=(4, 5), channels_in=channels, channels_out=9, output=output))


@pytest.mark.parametrize("output", ["float32", "int8", "packed"])
def test_every_number_of_output_channels(isa, output):
    for channels in range(1, 131):
        check(Conv(size=(3, 4), channels_in=33, channels_out=channels, output=output))


@pytest.mark.parametrize("pad_values", [0, 1])
@pytest.mark.parametrize(("kernel", "dilation"), [(3, 1), (3, 2), (5, 1), (5, 2), (7, 1), (8, 1)])
def test_maps_smaller_than_the_kernel(isa, pad_values, kernel, dilation):
    for size in itertools.product(range(1, 6), range(1, 6)):
        conv = Conv(
            size, 40, 17, (kernel, kernel), dilations=(dilation, dilation), pad_values=pad_values
        )
        check(conv)


@pytest.mark.parametrize("groups", [2, 3, 4, 8])
@pytest.mark.parametrize("words", [1, 2, 3])
@pytest.mark.parametrize("output", ["float32", "int8", "packed"])
def test_groups(isa, groups, words, output):
    for per_group, same, pad in itertools.product([1, 5, 8, 16, 17, 32], [True, False], [0, 1]):
        conv = Conv(
            (4, 5),
            32 * words * groups,
            per_group * groups,
            same=same,
            pad_values=pad,
            groups=groups,
        )
        check(conv.with_(output=output, strides=(1, 2)))


@pytest.mark.parametrize("activation", [0, 1, 2, 3])
@pytest.mark.parametrize("channels_in", [1, 2, 3, 33])
def test_activations_clamp_the_integer(isa, activation, channels_in):
    for kernel, pad in itertools.product([(1, 1), (2, 2), (3, 3)], [0, 1]):
        check(Conv((4, 4), channels_in, 20, kernel, activation=activation, pad_values=pad))


def test_depth_beyond_16_bits(isa):
    check(Conv((5, 5), 3072, 8, (5, 5)))
    check(Conv((5, 5), 3072, 8, (5, 5), output="packed"))


def test_channels_of_the_networks(isa):
    """Widths and maps of the published networks, one of each, with inexact multipliers."""
    for channels, size in [(41, 14), (53, 14), (64, 14), (82, 7), (128, 7), (328, 7), (512, 3)]:
        check(Conv((size, size), channels, channels, exact=False, pad_values=0))
        check(Conv((size, size), channels, 2 * channels, strides=(2, 2), exact=False))


def test_batches_are_independent(isa):
    case = Case(Conv(batch=4, exact=False, pad_values=0))
    interpreter, x = Interpreter(case.file(), xnnpack=False), oracle.pack(case.x)
    together = interpreter.predict(x)
    case.check(together)
    apart = np.concatenate([interpreter.predict(x[i : i + 1]) for i in range(4)])
    np.testing.assert_array_equal(together, apart)


def test_resized_maps(isa):
    """One interpreter through several sizes, back and forth: nothing may stick to the first."""
    base = Conv(pad_values=0)
    interpreter = Interpreter(Case(base).file(), xnnpack=False)
    for size in [(5, 6), (9, 3), (1, 1), (12, 12), (5, 6)]:
        case = Case(base)
        rng = np.random.default_rng(size)
        x = rng.choice(np.array([-1, 1], np.int32), (2, *size, base.channels_in))
        interpreter.resize((2, *size, 2))
        got = interpreter.predict(oracle.pack(x))
        values = oracle.convolve(x, case.weights, pad_values=0)
        np.testing.assert_array_equal(got, oracle.real_output(values, case.multiplier, case.bias))


@pytest.mark.parametrize("output", ["float32", "int8", "packed"])
def test_two_threads_compute_the_same(isa, output):
    for size, channels in [
        ((1, 1), 64),
        ((3, 50), 40),
        ((5, 5), 18),
        ((7, 9), 35),
        ((17, 13), 130),
        ((28, 28), 128),
    ]:
        for pad in (0, 1):
            case = Case(Conv(size, channels, channels, pad_values=pad, exact=False, output=output))
            x = oracle.pack(case.x)
            one, two, five = (Interpreter(case.file(), threads).predict(x) for threads in (1, 2, 5))
            np.testing.assert_array_equal(one, two)
            np.testing.assert_array_equal(one, five)
            case.check(two)
