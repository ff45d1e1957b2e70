"""Messages that say which layer is wrong."""

import numpy as np

from larq_igp.deploy.flatbuffer import Operator
from larq_igp.deploy.schema import BINARY_CONV
from larq_igp.deploy.verification.binary_operator import BinaryOperator
from larq_igp.deploy.verification.fault import Fault, some, where
from larq_igp.deploy.verification.keras_sums import KerasSums
from larq_igp.deploy.verification.replay import Replay
from larq_igp.deploy.verification.rounding import UNITS
from larq_igp.graph import Call

NAMED = 4
"""Largest number of layers that a message names."""


def difference(replay: Replay, index: int) -> Fault:
    """Return the fault between a result of Keras that the file lacks and the last results that it
    has.
    """
    missing, stack = set(), [index]
    while stack:
        current = stack.pop()
        if current not in missing and not replay.known[current].is_found:
            missing.add(current)
            stack += replay.graph.calls[current].inputs
    return _fault(replay, sorted(missing) or [index])


def difference_at(replay: Replay, operator: Operator) -> Fault:
    """Return the fault of an operator whose output is not a result of Keras."""
    found, sources, stack = replay.found_tensors(), set(), list(replay.file.reads(operator))
    while stack:
        tensor = stack.pop()
        producer = replay.file.producer(tensor)
        if tensor in found or producer is None:
            sources.add(tensor)
        else:
            stack += replay.file.reads(producer)
    missing = [
        index
        for index, known in sorted(replay.known.items())
        if not known.is_found
        and known.sources == sources
        # A convolution is not missing if the BatchNorm that it is fused with was found.
        and not any(replay.known[each].is_found for each in replay.followers(index))
    ]
    if not missing:
        return Fault(f"{where(operator)} computes what no layer of Keras computes.")
    return _fault(replay, missing)


def _fault(replay: Replay, missing: list[int]) -> Fault:
    """Name the first of some missing results, and those that depend on it alone."""
    run = missing[:1]
    while len(run) < NAMED:
        readers = replay.readers(run[-1])
        if len(readers) != 1 or readers[0] not in missing:
            break
        run += readers
    names = ", ".join(repr(replay.graph.calls[each].name) for each in run)
    nearest = [each for index in run if (each := replay.known[index].nearest)]
    if not nearest:
        return Fault(f"{names}: no operator of the file computes this from the same inputs.")
    units, tensor = min(nearest)
    return Fault(
        f"{names}: from the same inputs {where(replay.file.producer(tensor))} is off by "
        f"{units:.0f} units in the last place, but rounding by {UNITS:g} at most."
    )


def no_such_weights(call: Call, keras: KerasSums, operators: list[BinaryOperator]) -> Fault:
    """Return the fault of a binary convolution whose weights no operator has."""
    counts = {
        each.operator.index: count
        for each in operators
        if (count := each.weights_that_differ(keras.weights)) is not None
    }
    if not counts:
        return Fault(f"{call.name!r} has no {BINARY_CONV} of its shape in the file.")
    index, count = min(counts.items(), key=lambda item: item[1].sum())
    return Fault(
        f"{call.name!r} has no {BINARY_CONV} with its weights in the file: operator {index} is "
        f"nearest, and {count.sum()} of its weights differ, in filters "
        f"{some(np.flatnonzero(count))}."
    )
