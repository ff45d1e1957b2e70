"""Compare what follows the sums of a binary convolution, for every sum that may occur."""

from collections.abc import Iterable

import numpy as np

from larq_igp.deploy.verification.binary_operator import BinaryOperator
from larq_igp.deploy.verification.fault import Fault, some
from larq_igp.deploy.verification.rounding import Terms

Step = tuple[int, np.ndarray, Terms]


def require_same_function(what: str, operator: BinaryOperator, steps: Iterable[Step]) -> int:
    """Return the tensor of Keras that is the same function of the sums as what an operator writes.

    Args:
        what: the layer and the operator, for messages.
        operator: whose possible sums all were put in.
        steps: number, value and terms of the layers' results after them, one layer after another.

    Raises:
        Fault: if there is none; it names channels and the nearest result.
    """
    best: tuple | None = None
    for tensor, value, terms in steps:
        sums = operator.possible_sums(value.shape[1:3])
        if operator.writes_signs:
            found = operator.signs(sums)
            differs = (found != (value < 0)) & ~terms.may_be_zero(value)
        else:
            found = operator.floats(sums)
            differs = ~terms.agree(found, value)
        channels = np.flatnonzero(differs.any(axis=(0, 1, 2)))
        if not len(channels):
            return tensor
        if best is None or len(channels) <= len(best[0]):
            place = tuple(np.argwhere(differs)[0])
            best = channels, sums[place], found[place], value[place]
    channels, total, found, value = best or ((), 0, 0.0, 0.0)
    gives = ("-1" if found else "+1") if operator.writes_signs else f"{found:.7g}"
    raise Fault(
        f"{what}: channels {some(channels)} differ in what follows the popcount, such as the first "
        f"of them for a sum of {total}: the file gives {gives}, Keras {value:.7g}."
    )
