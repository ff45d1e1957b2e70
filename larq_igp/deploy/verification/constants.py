"""Compare what follows the sums of a binary convolution, for every sum that may occur."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from larq_igp.deploy.verification.binary_operator import BinaryOperator
from larq_igp.deploy.verification.fault import Fault, some
from larq_igp.deploy.verification.rounding import Terms

Step = tuple[int, np.ndarray, Terms]


@dataclass
class Comparison:
    """How one result of Keras differs from what an operator writes.

    Attributes:
        channels: whether each channel differs for any sum so far, ``(O,)``.
        example: a sum for which they differ, the file's result and Keras' result.
    """

    channels: np.ndarray
    example: tuple[int, float, float] | None = None


def require_same_function(
    what: str,
    operator: BinaryOperator,
    steps_after: Callable[[np.ndarray], Iterable[Step]],
    shape: Sequence[int],
) -> int:
    """Return the first result of Keras that is the same function of the sums as an operator's
    output.

    Args:
        what: the layer and the operator, for messages.
        operator: the operator of the file.
        steps_after: runs sums ``(N, H, W, O)`` through the layers that follow, and yields number,
            value and terms of each result.
        shape: height and width of the maps.

    Raises:
        Fault: if there is none; it names channels and the nearest result.
    """
    compared: dict[int, Comparison] = {}
    for sums in operator.possible_sums(shape):
        for number, value, terms in steps_after(sums):
            comparison = compared.setdefault(number, Comparison(np.zeros(sums.shape[-1], bool)))
            _compare(comparison, operator, sums, value, terms)
    number, nearest = min(compared.items(), key=lambda item: item[1].channels.sum())
    if nearest.example is None:
        return number
    total, found, wanted = nearest.example
    gives = ("-1" if found else "+1") if operator.writes_signs else f"{found:.7g}"
    raise Fault(
        f"{what}: channels {some(np.flatnonzero(nearest.channels))} differ in what follows the "
        f"popcount, for example for a sum of {total}: the file gives {gives}, Keras {wanted:.7g}."
    )


def _compare(
    comparison: Comparison,
    operator: BinaryOperator,
    sums: np.ndarray,
    value: np.ndarray,
    terms: Terms,
) -> None:
    """Continue a comparison with more sums."""
    if operator.writes_signs:
        found = operator.signs(sums)
        differs = (found != (value < 0)) & ~terms.may_be_zero(value)
    else:
        found = operator.floats(sums)
        differs = ~terms.agree(found, value)
    if differs.any():
        comparison.channels |= differs.any(axis=(0, 1, 2))
        place = np.unravel_index(np.argmax(differs), differs.shape)
        comparison.example = int(sums[place]), float(found[place]), float(value[place])
