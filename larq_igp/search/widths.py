"""Which networks are looked at: choices of blocks, and all widths of each."""

from collections.abc import Callable
from typing import Any

from larq_igp.architectures import ZOO, ResNetSpec, Spec, get_spec
from larq_igp.architectures.checks import SpecError
from larq_igp.architectures.spec import DenseNetSpec, PaperSpec
from larq_igp.search.budget import DesignError

WIDEST = 1024
PATIENCE = 8
"""Widths in a row that are too expensive, after which none is cheaper: widths of transitions are
rounded.
"""

WidthToSpec = Callable[[int], PaperSpec]


def paper_spec(like: str | Spec, **parameters: Any) -> PaperSpec:
    """Return a specification, or that of a name as ``get_spec`` does.

    Raises:
        DesignError: if its family is not the paper's, so that its widths are not known.
    """
    spec = get_spec(like, **parameters) if isinstance(like, str) else like
    if not isinstance(spec, ResNetSpec | DenseNetSpec):
        raise DesignError(
            f"the family of the network is {spec.family}; design knows only the paper's families."
        )
    return spec


def width_of(spec: PaperSpec) -> int:
    """Return the base width or the growth rate."""
    return spec.filters if isinstance(spec, ResNetSpec) else spec.growth_rate


def base_name(family: str, blocks: tuple[int, ...], columns: int) -> str:
    """Return the nearest named network of a family: with these blocks, else with as many stages;
    then with these columns; else the first.
    """

    def nearness(name: str) -> tuple[bool, bool, bool]:
        row = ZOO[name]
        is_near = (row.blocks == blocks, len(row.blocks) == len(blocks))
        return (*is_near, isinstance(row, PaperSpec) and row.columns == columns)

    return max((name for name, row in ZOO.items() if row.family == family), key=nearness)


def block_choices(family: str, like: PaperSpec, columns: int) -> list[tuple[int, ...]]:
    """Return the blocks of each stage that are tried for networks of about the size of ``like``."""
    stages = len(like.blocks)
    if family.endswith("densenet") and isinstance(like, ResNetSpec):
        few, many = (max(1, layers // columns) for layers in (6, 12))
        return list(dict.fromkeys([(few,) * stages, (many,) * stages]))
    choices = [like.blocks, (1,) * stages, (2,) * stages]
    if columns > 1:
        choices.append(tuple(max(1, -(-blocks // 2)) for blocks in like.blocks))
    return list(dict.fromkeys(choices))


def network_of(
    family: str, width: int, *, blocks: tuple[int, ...], columns: int, like: PaperSpec
) -> PaperSpec:
    """Return the network of a family with this width; DenseNets take the stem of ``like``.

    Raises:
        SpecError: if the family has no network of these numbers.
    """
    base, numbers = base_name(family, blocks, columns), {"blocks": blocks, "columns": columns}
    if not family.endswith("densenet"):
        return paper_spec(base, filters=width, **numbers)
    stem = 64 if isinstance(like, ResNetSpec) else like.stem_filters
    return paper_spec(base, growth_rate=width, stem_filters=stem, **numbers)


def widths_within(
    network: WidthToSpec, fits: Callable[[PaperSpec], bool], *, multiple: int
) -> list[PaperSpec]:
    """Return the networks that fit, narrow to wide.

    Args:
        network: returns the network of a width.
        fits: tells whether it is within the budgets; costs grow with the width.
        multiple: only widths that are a multiple of this are tried.

    Raises:
        DesignError: if the family has no network of any width.
    """
    found: list[PaperSpec] = []
    refusal, misses = None, 0
    for width in range(multiple, WIDEST + 1, multiple):
        try:
            spec = network(width)
        except SpecError as error:  # a growth rate that its family cannot halve
            refusal = error
            continue
        if fits(spec):
            found, misses = [*found, spec], 0
        else:
            misses += 1
        if misses == PATIENCE:
            break
    if not found and refusal and not any(_exists(network, n * multiple) for n in (1, 2)):
        raise DesignError(str(refusal)) from refusal
    return found


def _exists(network: WidthToSpec, width: int) -> bool:
    try:
        network(width)
    except SpecError:
        return False
    return True
