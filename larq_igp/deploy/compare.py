"""Time one network in every engine that can run it, together with its float twin."""

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
        content: content of the ``.tflite``.
        file: name of the file in the rows.
        network: what identifies the network, for the field ``card`` of each row.
        twin: function that returns the network at 32 bits as a ``.tflite``; None leaves it out.
        engines: names of engines; empty for all that are installed and can run the file.
        operators: whether every operator is timed as well.
        threads: number of threads that the engines may use.
        runs: timed invocations.
        warmup: untimed invocations before them.
        is_foreign: whether the file is of unknown origin: then a child process runs it.
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
