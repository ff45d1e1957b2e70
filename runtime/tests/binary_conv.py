"""Small models around one LceBconv2d: what to compute, its random numbers, its file, its answer."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import oracle
from tflite_file import Graph

INT32_MIN, INT32_MAX = np.iinfo(np.int32).min, np.iinfo(np.int32).max
OUT_SCALE, OUT_ZERO = 0.75, -3  # int8 outputs


@dataclass(frozen=True)
class Conv:
    """Every attribute that LceBconv2d has."""

    size: tuple[int, int] = (5, 6)
    channels_in: int = 33
    channels_out: int = 18
    kernel: tuple[int, int] = (3, 3)
    strides: tuple[int, int] = (1, 1)
    dilations: tuple[int, int] = (1, 1)
    same: bool = True
    pad_values: int = 1
    groups: int = 1
    activation: int = 0
    output: str = "float32"  # or int8, packed
    batch: int = 1
    exact: bool = True  # multipliers that are powers of two: no float rounding anywhere
    seed: int = 0

    with_ = replace

    @property
    def depth(self) -> int:
        """Binary multiply-adds of one output."""
        return self.kernel[0] * self.kernel[1] * self.channels_in // self.groups

    @property
    def options(self) -> dict:
        """The node's custom options."""
        return {
            "channels_in": self.channels_in,
            "dilation_height_factor": self.dilations[0],
            "dilation_width_factor": self.dilations[1],
            "fused_activation_function": self.activation,
            "pad_values": self.pad_values,
            "padding": 0 if self.same else 1,
            "stride_height": self.strides[0],
            "stride_width": self.strides[1],
        }

    def __str__(self) -> str:
        same = f"same{self.pad_values}" if self.same else "valid"
        return (
            f"{self.batch}x{self.size[0]}x{self.size[1]}x{self.channels_in}-{self.channels_out}"
            f"-k{self.kernel[0]}{self.kernel[1]}-s{self.strides[0]}{self.strides[1]}"
            f"-d{self.dilations[0]}{self.dilations[1]}-{same}-g{self.groups}-a{self.activation}-{self.output}"
        )


class Case:
    """A `Conv` with numbers in it."""

    def __init__(self, conv: Conv):
        """Draws the numbers from the conv's seed."""
        self.conv = conv
        rng = np.random.default_rng([conv.seed, conv.channels_in, conv.channels_out, *conv.size])
        signs = np.array([-1, 1], np.int32)
        self.x = rng.choice(signs, (conv.batch, *conv.size, conv.channels_in))
        self.weights = rng.choice(
            signs, (conv.channels_out, *conv.kernel, conv.channels_in // conv.groups)
        )
        if conv.exact:
            self.multiplier = np.float32(2.0 ** rng.integers(-3, 3, conv.channels_out))
            self.multiplier *= rng.choice(signs, conv.channels_out)
            self.bias = np.float32(rng.integers(-64, 64, conv.channels_out) / 8)
        else:
            self.multiplier = rng.normal(0, 0.1, conv.channels_out).astype(np.float32)
            self.bias = rng.normal(0, 1, conv.channels_out).astype(np.float32)
        spread = int(np.sqrt(conv.depth)) + 1
        self.threshold = (
            conv.depth // 2 + rng.integers(-spread, spread, conv.channels_out)
        ).astype(np.int32)
        special = np.array([INT32_MIN, INT32_MAX, -1, 0, conv.depth], np.int32)
        places = rng.random(conv.channels_out) < 0.25
        self.threshold[places] = rng.choice(special, int(places.sum()))

    @cached_property
    def values(self) -> np.ndarray:
        """The convolution itself, in integers."""
        c = self.conv
        return oracle.convolve(
            self.x,
            self.weights,
            strides=c.strides,
            dilations=c.dilations,
            same=c.same,
            pad_values=c.pad_values,
            groups=c.groups,
        )

    def file(self, float_input: bool = False) -> bytes:
        """The model: packed words in (or floats, through LceQuantize), the conv's own output out.

        With `float_input` a packed output passes LceDequantize, so that both ends are float or
        int8.
        """
        c, graph = self.conv, Graph()
        words = (*self.x.shape[:3], -(-c.channels_in // 32))
        if float_input:
            x = graph.node("LceQuantize", [graph.input(self.x.shape)], graph.tensor(words, "int32"))
        else:
            x = graph.input(words, "int32")
        y = self.append_to(graph, x)
        if float_input and c.output == "packed":
            y = graph.node("LceDequantize", [y], graph.tensor(self.values.shape))
        return graph.file([y])

    def append_to(self, graph: Graph, x: int) -> int:
        """Adds the node to a graph, reading the packed tensor `x`; returns its output."""
        c, packed, shape = self.conv, self.conv.output == "packed", self.values.shape
        if packed:
            y = graph.tensor((*shape[:3], -(-c.channels_out // 32)), "int32")
        elif c.output == "int8":
            y = graph.tensor(shape, "int8", scale=OUT_SCALE, zero_point=OUT_ZERO)
        else:
            y = graph.tensor(shape)
        operands = [
            x,
            graph.constant(oracle.pack(self.weights)),
            graph.constant(None if packed else self.multiplier),
            graph.constant(None if packed else self.bias),
            graph.constant(self.threshold if packed else None),
        ]
        return graph.node("LceBconv2d", operands, y, c.options)

    def check(self, got: np.ndarray) -> None:
        """Asserts that the output is right; packed outputs word for word, spare bits included."""
        c = self.conv
        if c.output == "packed":
            signs = oracle.threshold_signs(self.values, self.threshold, c.depth)
            expected = oracle.pack(signs) if got.dtype == np.int32 else signs
            np.testing.assert_array_equal(got, expected, str(c))
            return
        real = oracle.real_output(self.values, self.multiplier, self.bias, c.activation)
        assert got.shape == real.shape, str(c)
        if c.output == "int8":
            real = np.clip(real / OUT_SCALE + OUT_ZERO, -128, 127)
            assert np.abs(got - real).max() <= 0.5 + 1e-3, str(
                c
            )  # round to nearest, ties either way
        elif c.exact:
            np.testing.assert_array_equal(got, real, str(c))
        # one rounding each for the folded bias, the product, the sum and the border correction
        else:
            scale = np.abs(self.multiplier * c.depth).max() + np.abs(self.bias).max()
            np.testing.assert_allclose(got, real, rtol=0, atol=4 * scale * 2.0**-23, err_msg=str(c))
