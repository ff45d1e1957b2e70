import itertools

import numpy as np
import pytest

from larq_igp.deploy.benchmark import benchmark, benchmark_operators, percentile
from larq_igp.deploy.engines import ENGINES, Engine, open_engine
from larq_igp.deploy.engines.lce import LCEEngine
from larq_igp.deploy.errors import EngineError
from larq_igp.deploy.flatbuffer import read_tflite
from larq_igp.deploy.host import describe_host
from larq_igp.deploy.operators import cut_operator
from larq_igp.deploy.schema import parse
from larq_igp.deploy.timing import time_calls


def test_exactly_warmup_plus_runs_calls_and_only_runs_are_timed():
    calls, clock = itertools.count(), itertools.count(0, 1000)
    times_ns = time_calls(lambda: next(calls), runs=7, warmup=3, clock=lambda: next(clock))
    assert next(calls) == 3 + 7
    assert times_ns == [1000] * 7
    assert next(clock) == 2 * 7 * 1000  # read twice for each timed call, never in the warm-up


@pytest.mark.lce
def test_benchmark_invokes_the_engine_warmup_plus_runs_times(binary, monkeypatch):
    class Counting(LCEEngine):
        name = "counting"
        calls = 0

        def invoke(self) -> None:
            type(self).calls += 1

        def times_ns(self, *, runs: int, warmup: int) -> list[int]:
            return time_calls(self.invoke, runs=runs, warmup=warmup, clock=lambda: next(ticks))

    monkeypatch.setitem(ENGINES, "counting", Counting)
    ticks = itertools.accumulate(itertools.cycle([0, 2_000_000]))  # every call takes 2 ms
    result = benchmark(binary.content, engine="counting", runs=5, warmup=4)
    assert Counting.calls == 4 + 5
    assert issubclass(Counting, Engine)
    assert (result.runs, result.warmup, result.engine, result.threads) == (5, 4, "counting", 1)
    assert result.latency_ms_median == result.latency_ms_p10 == result.latency_ms_max == 2.0


def test_result_is_labelled_as_a_hosts(binary, tmp_path):
    path = tmp_path / "net.tflite"
    path.write_bytes(binary.content)
    result = benchmark(path, runs=3, warmup=1).to_dict()
    assert result["file"] == str(path)
    assert result["host"]["kind"] == "host"
    assert result["host"]["bits"] in (32, 64)
    assert 0 < result["latency_ms_min"] <= result["latency_ms_median"] <= result["latency_ms_max"]
    assert describe_host().cpu


@pytest.mark.parametrize(("runs", "warmup"), [(0, 0), (1, -1)])
def test_impossible_counts_are_refused(runs, warmup):
    with pytest.raises(EngineError, match="runs must be at least 1"):
        time_calls(lambda: None, runs=runs, warmup=warmup)


def test_percentile_is_the_nearest_rank():
    values = [50, 10, 40, 20, 30]
    assert [percentile(values, percent) for percent in (0, 10, 20, 21, 50, 90, 100)] == [
        10,
        10,
        10,
        20,
        30,
        50,
        50,
    ]


def test_operators_are_all_timed(binary, full_precision):
    for network in (binary, full_precision):
        result = benchmark_operators(network.content, runs=2, warmup=1)
        histogram = read_tflite(network.content).histogram()
        assert {kind: row["count"] for kind, row in result.by_kind().items()} == histogram
        assert sum(row["share"] for row in result.by_kind().values()) == pytest.approx(1)
        assert all(each.latency_ms_median > 0 for each in result.operators)
        assert result.to_dict()["sum_ms"] == pytest.approx(result.sum_ms)


@pytest.mark.lce
def test_operators_cut_out_compute_what_the_network_computes(binary):
    """Run the cuts one after the other: the last one puts out what the whole file does."""
    from larq_compute_engine.tflite.python.interpreter import Interpreter

    file, model = read_tflite(binary.content), parse(binary.content)
    values = {file.inputs[0]: binary.images[:1]}
    for operator in file.operators:
        cut = cut_operator(model, operator.index)
        feeds = [values[tensor] for tensor in operator.inputs if tensor in values]
        (values[operator.outputs[0]],) = Interpreter(cut).interpreter.predict(feeds)
    expected = open_engine(binary.content, engine="lce").predict(binary.images[:1])
    np.testing.assert_array_equal(values[file.outputs[0]], expected)
