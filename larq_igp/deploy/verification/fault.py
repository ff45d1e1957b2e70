"""The error for a file that is wrong."""

from collections.abc import Sequence

import numpy as np

from larq_igp.deploy.flatbuffer import Operator


class Fault(Exception):
    """A file differs from Keras; the message names the layer."""


def where(operator: Operator | None) -> str:
    """Return the name of an operator in messages."""
    return "the input" if operator is None else f"operator {operator.index}, {operator.name}"


def some(numbers: Sequence[int] | np.ndarray) -> str:
    """List the first few of many numbers."""
    listed = ", ".join(str(number) for number in numbers[:5])
    return listed + (f" and {len(numbers) - 5} more" if len(numbers) > 5 else "")
