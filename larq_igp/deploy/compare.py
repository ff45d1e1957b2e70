"""Time one network in every engine that can run it, and its float twin beside it."""

from collections.abc import Callable
from typing import Any

from larq_igp.deploy.benchmark import benchmark, benchmark_operators
from larq_igp.deploy.engines import Child, engines_for


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
    is_foreign: bool = False,
    unknown_operators: bool = False,
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
        is_foreign: whether it is not known where the file comes from: then a child process runs it.
        unknown_operators: whether operators that the check does not know may run.

    Raises:
        UserError: if the file or an engine cannot be used, or none is installed for it.
    """
    counts: dict[str, Any] = {"threads": threads, "runs": runs, "warmup": warmup}
    rows, child = [], Child() if is_foreign else None
    for engine in engines or engines_for(content):
        options = {
            **counts,
            "engine": engine,
            "child": child,
            "unknown_operators": unknown_operators or not is_foreign,
        }
        if operators:
            breakdown = benchmark_operators(content, **options).to_dict()
            latency = breakdown.pop("whole") | breakdown
        else:
            latency = benchmark(content, **options).to_dict()
        rows.append({"role": "converted", "card": network, **latency, "file": file})
    if twin is not None:
        latency = benchmark(twin(), engine="tflite", unknown_operators=True, **counts).to_dict()
        rows.append({"role": "float twin", "card": network, **latency, "file": file})
    return rows
