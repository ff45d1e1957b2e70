"""What a network is: a handful of numbers. Frozen, validated, free of TensorFlow.

Notation of the paper: base width ``w`` is ``filters``, growth rate ``g`` is ``growth_rate``,
columns ``C`` are ``columns``, blocks per stage ``n1..n4`` are ``blocks``. Stage ``i`` (from 0) of a
ResNet has ``filters * 2**i`` channels; every stage has half the resolution of the one before.
"""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol, get_args

from larq_igp.architectures.checks import (
    MOST_CHANNELS,
    MOST_LAST_CHANNELS,
    check_blocks,
    check_columns,
    check_size,
    is_count,
    require,
)
from larq_igp.architectures.transitions import filters_by_reduction

ResNetFamily = Literal["resnet", "bireal_resnet", "ebireal_resnet", "igp_resnet"]
DenseNetFamily = Literal["binary_densenet", "ebinary_densenet", "igp_densenet"]
FAMILIES: tuple[str, ...] = get_args(ResNetFamily) + get_args(DenseNetFamily)


class Spec(Protocol):
    """What the package needs of a network's parameters, a frozen dataclass. It also applies to
    families of users (``larq_igp.models.register``).
    """

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def family(self) -> str:
        """Name of the family."""

    @property
    def blocks(self) -> tuple[int, ...]:
        """Blocks of each stage."""

    @property
    def stem_filters(self) -> int:
        """Channels of the stem."""

    @property
    def depth(self) -> int:
        """Layers with weights on the longest path."""

    def stage_filters(self, stage: int) -> int:
        """Return the channels that enter a stage, counted from 0."""


def fractal_depth(columns: int) -> int:
    """Return the binary convolutions on the longest path of a fractal: ``2^(C-1)``."""
    return 2 ** (columns - 1)


def fractal_convolutions(columns: int) -> int:
    """Return the number of binary convolutions in a fractal of ``columns``: ``2^C - 1``."""
    return 2**columns - 1


@dataclass(frozen=True, kw_only=True)
class ResNetSpec:
    """A residual network: families 1 to 4 of the paper (Figure 2, left and middle columns).

    Attributes:
        family: ``resnet`` (one shortcut around a pair of layers), ``bireal_resnet`` (one around
            every layer), ``ebireal_resnet`` (both), or ``igp_resnet`` (a fractal of Bi-Real
            layers).
        filters: base width ``w``, the channels of the stem and of stage 1.
        blocks: blocks of each stage; a block is a pair of layers, and for ``igp_resnet`` a fractal.
        columns: columns ``C`` of the fractal; 1 for the other families.
        join: how two branches of a fractal meet, element-wise ``mean`` (as in FractalNet, arXiv
            1605.07648) or ``sum``.
        identity: where a fractal has shortcuts: around every one of its ``layers``, around the
            ``block`` alone, or ``nowhere``. The paper's text leaves it open.
        shortest_column: convolutions of a fractal's shortest column: 1, or 2 where the column of
            one convolution is left out.
    """

    family: ResNetFamily
    filters: int
    blocks: tuple[int, ...]
    columns: int = 1
    join: Literal["mean", "sum"] = "mean"
    identity: Literal["layers", "block", "nowhere"] = "layers"
    shortest_column: Literal[1, 2] = 1

    def __post_init__(self) -> None:
        """Check every field.

        Raises:
            SpecError: naming the field, the value got and the values allowed.
        """
        families = get_args(ResNetFamily)
        require(
            self.family in families,
            f"family must be one of {', '.join(families)}; got {self.family!r}.",
        )
        require(
            is_count(self.filters), f"filters must be a positive integer; got {self.filters!r}."
        )
        require(
            self.filters <= MOST_CHANNELS,
            f"filters must be at most {MOST_CHANNELS}; got {self.filters}.",
        )
        check_blocks(self.blocks)
        check_columns(self.columns, self.family, "igp_resnet")
        require(self.join in ("mean", "sum"), f"join must be mean or sum; got {self.join!r}.")
        self._check_ablation()
        check_size(self.blocks, self.block_convolutions)
        require(
            self.stage_filters(len(self.blocks) - 1) <= MOST_LAST_CHANNELS,
            f"filters are doubled in each stage, to at most {MOST_LAST_CHANNELS} in the last; got "
            f"{self.filters} and {len(self.blocks)} stages.",
        )

    def _check_ablation(self) -> None:
        places = ("layers", "block", "nowhere")
        require(
            self.identity in places,
            f"identity must be one of {', '.join(places)}; got {self.identity!r}.",
        )
        is_one_or_two = is_count(self.shortest_column) and self.shortest_column <= 2
        require(is_one_or_two, f"shortest_column must be 1 or 2; got {self.shortest_column!r}.")
        require(
            self.shortest_column <= fractal_depth(self.columns),
            "shortest_column = 2 leaves out the column of one convolution: it needs 2 columns.",
        )
        is_plain = (self.identity, self.shortest_column) == ("layers", 1)
        require(
            is_plain or self.family == "igp_resnet",
            f"identity and shortest_column are parameters of igp_resnet; {self.family} has none.",
        )

    @property
    def block_convolutions(self) -> int:
        """Binary convolutions of a block."""
        if self.family != "igp_resnet":
            return 2
        return fractal_convolutions(self.columns) - (self.shortest_column - 1)

    @property
    def depth(self) -> int:
        """Layers with weights on the longest path: stem, binary convolutions, dense.

        The transitions of ``igp_resnet`` stand on it too.
        """
        if self.family == "igp_resnet":
            transitions = len(self.blocks) - 1
            return 2 + transitions + sum(self.blocks) * fractal_depth(self.columns)
        return 2 + 2 * sum(self.blocks)

    @property
    def stem_filters(self) -> int:
        """Channels of the stem."""
        return self.filters

    def stage_filters(self, stage: int) -> int:
        """Return the channels of a stage, counted from 0."""
        return self.filters * 2**stage


@dataclass(frozen=True, kw_only=True)
class DenseNetSpec:
    """A densely connected network: families 5 to 7 of the paper (Figure 2, right column).

    Attributes:
        family: ``binary_densenet``, ``ebinary_densenet`` (every layer as two of half the growth),
            or ``igp_densenet``.
        growth_rate: channels ``g`` that a block appends.
        blocks: blocks of each stage.
        columns: columns ``C`` of the fractal of ``igp_densenet``; 1 for the other families.
        transition_filters: channels after each transition, one less than stages. Give these or
            ``reduction``; ``replace_parameters`` (``zoo.py``) computes them for requests without.
        reduction: rates from which ``filters_by_reduction`` computes ``transition_filters``.
        stem_filters: channels of the stem.
    """

    family: DenseNetFamily
    growth_rate: int
    blocks: tuple[int, ...]
    columns: int = 1
    transition_filters: tuple[int, ...] | None = None
    reduction: tuple[float, ...] | None = None
    stem_filters: int = 64

    def __post_init__(self) -> None:
        """Check every field, and compute ``transition_filters`` where ``reduction`` is given.

        Raises:
            SpecError: naming the field, the value got and the values allowed.
        """
        families = get_args(DenseNetFamily)
        require(
            self.family in families,
            f"family must be one of {', '.join(families)}; got {self.family!r}.",
        )
        require(
            is_count(self.growth_rate),
            f"growth_rate must be a positive integer; got {self.growth_rate!r}.",
        )
        require(
            is_count(self.stem_filters),
            f"stem_filters must be a positive integer; got {self.stem_filters!r}.",
        )
        is_halved = self.family == "ebinary_densenet"
        require(
            not (is_halved and self.growth_rate % 2),
            f"growth_rate of ebinary_densenet is halved: it must be even; got {self.growth_rate}.",
        )
        check_blocks(self.blocks)
        check_columns(self.columns, self.family, "igp_densenet")
        layers = 2 if is_halved else fractal_convolutions(self.columns)
        check_size(self.blocks, layers)
        for name in ("growth_rate", "stem_filters"):
            require(
                getattr(self, name) <= MOST_CHANNELS,
                f"{name} must be at most {MOST_CHANNELS}; got {getattr(self, name)}.",
            )
        given = (self.transition_filters is not None) + (self.reduction is not None)
        require(
            given == 1,
            "a DenseNet needs either transition_filters or reduction: one number for each "
            f"transition between stages; got {'both' if given else 'none'}.",
        )
        if self.reduction is not None:
            self._check_transitions("reduction", self.reduction)
            widths = filters_by_reduction(self.stem_filters, self.stage_growths, self.reduction)
            object.__setattr__(self, "transition_filters", widths)
            object.__setattr__(self, "reduction", None)
        self._check_transitions("transition_filters", self.transition_filters)
        are_counts = all(map(is_count, self.transition_filters or ()))
        require(
            are_counts,
            f"transition_filters must be positive integers; got {self.transition_filters!r}.",
        )
        widest = max((self.stem_filters, *(self.transition_filters or ())))
        require(
            widest <= MOST_LAST_CHANNELS,
            f"transition_filters must be at most {MOST_LAST_CHANNELS}; got {widest}.",
        )

    def _check_transitions(self, field: str, values: tuple | None) -> None:
        transitions = len(self.blocks) - 1
        is_valid = (
            isinstance(values, tuple)
            and len(values) == transitions
            and all(value >= 1 for value in values)
        )
        require(
            is_valid,
            f"{field} must be {transitions} numbers from 1 for {transitions + 1} stages; got "
            f"{values!r}.",
        )

    @property
    def depth(self) -> int:
        """Layers with weights on the longest path: stem, convolutions, transitions, dense."""
        layers = 2 if self.family == "ebinary_densenet" else fractal_depth(self.columns)
        return 2 + len(self.blocks) - 1 + sum(self.blocks) * layers

    def stage_growth(self, stage: int) -> int:
        """Return the channels that a stage, counted from 0, appends to what enters it."""
        return self.blocks[stage] * self.growth_rate

    @property
    def stage_growths(self) -> tuple[int, ...]:
        """Channels that each stage before a transition appends."""
        return tuple(map(self.stage_growth, range(len(self.blocks) - 1)))

    @property
    def transition_shares(self) -> tuple[float, ...]:
        """Share of the channels that each transition lets pass."""
        return tuple(
            filters / (self.stage_filters(stage) + growth)
            for stage, (filters, growth) in enumerate(
                zip(self.transition_filters or (), self.stage_growths, strict=True)
            )
        )

    def stage_filters(self, stage: int) -> int:
        """Return the channels that enter a stage, counted from 0."""
        return (self.transition_filters or ())[stage - 1] if stage else self.stem_filters


PaperSpec = ResNetSpec | DenseNetSpec
"""Of the seven families of the paper."""
