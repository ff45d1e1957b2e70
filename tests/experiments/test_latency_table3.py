"""The latency of the networks of Table 3: what is measured, what stands beside it, and resuming."""

import csv

import pytest

from benchmarks import latency_report as report
from benchmarks import latency_table3 as program
from larq_igp.paper.table3 import TABLE3


def test_costs_are_those_of_table_3():
    for network, row in TABLE3.items():
        costs = program.costs(network, "binary")
        assert f"{costs['storage_bits'] / 1e6:.2f}" == row.storage
        assert f"{costs['flops'] / 1e8:.2f}" == row.flops
        assert program.published(network, "binary")[:2] == (row.top1_error, row.top5_error)
        assert program.published(network, "float") == ("", "", "")


def test_storage_of_the_twins():
    floats, ints = (program.costs("igp_resnet41_48", form) for form in ("float", "int8"))
    assert floats["storage_bits"] == 4 * ints["storage_bits"]
    assert floats["flops"] == floats["float_macs"] == ints["float_macs"]


def test_calls_take_turns():
    order = []
    calls = [lambda name=name: order.append(name) for name in "ab"]
    times = program.in_turns(calls, runs=10)
    assert [len(mine) for mine in times] == [10, 10]
    turn = ["a"] * 5 + ["b"] * 5  # 3 to warm up, 2 timed
    assert order[:20] == turn + turn[::-1]


def test_what_is_measured_is_not_measured_again(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(program, "make_file", lambda network, form: f"{network} {form}".encode())
    monkeypatch.setattr(program, "opened", lambda content, engine, threads: lambda: None)
    output = tmp_path / "latency.csv"
    options = ["--files", tmp_path / "files", "--output", output, "--runs", 5]
    program.main(list(map(str, [*options, "--network", "mobilenet_v2_0.35"])))
    program.main(list(map(str, options)))
    with output.open(newline="") as file:
        rows = list(csv.DictReader(file))
    combinations = [(r["network"], r["form"], r["engine"], r["threads"]) for r in rows]
    assert len(set(combinations)) == len(combinations) == 11 * 2 * (3 + 1 + 1) + 3 * 2 * 2
    assert combinations[0][0] == "mobilenet_v2_0.35"
    capsys.readouterr()

    def fail(*_):
        pytest.fail("measured again")

    monkeypatch.setattr(program, "measure", fail)
    before = output.read_bytes()
    program.main(list(map(str, options)))
    assert output.read_bytes() == before


def test_the_charts_are_of_the_rows(tmp_path):
    written = report.write_charts(tmp_path)
    assert len(written) == 2
    for path in written:
        committed = (report.RESULTS.parent / path.name).read_text()
        assert report.source_text() in committed
        assert report.source_text() in path.read_text()


def test_every_network_was_measured_in_every_form_engine_and_number_of_threads():
    rows = program.read_rows(report.RESULTS)
    kinds = {(row["network"], row["form"], row["engine"], int(row["threads"])) for row in rows}
    expected = {
        (network, form, engine, threads)
        for network in (*TABLE3, *program.MOBILENETS)
        for form in program.forms_of(network)
        for engine in (program.BINARY_ENGINES if form == "binary" else (program.LITERT,))
        for threads in program.THREADS
    }
    assert kinds == expected
    assert len(rows) == len(kinds)


def test_nothing_is_better_and_faster_than_what_is_on_the_front():
    rows = program.read_rows(report.RESULTS)
    front = report.pareto(rows)
    every = [
        (error, ms) for each in report.points(rows, "top1_error").values() for error, ms, _ in each
    ]
    for error, ms, _ in front:
        assert not any((e <= error and m < ms) or (e < error and m <= ms) for e, m in every)
    on_front = {(error, ms) for error, ms, _ in front}
    for error, ms in set(every) - on_front:
        assert any(e <= error and m <= ms for e, m in on_front)
