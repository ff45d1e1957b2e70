"""Find networks within the budget of another: base width or growth rate, and blocks, of another
family.

Costs are closed forms, so whole ranges of widths are looked at; only latency is measured, by
bisection. Gradient paths are those of the first block, built and measured.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

from larq_igp.architectures.accounting import closed_form
from larq_igp.architectures.spec import FAMILIES, PaperSpec, Spec
from larq_igp.search.budget import LATENCY, DesignError, check_budgets, is_within
from larq_igp.search.candidates import Candidate, describe
from larq_igp.search.latency import Measure, fast_enough
from larq_igp.search.widths import block_choices, network_of, paper_spec, widths_within


def design(
    like: str | Spec,
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
    """Find the widest networks of a family that cost no more than another network.

    Args:
        like: the network whose costs are the budget, or its name.
        family: of the networks looked for.
        columns: of a fractal family.
        blocks: of each stage; None tries several.
        budgets: costs that may not exceed those of ``like``: ``storage``, ``flops``, ``memory``,
            ``latency``.
        align: also looks for the widest multiple of this, for each choice of blocks.
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
    check_budgets(budgets, can_measure=measure is not None)
    if align is not None and align < 1:
        raise DesignError(f"align must be a positive integer; got {align}.")
    shape: dict[str, Any] = {"input_shape": input_shape, "num_classes": num_classes}
    timed = measure if LATENCY in budgets else None

    def candidate(spec: PaperSpec) -> Candidate:
        return describe(spec, **shape, latency_ms=timed(spec) if timed else None)

    def fits(spec: PaperSpec) -> bool:
        return is_within(closed_form(spec, **shape), reference.counts, budgets)

    model = paper_spec(like)
    reference = candidate(model)
    widest: list[PaperSpec] = []
    for choice in [blocks] if blocks else block_choices(family, model, columns):
        network = partial(network_of, family, blocks=choice, columns=columns, like=model)
        for multiple in dict.fromkeys((1, align or 1)):
            within = widths_within(network, fits, multiple=multiple)
            if timed and reference.latency_ms is not None:
                within = fast_enough(
                    within,
                    timed,
                    limit_ms=reference.latency_ms,
                    binary_macs=reference.counts.binary_macs,
                    input_shape=input_shape,
                )
            widest += within[-1:]
    if not widest:
        raise DesignError(
            f"no {family} of these blocks and columns fits into the {' and '.join(budgets)} of "
            f"{reference.title}."
        )
    found = map(candidate, dict.fromkeys(widest))
    return reference, sorted(found, key=lambda each: each.block_paths)
