"""A network that fits a budget: its costs, its gradient paths, and how to train it."""

import dataclasses
import shlex
from dataclasses import dataclass
from typing import Any

from larq_igp.architectures import ZOO, DenseNetSpec, get_spec
from larq_igp.architectures.accounting import Counts, binary_conv_shapes, closed_form
from larq_igp.architectures.spec import PaperSpec, Spec
from larq_igp.architectures.transitions import WIDTHS
from larq_igp.architectures.zoo import network_text, option_words
from larq_igp.search.widths import base_name

WORD_CHANNELS = 32
"""Channels in a word of Larq Compute Engine; channels short of a word cost as much as a full one.
"""
TILE_WORDS, TILE_FILTERS, TILE_PIXELS = 4, 8, 4
"""What its aarch64 kernel fills up: 128 bits of depth, 8 output channels, 4 pixels."""


@dataclass(frozen=True)
class Candidate:
    """A network within a budget.

    Attributes:
        network: name in the registry that it is derived from.
        parameters: parameters that are replaced.
        spec: the network.
        counts: its costs.
        unfilled_words: share of the channel places in 32-bit words, weighted by use, that hold no
            channel.
        unfilled_tiles: share of the work of Larq Compute Engine's aarch64 kernel that is spent on
            filling up words, filters and pixels.
        latency_ms: measured, where latency is a budget.
        block_paths: smallest distinct costs of the first block's gradient paths.
        input_shape: ``(H, W, C)`` that all of this holds for.
    """

    network: str
    parameters: dict[str, Any]
    spec: PaperSpec
    counts: Counts
    unfilled_words: float
    unfilled_tiles: float
    latency_ms: float | None = None
    block_paths: tuple[int, ...] = ()
    input_shape: tuple[int, int, int] = (224, 224, 3)

    @property
    def title(self) -> str:
        """The network's name, with what is replaced."""
        return network_text(self.network, self.parameters)

    @property
    def words(self) -> list[str]:
        """The network and its options, after ``larq-igp train`` or ``larq-igp summary``."""
        return [self.network, *option_words(self.parameters)]

    @property
    def arguments(self) -> str:
        """The same as a part of a line for a shell."""
        return shlex.join(self.words)


def describe(
    spec: PaperSpec,
    *,
    input_shape: tuple[int, int, int],
    num_classes: int,
    latency_ms: float | None = None,
) -> Candidate:
    """Return a network with its costs and the gradient paths of its first block."""
    network, parameters = name_of(spec)
    unfilled_words, unfilled_tiles = unfilled(spec, input_shape)
    return Candidate(
        network=network,
        parameters=parameters,
        spec=spec,
        counts=closed_form(spec, input_shape=input_shape, num_classes=num_classes),
        unfilled_words=unfilled_words,
        unfilled_tiles=unfilled_tiles,
        latency_ms=latency_ms,
        block_paths=block_paths(spec, input_shape),
        input_shape=input_shape,
    )


def name_of(spec: PaperSpec) -> tuple[str, dict[str, Any]]:
    """Return a name of the registry and the parameters that turn it into ``spec``."""
    if spec in ZOO.values():
        return next(name for name, row in ZOO.items() if row == spec), {}
    name = base_name(spec.family, spec.blocks, spec.columns)
    changed = {
        field.name: getattr(spec, field.name)
        for field in dataclasses.fields(spec)
        if getattr(spec, field.name) != getattr(ZOO[name], field.name)
    }
    numbers = {field: value for field, value in changed.items() if field not in WIDTHS}
    return (name, numbers) if get_spec(name, **numbers) == spec else (name, changed)


def unfilled(spec: PaperSpec, input_shape: tuple[int, int, int]) -> tuple[float, float]:
    """Return the shares of a network's binary work that fill up words, and that fill up the aarch64
    kernel's tiles.
    """

    def up(value: int, unit: int) -> int:
        return -(-value // unit) * unit

    used = in_words = in_tiles = 0
    for conv in binary_conv_shapes(spec, input_shape=input_shape):
        words = 9 * up(conv.cin, WORD_CHANNELS) // WORD_CHANNELS
        used += conv.macs
        in_words += words * WORD_CHANNELS * conv.cout * conv.pixels * conv.times
        depth = up(words, TILE_WORDS) * WORD_CHANNELS
        in_tiles += depth * up(conv.cout, TILE_FILTERS) * up(conv.pixels, TILE_PIXELS) * conv.times
    return 1 - used / in_words, 1 - used / in_tiles


def block_paths(
    spec: Spec, input_shape: tuple[int, int, int], *, stem: str = "auto"
) -> tuple[int, ...]:
    """Return the three smallest distinct gradient path costs of the first block (``first_block``),
    from the graph of its stage alone, which is sooner built.
    """
    from larq_igp.analysis.blocks import first_block
    from larq_igp.analysis.paths import gradient_paths
    from larq_igp.graph import read_graph
    from larq_igp.models import build

    alone: dict[str, Any] = {"blocks": (min(spec.blocks[0], 2),)}
    if isinstance(spec, DenseNetSpec):
        alone["transition_filters"] = ()
    one_stage = dataclasses.replace(spec, **alone)
    graph = read_graph(build(one_stage, input_shape=input_shape, stem=stem))
    block = first_block(graph, one_stage)
    return gradient_paths(graph, block.source, block.target).costs
