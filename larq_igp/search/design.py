"""Find networks within the budget of a named one: base width or growth rate, and blocks, of another
family.

Costs are closed forms, so whole ranges of widths are looked at; only latency is measured, by
bisection. Gradient paths are those of the first block, built and measured.
"""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from larq_igp.architectures import ZOO, DenseNetSpec, ResNetSpec, Spec, get_spec
from larq_igp.architectures.accounting import Counts, binary_conv_shapes, closed_form
from larq_igp.architectures.spec import FAMILIES, SpecError
from larq_igp.errors import UserError

COSTS: dict[str, Callable[[Counts], int]] = {
    "storage": lambda counts: counts.storage_bits,
    "flops": lambda counts: counts.flops,
    "memory": lambda counts: counts.runtime_memory_bytes,
}
BUDGETS = (*COSTS, "latency")
WORD_CHANNELS = 32
"""Channels in a word of Larq Compute Engine; channels short of a word cost as much as a full one.
"""
TILE_WORDS, TILE_FILTERS, TILE_PIXELS = 4, 8, 4
"""What its aarch64 kernel fills up: 128 bits of depth, 8 output channels, 4 pixels."""
LARGEST_WIDTH = 1024
DENSE_RATES = {3: (2.7, 2.7, 2.2)}
"""Reduction rates published with BinaryDenseNet28 (arXiv 1906.08637); other numbers of transitions
halve the channels.
"""

Measure = Callable[[Spec], float]


class DesignError(UserError, ValueError):
    """No network of the family fits, or the budget cannot be measured."""


@dataclass(frozen=True)
class Candidate:
    """A network within a budget.

    Attributes:
        network: name in the registry from which it is told.
        parameters: that are replaced.
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
    spec: Spec
    counts: Counts
    unfilled_words: float
    unfilled_tiles: float
    latency_ms: float | None = None
    block_paths: tuple[int, ...] = ()
    input_shape: tuple[int, int, int] = (224, 224, 3)

    @property
    def title(self) -> str:
        """Name in the manner of the paper: family, depth, width."""
        return title_of(self.spec)

    @property
    def arguments(self) -> str:
        """What follows ``larq-igp train`` or ``larq-igp summary``."""
        options = [
            f"--{key.replace('_', '-')} {_text(value)}" for key, value in self.parameters.items()
        ]
        return " ".join([self.network, *options])


def _text(value: Any) -> str:
    return (",".join(map(str, value)) or "''") if isinstance(value, tuple) else str(value)


def width_of(spec: Spec) -> int:
    """Return base width or growth rate."""
    return spec.filters if isinstance(spec, ResNetSpec) else spec.growth_rate


def title_of(spec: Spec) -> str:
    """Return a name in the manner of the paper: family, depth, width."""
    return f"{spec.family}{spec.depth}_{width_of(spec)}"


def unfilled(spec: Spec, input_shape: tuple[int, int, int]) -> tuple[float, float]:
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


def _block_choices(
    family: str, like: Spec, blocks: tuple[int, ...] | None, columns: int
) -> list[tuple[int, ...]]:
    if blocks:
        return [blocks]
    stages = len(like.blocks)
    choices = [like.blocks, (1,) * stages, (2,) * stages]
    if columns > 1:
        choices.append(tuple(max(1, -(-n // 2)) for n in like.blocks))
    if family.endswith("densenet") and isinstance(like, ResNetSpec):
        choices = [
            tuple(6 // columns for _ in like.blocks),
            tuple(12 // columns for _ in like.blocks),
        ]
    return list(dict.fromkeys(choices))


def _make(family: str, width: int, blocks: tuple[int, ...], columns: int, like: Spec) -> Spec:
    if not family.endswith("densenet"):
        return ResNetSpec(family=family, filters=width, blocks=blocks, columns=columns)
    stem = like.stem_filters if isinstance(like, DenseNetSpec) else 64
    transitions = len(blocks) - 1
    if isinstance(like, DenseNetSpec) and len(like.blocks) == len(blocks):
        rates = [
            (like.stage_filters(i) + like.stage_growth(i)) / like.stage_filters(i + 1)
            for i in range(transitions)
        ]
    else:
        rates = DENSE_RATES.get(transitions, (2.0,) * transitions)
    filters, widths = stem, []
    for stage, rate in enumerate(rates):
        filters = max(1, round((filters + blocks[stage] * width) / rate))
        widths.append(filters)
    fields = {"growth_rate": width, "blocks": blocks, "columns": columns, "stem_filters": stem}
    return DenseNetSpec(family=family, transition_filters=tuple(widths), **fields)


def name_of(spec: Spec) -> tuple[str, dict[str, Any]]:
    """Return a name of the registry and the parameters that turn it into ``spec``."""
    if spec in ZOO.values():
        return next(name for name, row in ZOO.items() if row == spec), {}
    name = next(
        name
        for name, row in ZOO.items()
        if row.family == spec.family and not name.endswith("_tiny")
    )
    fields = [field.name for field in dataclasses.fields(spec) if field.name != "reduction"]
    parameters = {
        field: getattr(spec, field)
        for field in fields
        if getattr(spec, field) != getattr(ZOO[name], field)
    }
    return name, parameters


def block_paths(spec: Spec, input_shape: tuple[int, int, int]) -> tuple[int, ...]:
    """Return the three smallest distinct gradient path costs of the first block (DenseNets without
    columns: the first two).
    """
    import larq_igp
    from larq_igp.analysis.blocks import find_blocks
    from larq_igp.analysis.paths import gradient_paths
    from larq_igp.graph import read_graph

    is_plain_dense = isinstance(spec, DenseNetSpec) and spec.columns == 1
    blocks = (min(spec.blocks[0], 1 + is_plain_dense),)
    first = (
        {"blocks": blocks, "transition_filters": ()}
        if isinstance(spec, DenseNetSpec)
        else {"blocks": blocks}
    )
    graph = read_graph(larq_igp.build(dataclasses.replace(spec, **first), input_shape=input_shape))
    found = find_blocks(graph)
    return gradient_paths(graph, found[0].source, found[-1].target).costs


def _candidate(
    spec: Spec, input_shape: tuple[int, int, int], num_classes: int, measure: Measure | None
) -> Candidate:
    counts = closed_form(spec, input_shape=input_shape, num_classes=num_classes)
    latency = measure(spec) if measure else None
    return Candidate(
        *name_of(spec),
        spec,
        counts,
        *unfilled(spec, input_shape),
        latency,
        block_paths(spec, input_shape),
        input_shape,
    )


def design(
    like: str,
    family: str,
    *,
    columns: int = 1,
    blocks: tuple[int, ...] | None = None,
    budgets: Sequence[str] = ("storage",),
    align: int | None = None,
    input_shape: tuple[int, int, int] = (224, 224, 3),
    num_classes: int = 1000,
    measure: Measure | None = None,
) -> tuple[Candidate, list[Candidate]]:
    """Find the widest networks of a family that cost no more than a named network.

    Args:
        like: name of the network whose costs are the budget.
        family: of the networks looked for.
        columns: of a fractal family.
        blocks: of each stage; None tries several.
        budgets: costs that may not exceed those of ``like``: ``storage``, ``flops``, ``memory``,
            ``latency``.
        align: widths that are no multiple of this are looked at too, but each choice of blocks also
            gets its widest multiple.
        input_shape: ``(H, W, C)``.
        num_classes: width of the classifier.
        measure: gives the latency of a network in milliseconds; needed for the budget ``latency``.

    Returns:
        the model itself, and the candidates, the widest for each choice of blocks, shortest
        gradient path first.

    Raises:
        UnknownNetworkError: if ``like`` does not exist.
        DesignError: if nothing fits, or an argument is not allowed.
    """
    if family not in FAMILIES:
        raise DesignError(f"family must be one of {', '.join(FAMILIES)}; got {family!r}.")
    if not budgets or set(budgets) - set(BUDGETS):
        raise DesignError(f"budgets are {', '.join(BUDGETS)}; got {', '.join(budgets) or 'none'}.")
    if "latency" in budgets and measure is None:
        raise DesignError(
            "the budget latency needs something that measures it: an engine for .tflite files."
        )
    if align is not None and align < 1:
        raise DesignError(f"align must be a positive integer; got {align}.")
    model = get_spec(like)
    reference = _candidate(
        model, input_shape, num_classes, measure if "latency" in budgets else None
    )

    def fits(spec: Spec) -> bool:
        counts = closed_form(spec, input_shape=input_shape, num_classes=num_classes)
        return all(
            COSTS[name](counts) <= COSTS[name](reference.counts)
            for name in budgets
            if name in COSTS
        )

    specs: list[Spec] = []
    for choice in _block_choices(family, model, blocks, columns):
        for unit in dict.fromkeys((1, align or 1)):
            within = _within(
                lambda w, choice=choice: _make(family, w, choice, columns, model), unit, fits
            )
            if "latency" in budgets:
                within = _fast_enough(within, measure, reference)
            specs += within[-1:]
    if not specs:
        raise DesignError(
            f"no {family} of these blocks and columns fits into the {' and '.join(budgets)} of "
            f"{like}."
        )
    found = [
        _candidate(spec, input_shape, num_classes, measure if "latency" in budgets else None)
        for spec in dict.fromkeys(specs)
    ]
    return reference, sorted(found, key=lambda each: each.block_paths)


def _within(make: Callable[[int], Spec], unit: int, fits: Callable[[Spec], bool]) -> list[Spec]:
    """Return the networks within the budgets, narrow to wide.

    Costs grow with the width, up to the rounding of transitions.
    """
    found, refusal = [], None
    for width in range(unit, LARGEST_WIDTH + 1, unit):
        try:
            spec = make(width)
        except SpecError as error:  # a growth that its family cannot halve
            refusal = error
            continue
        if fits(spec):
            found.append(spec)
        elif (len(found) and width > width_of(found[-1]) + 4 * unit) or (not found and width > 64):
            break
    if not found and refusal and not any(_is_allowed(make, width) for width in (unit, 2 * unit)):
        raise DesignError(str(refusal)) from refusal
    return found


def _is_allowed(make: Callable[[int], Spec], width: int) -> bool:
    try:
        make(width)
    except SpecError:
        return False
    return True


def _fast_enough(specs: list[Spec], measure: Measure, reference: Candidate) -> list[Spec]:
    """Return the networks up to the widest that is measured within the latency of the reference.

    The search starts where the binary operations are as many, goes up or down by a third of the
    width until it is passed, and
    halves what is left: few networks are measured, and none that is far too wide. Latency is taken
    to grow with the width.
    """
    macs = [
        sum(conv.macs for conv in binary_conv_shapes(spec, input_shape=reference.input_shape))
        for spec in specs
    ]
    low, high = -1, len(specs)  # low is fast enough, high is not
    probe = min(
        range(len(specs)), key=lambda i: abs(macs[i] - reference.counts.binary_macs), default=0
    )
    while high - low > 1:
        if measure(specs[probe]) <= reference.latency_ms:
            low, further = probe, probe + max(1, probe // 3)
        else:
            high, further = probe, probe - max(1, probe // 3)
        is_bracketed = low >= 0 and high < len(specs)
        probe = (low + high) // 2 if is_bracketed or not low < further < high else further
    return specs[: low + 1]
