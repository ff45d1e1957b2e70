"""What a network may cost: budgets in the costs of another network."""

from collections.abc import Callable, Sequence

from larq_igp.architectures.accounting import Counts
from larq_igp.errors import UserError

COSTS: dict[str, Callable[[Counts], int]] = {
    "storage": lambda counts: counts.storage_bits,
    "flops": lambda counts: counts.flops,
    "memory": lambda counts: counts.runtime_memory_bytes,
}
"""Costs that are computed from a specification."""
LATENCY = "latency"
"""The cost that is measured."""
BUDGETS = (*COSTS, LATENCY)


class DesignError(UserError, ValueError):
    """No network of the family fits, or the budget cannot be measured."""


def check_budgets(budgets: Sequence[str], *, can_measure: bool) -> None:
    """Refuse budgets that do not exist or cannot be measured.

    Raises:
        DesignError: saying which there are, or what is missing.
    """
    if not budgets or set(budgets) - set(BUDGETS):
        raise DesignError(f"budgets are {', '.join(BUDGETS)}; got {', '.join(budgets) or 'none'}.")
    if LATENCY in budgets and not can_measure:
        raise DesignError(
            "the budget latency needs something that measures it: an engine for .tflite files."
        )


def is_within(counts: Counts, limits: Counts, budgets: Sequence[str]) -> bool:
    """Tell whether the computed costs among ``budgets`` are at most those of ``limits``."""
    computed = [COSTS[name] for name in budgets if name in COSTS]
    return all(cost(counts) <= cost(limits) for cost in computed)
