"""The paper's accounting in closed form: integers computed from the parameters of a network.

``larq_igp.analysis`` counts the same from a built Keras graph; the two must agree. Units and
conventions: docs/conventions.md.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, get_args

from larq_igp.architectures.options import check_input_shape, choose_stem
from larq_igp.architectures.spec import (
    DenseNetFamily,
    DenseNetSpec,
    ResNetFamily,
    ResNetSpec,
    Spec,
    fractal_convolutions,
)

BINARY_MACS_PER_FLOP = 64
"""Binary multiply-accumulates that count as one FLOP, as a 64-bit word holds 64 of them (paper,
Table 3).
"""
MEMORY_BATCH = 64
"""Images in the batch for which the paper states run-time memory."""
FLOAT32_BYTES = 4


@dataclass(frozen=True)
class Counts:
    """What a network costs, in base units.

    Attributes:
        parameters: all weights, biases and BatchNorm statistics included, as Keras counts them.
        kernel_weights: weights of convolution and dense kernels by their width in bits.
        macs: multiply-accumulates by the width in bits of their wider operand, for one image.
        runtime_memory_bytes: feature maps that live together in stage 1, at float32 and batch 64;
            0 for a network that is of none of the paper's families.
    """

    parameters: int
    kernel_weights: Counter = field(default_factory=Counter)
    macs: Counter = field(default_factory=Counter)
    runtime_memory_bytes: int = 0

    @property
    def storage_bits(self) -> int:
        """Bits of all kernels at their width; no BatchNorm, no biases."""
        return sum(bits * weights for bits, weights in self.kernel_weights.items())

    @property
    def binary_macs(self) -> int:
        """Multiply-accumulates with both operands 1-bit."""
        return self.macs[1]

    @property
    def float_macs(self) -> int:
        """Multiply-accumulates in full precision."""
        return self.macs[32]

    @property
    def flops(self) -> int:
        """Full-precision multiply-adds plus binary ones / 64, rounded down.

        A ``b``-bit multiply-add is ``b * b`` binary ones; for 2 bits the paper states nothing, and
        this is ours (as in DoReFa).
        """
        binary = sum(macs * bits * bits for bits, macs in self.macs.items() if bits < 32)
        return self.float_macs + binary // BINARY_MACS_PER_FLOP


class Ledger:
    """Adds up layers, each stated by its shapes.

    Args:
        bits: width of the binary convolutions.
    """

    def __init__(self, bits: int):
        self.bits, self.parameters = bits, 0
        self.kernel_weights: Counter[int] = Counter()
        self.macs: Counter[int] = Counter()

    def conv(
        self, side: int, cin: int, cout: int, pixels: int, *, bits: int = 32, times: int = 1
    ) -> None:
        """Add convolutions in full precision, ``side * side * cin * cout`` weights each.

        Args:
            side: of the kernel.
            cin: channels in.
            cout: channels out.
            pixels: places of the output.
            bits: width of the weights.
            times: how many such convolutions.
        """
        weights = side * side * cin * cout * times
        self.parameters += weights
        self.kernel_weights[bits] += weights
        self.macs[bits] += weights * pixels

    def binary_conv(self, cin: int, cout: int, pixels: int, times: int = 1) -> None:
        """Add 3x3 convolutions at the network's width, as ``conv``."""
        self.conv(3, cin, cout, pixels, bits=self.bits, times=times)

    def norm(self, channels: int, times: int = 1) -> None:
        """Add batch normalisations: gamma, beta, moving mean and variance."""
        self.parameters += 4 * channels * times

    def dense(self, cin: int, cout: int) -> None:
        """Add a dense layer with its bias."""
        self.conv(1, cin, cout, 1)
        self.parameters += cout


def halved(side: int, times: int = 1) -> int:
    """Return a side in pixels after ``times`` halvings, rounded up as ``same`` padding does."""
    for _ in range(times):
        side = -(-side // 2)
    return side


def closed_form(
    spec: Spec,
    *,
    input_shape: tuple[int, int, int] = (224, 224, 3),
    num_classes: int = 1000,
    bits: int = 1,
    stem: str = "auto",
    include_top: bool = True,
) -> Counts:
    """Count a network from its parameters.

    Args:
        spec: the network.
        input_shape: ``(H, W, C)``.
        num_classes: width of the classifier.
        bits: width of the convolutions between stem and head.
        stem: ``auto``, ``imagenet``, ``small`` or ``strided``, as for ``larq_igp.build``.
        include_top: whether the classifier is counted.

    Raises:
        SpecError: if a value is not allowed.
    """
    height, width, channels = check_input_shape(input_shape)
    ledger = Ledger(bits)
    kind = choose_stem(stem, height, width)
    if kind == "imagenet":
        height, width = halved(height), halved(width)
        ledger.conv(7, channels, spec.stem_filters, height * width)
        height, width = halved(height), halved(width)
    else:
        if kind == "strided":
            height, width = halved(height), halved(width)
        ledger.conv(3, channels, spec.stem_filters, height * width)
    ledger.norm(spec.stem_filters)
    pixels = [halved(height, stage) * halved(width, stage) for stage in range(len(spec.blocks))]
    features = COUNTS[spec.family](ledger, spec, pixels)
    if include_top:
        ledger.dense(features, num_classes)
    map_bytes = pixels[0] * FLOAT32_BYTES * MEMORY_BATCH
    memory = map_bytes * stage1_channels(spec)
    return Counts(ledger.parameters, ledger.kernel_weights, ledger.macs, memory)


def _count_resnet(ledger: Ledger, spec: ResNetSpec, pixels: list[int]) -> int:
    is_fractal = spec.family == "igp_resnet"
    for stage, blocks in enumerate(spec.blocks):
        filters = spec.stage_filters(stage)
        layers = blocks * spec.block_convolutions
        if stage:
            ledger.conv(1, filters // 2, filters, pixels[stage])
            ledger.norm(filters)
            if not is_fractal:  # the first layer of the stage widens
                ledger.binary_conv(filters // 2, filters, pixels[stage])
                ledger.norm(filters)
                layers -= 1
        ledger.binary_conv(filters, filters, pixels[stage], times=layers)
        ledger.norm(filters, times=layers)
    return filters


def _count_densenet(ledger: Ledger, spec: DenseNetSpec, pixels: list[int]) -> int:
    growth = spec.growth_rate // 2 if spec.family == "ebinary_densenet" else spec.growth_rate
    wide = spec.columns  # convolutions of a fractal that read the block's input
    narrow = fractal_convolutions(spec.columns) - wide
    last = len(spec.blocks) - 1
    for stage in range(last + 1):
        filters = spec.stage_filters(stage)
        widened = filters + spec.stage_growth(stage)
        for cin in range(filters, widened, growth):
            ledger.norm(cin, times=wide)
            ledger.binary_conv(cin, growth, pixels[stage], times=wide)
            ledger.norm(growth, times=narrow)
            ledger.binary_conv(growth, growth, pixels[stage], times=narrow)
        ledger.norm(widened)  # of the transition, and after the last stage of the head
        if stage < last:
            ledger.conv(1, widened, spec.stage_filters(stage + 1), pixels[stage + 1])
    return widened


Count = Callable[[Ledger, Any, list[int]], int]
"""Adds what lies between stem and head to a ledger, for a specification and the pixels of each
stage's maps, and returns the channels that reach the head.
"""
COUNTS: dict[str, Count] = {
    **dict.fromkeys(get_args(ResNetFamily), _count_resnet),
    **dict.fromkeys(get_args(DenseNetFamily), _count_densenet),
}
"""The function of each family; ``larq_igp.models.register`` adds those of users."""


def stage1_channels(spec: Spec) -> int:
    """Return the channels of the feature maps that live together in stage 1, by the paper's model
    of run-time memory.

    Bi-Real 3 maps of ``w`` channels, IGP-ResNet ``C + 1``, DenseNets the concatenated
    ``64 + growth * layers``. The paper prints none for binary ResNet and EBi-Real; 3 maps, and 4
    (EBi-Real also holds the pair's input), are ours. For other families there is no model: 0.
    """
    if isinstance(spec, DenseNetSpec):
        return spec.stem_filters + spec.stage_growth(0)
    if not isinstance(spec, ResNetSpec):
        return 0
    maps = {"resnet": 3, "bireal_resnet": 3, "ebireal_resnet": 4, "igp_resnet": spec.columns + 1}[
        spec.family
    ]
    return (maps - (spec.shortest_column - 1)) * spec.filters


@dataclass(frozen=True)
class ConvolutionShape:
    """A 3x3 binary convolution, or several alike: channels in and out, output places, how many."""

    cin: int
    cout: int
    pixels: int
    times: int = 1

    @property
    def macs(self) -> int:
        """Binary multiply-accumulates of all of them, for one image."""
        return 9 * self.cin * self.cout * self.pixels * self.times


class _Recorder(Ledger):
    """A ledger that also keeps the binary convolutions one by one."""

    def __init__(self):
        super().__init__(1)
        self.convolutions: list[ConvolutionShape] = []

    def binary_conv(self, cin: int, cout: int, pixels: int, times: int = 1) -> None:
        super().binary_conv(cin, cout, pixels, times)
        self.convolutions.append(ConvolutionShape(cin, cout, pixels, times))


def binary_conv_shapes(
    spec: Spec, *, input_shape: tuple[int, int, int] = (224, 224, 3), stem: str = "auto"
) -> list[ConvolutionShape]:
    """Return the shapes of the binary convolutions of a network; arguments and errors are those of
    ``closed_form``.
    """
    height, width, _ = check_input_shape(input_shape)
    shrink = {"imagenet": 2, "strided": 1, "small": 0}[choose_stem(stem, height, width)]
    stages = range(len(spec.blocks))
    pixels = [halved(height, shrink + stage) * halved(width, shrink + stage) for stage in stages]
    recorder = _Recorder()
    COUNTS[spec.family](recorder, spec, pixels)
    return [each for each in recorder.convolutions if each.times]
