"""Time one network in every engine that can run it, and its float twin beside it."""

from collections.abc import Callable
from typing import Any

from larq_igp.deploy.benchmark import benchmark, benchmark_operators
from larq_igp.deploy.engines import engines_for


def compare(
    content: bytes,
    *,
    file: str,
    network: dict[str, Any] | None,
    twin: Callable[[], bytes] | None,
    engines: tuple[str, ...],
    operators: bool,
    threads: int,
    runs: int,
    warmup: int,
) -> list[dict[str, Any]]:
    """Return one row for each engine, and one for the float twin.

    Args:
        content: of the ``.tflite``.
        file: what the rows call it.
        network: what the rows say of it under ``card``, so that a timing tells of which network it
            is.
        twin: returns the network at 32 bits as a ``.tflite``; None leaves it out.
        engines: names; empty takes all that are installed and can run the file.
        operators: whether every operator is timed as well.
        threads: of the engines.
        runs: timed invocations.
        warmup: invocations before them.

    Raises:
        UserError: if the file or an engine cannot be used, or none is installed for it.
    """
    counts: dict[str, Any] = {"threads": threads, "runs": runs, "warmup": warmup}
    rows = []
    for engine in engines or engines_for(content):
        if operators:
            breakdown = benchmark_operators(content, engine=engine, **counts).to_dict()
            latency = breakdown.pop("whole") | breakdown
        else:
            latency = benchmark(content, engine=engine, **counts).to_dict()
        rows.append({"role": "converted", "card": network, **latency, "file": file})
    if twin is not None:
        latency = benchmark(twin(), engine="tflite", **counts).to_dict()
        rows.append({"role": "float twin", "card": network, **latency, "file": file})
    return rows
