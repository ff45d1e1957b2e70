"""Time a ``.tflite`` on this machine, as a whole and operator by operator."""

import statistics
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from larq_igp.deploy.engines import Child, load_engine, open_engine
from larq_igp.deploy.flatbuffer import read_bytes, read_tflite
from larq_igp.deploy.host import Host, describe_host
from larq_igp.deploy.operators import cut_operator
from larq_igp.deploy.schema import parse
from larq_igp.deploy.timing import time_calls

NS_PER_MS = 1e6


@dataclass(frozen=True)
class Latency:
    """Timings of one file on a host; they do not estimate a device.

    Attributes:
        file: path of the file; empty if its content was given.
        engine: name of the engine.
        threads: number of threads that the engine may use.
        runs: timed invocations, all at batch 1.
        warmup: untimed invocations before them.
        latency_ms_median: median of the runs.
        latency_ms_p10: 10th percentile of the runs.
        latency_ms_p90: 90th percentile of the runs.
        latency_ms_min: fastest run.
        latency_ms_max: slowest run.
        host: the machine.
    """

    file: str
    engine: str
    threads: int
    runs: int
    warmup: int
    latency_ms_median: float
    latency_ms_p10: float
    latency_ms_p90: float
    latency_ms_min: float
    latency_ms_max: float
    host: Host

    def to_dict(self) -> dict:
        """Return the timings for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class OperatorLatency:
    """Timing of one operator as the only one in a file.

    Attributes:
        index: its place in the order of execution.
        operator: its kind.
        tensor: name of its output.
        latency_ms_median: median of the runs.
    """

    index: int
    operator: str
    tensor: str
    latency_ms_median: float


@dataclass(frozen=True)
class Breakdown:
    """Timings of all operators and of the whole file.

    A single operator finds its data in the caches, pays for the call into the interpreter, and
    cannot be fused with its neighbours by XNNPACK. So the sum differs from the whole, and both are
    given.

    Attributes:
        whole: timing of the whole file.
        operators: in the order of execution.
    """

    whole: Latency
    operators: tuple[OperatorLatency, ...]

    @property
    def sum_ms(self) -> float:
        """Sum of the operators' medians."""
        return sum(each.latency_ms_median for each in self.operators)

    @property
    def sum_over_whole(self) -> float:
        """Sum of the operators' medians over the median of the whole file; 1 is perfect."""
        return self.sum_ms / self.whole.latency_ms_median

    def by_kind(self) -> dict[str, dict[str, float]]:
        """Return the number, milliseconds and share of each kind of operator, slowest first."""
        times = defaultdict(list)
        for each in self.operators:
            times[each.operator].append(each.latency_ms_median)
        ordered = sorted(times.items(), key=lambda item: -sum(item[1]))
        return {
            kind: {
                "count": len(values),
                "latency_ms": sum(values),
                "share": sum(values) / self.sum_ms,
            }
            for kind, values in ordered
        }

    def to_dict(self) -> dict:
        """Return the timings for JSON."""
        sums = {
            "sum_ms": self.sum_ms,
            "sum_over_whole": self.sum_over_whole,
            "by_kind": self.by_kind(),
        }
        return asdict(self) | sums


def median_ms_in_turns(
    calls: Sequence[Callable[[], object]], *, runs: int, warmup: int = 3, rounds: int = 5
) -> list[float]:
    """Time several calls in turns and return the median of each in milliseconds.

    In turns, a busy moment of the machine slows all of them.

    Args:
        calls: the calls to compare.
        runs: timed calls of each, spread over the rounds.
        warmup: untimed calls at the start of each round.
        rounds: number of turns of each call.

    Raises:
        EngineError: if ``runs`` is below 1.
    """
    times: list[list[int]] = [[] for _ in calls]
    for _ in range(rounds):
        for mine, call in zip(times, calls, strict=True):
            mine += time_calls(call, runs=-(-runs // rounds), warmup=warmup)
    return [statistics.median(mine) / NS_PER_MS for mine in times]


def percentile(values: list[int], percent: int) -> float:
    """Return the nearest-rank percentile: the smallest value with ``percent`` % of the values at or
    below it.
    """
    return sorted(values)[max(0, -(-percent * len(values) // 100) - 1)]


def benchmark(
    source: str | Path | bytes,
    *,
    engine: str | None = None,
    threads: int = 1,
    runs: int = 50,
    warmup: int = 10,
    child: Child | None = None,
    unknown_operators: bool = False,
) -> Latency:
    """Time a file at batch 1 on this machine.

    Args:
        source: a path, or the content of the file.
        engine: as in ``open_engine``.
        threads: number of threads that the engine may use.
        runs: timed invocations.
        warmup: untimed invocations before them, which fill caches and build tables of kernels.
        child: as in ``open_engine``.
        unknown_operators: as in ``open_engine``.

    Raises:
        TFLiteFileError: if the file is missing or damaged.
        EngineError: if the engine cannot run it, or a count is out of range.
    """
    opened = open_engine(
        source, threads=threads, engine=engine, child=child, unknown_operators=unknown_operators
    )
    times_ns = opened.times_ns(runs=runs, warmup=warmup)
    return Latency(
        file="" if isinstance(source, bytes | bytearray) else str(source),
        engine=opened.name,
        threads=threads,
        runs=runs,
        warmup=warmup,
        latency_ms_median=statistics.median(times_ns) / NS_PER_MS,
        latency_ms_p10=percentile(times_ns, 10) / NS_PER_MS,
        latency_ms_p90=percentile(times_ns, 90) / NS_PER_MS,
        latency_ms_min=min(times_ns) / NS_PER_MS,
        latency_ms_max=max(times_ns) / NS_PER_MS,
        host=describe_host(),
    )


def benchmark_operators(
    source: str | Path | bytes,
    *,
    engine: str | None = None,
    threads: int = 1,
    runs: int = 20,
    warmup: int = 3,
    child: Child | None = None,
    unknown_operators: bool = False,
) -> Breakdown:
    """Time every operator of a file, each extracted into a separate file with its real weights.

    The interpreters' Python bindings have no profiler. Arguments and errors are those of
    ``benchmark``.
    """
    whole = benchmark(
        source,
        engine=engine,
        threads=threads,
        runs=runs,
        warmup=warmup,
        child=child,
        unknown_operators=unknown_operators,
    )
    content, file = read_bytes(source), read_tflite(source)
    model = parse(content)
    latencies = []
    for operator in file.operators:
        cut = cut_operator(model, operator.index)
        opened = load_engine(
            cut, read_tflite(cut), threads=threads, engine=whole.engine, child=child
        )
        times_ns = opened.times_ns(runs=runs, warmup=warmup)
        tensor = file.tensors[operator.outputs[0]].name
        median_ms = statistics.median(times_ns) / NS_PER_MS
        latencies.append(OperatorLatency(operator.index, operator.name, tensor, median_ms))
    return Breakdown(whole, tuple(latencies))
