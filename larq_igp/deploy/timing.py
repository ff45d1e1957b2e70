"""Time calls by the clock."""

import time
from collections.abc import Callable

from larq_igp.deploy.errors import EngineError

Clock = Callable[[], int]
"""Returns nanoseconds."""


def time_calls(
    call: Callable[[], object], *, runs: int, warmup: int, clock: Clock = time.perf_counter_ns
) -> list[int]:
    """Call something ``warmup + runs`` times and return the nanoseconds of the last ``runs`` calls.

    Raises:
        EngineError: if ``runs`` is below 1 or ``warmup`` below 0.
    """
    if runs < 1 or warmup < 0:
        raise EngineError(
            f"runs must be at least 1 and warmup at least 0; got {runs} and {warmup}."
        )
    for _ in range(warmup):
        call()
    times_ns = []
    for _ in range(runs):
        start_ns = clock()
        call()
        times_ns.append(clock() - start_ns)
    return times_ns
