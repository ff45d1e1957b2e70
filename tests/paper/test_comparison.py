"""The table of one's own runs: one row for runs that differ in their seeds alone."""

import json
import shutil
from statistics import stdev

import pytest

from larq_igp.analysis.blocks import first_block
from larq_igp.analysis.paths import gradient_paths
from larq_igp.architectures import ZOO, get_spec
from larq_igp.architectures.accounting import closed_form
from larq_igp.graph import read_graph
from larq_igp.models import build
from larq_igp.paper.comparison import BITS, compare, in_one_unit
from larq_igp.paper.results import read_results
from larq_igp.paper.runs import results_of
from larq_igp.paper.table3 import TABLE3
from larq_igp.report.results import _cost_axes
from tests.conftest import ROOT

RUN = ROOT / "tests" / "fixtures" / "format_2" / "finished"
"""igp_resnet_tiny with 4 filters and 2 stages, 2 epochs on digits, seed 0."""
FIXTURE_ERROR = 100 * (1 - 0.16944444444444445)


@pytest.fixture()
def copies(tmp_path):
    """Copy the run with another recipe, seed or accuracy."""

    def copy(name, top1, **fields):
        folder = tmp_path / name
        shutil.copytree(RUN, folder)
        config = json.loads((folder / "config.json").read_text())
        config["recipe"] |= fields
        (folder / "config.json").write_text(json.dumps(config))
        metrics = json.loads((folder / "metrics.json").read_text())
        (folder / "metrics.json").write_text(json.dumps(metrics | {"top1": top1}))
        return folder

    return copy


def test_runs_that_differ_in_their_seeds_are_one_row(copies):
    runs = [RUN, copies("b", 0.25, seed=1), copies("c", 0.5, learning_rate=0.001), RUN]
    one, other = results_of(runs)
    assert one.top1_error.values == pytest.approx((FIXTURE_ERROR, 75.0))
    assert (
        str(one.top1_error) == f"{(FIXTURE_ERROR + 75) / 2:.2f} ± {stdev((FIXTURE_ERROR, 75)):.2f}"
    )
    assert (other.seeds, other.top1_error.mean) == (1, 50.0)
    table = compare([one, other])
    assert table.header[:4] == ("network", "learning rate", "seeds", "test error, %")
    assert [row[:3] for row in table.rows] == [
        ("igp_resnet_tiny (filters=4, blocks=1,1)", "0.004", 2),
        ("igp_resnet_tiny (filters=4, blocks=1,1)", "0.001", 1),
    ]
    assert table.best == {(1, 3), *[(i, 4) for i in (0, 1)]}  # validation is the same
    assert "data set digits, 1 bit, epochs 2" in table.notes[0]


def test_costs_are_those_of_the_input_and_the_classes_in_use():
    (result,) = results_of([RUN])
    spec = get_spec("igp_resnet_tiny", filters=4, blocks=(1, 1))
    counts = closed_form(spec, input_shape=(28, 28, 1), num_classes=10, stem="small")
    assert (result.storage_bits, result.flops) == (counts.storage_bits, counts.flops)
    assert result.runtime_memory_bytes == counts.runtime_memory_bytes
    # 3 paths through a fractal of two columns: the identities, and what is in each of its two
    # columns; the block's cheapest path that costs anything has one convolution of 4 to 4 channels.
    assert result.block_n_2nd == 28 * 28 * 3 * 3 * 4 * 4


def test_the_papers_row_stands_beside_a_network_that_the_paper_has():
    table = compare(results_of(["igp_resnet21_53", "resnet_tiny"]))
    row, other = (dict(zip(table.header, cells, strict=True)) for cells in table.rows)
    paper = TABLE3["igp_resnet21_53"]
    assert row["error, % (paper)"] == f"{paper.top1_error} (ImageNet)"
    for cost, printed in (("storage, Mbit", paper.storage), ("FLOPs, 1e8", paper.flops)):
        assert (row[cost], row[f"{cost} (paper)"], other[f"{cost} (paper)"]) == (
            printed,
            printed,
            None,
        )


def test_an_experiments_rows_stand_with_runs(igp):
    path = ROOT / "experiments" / "results" / "fashion_mnist.csv"
    printed = json.loads(igp("table", RUN, "--runs", path, "--json").stdout)
    assert len(printed["rows"]) == 1 + len(read_results(path))
    assert printed["rows"][1]["data set"] == "fashion_mnist"


@pytest.mark.parametrize("name", ["binary_densenet_tiny", "igp_densenet_tiny"])
def test_the_first_block_of_a_plain_densenet_is_its_first_two(name):
    graph, spec = read_graph(build(name, input_shape=(32, 32, 3))), ZOO[name]
    block = first_block(graph, spec)
    names = {graph.calls[i].name.split("_")[1] for i in range(block.source + 1, block.target + 1)}
    assert names == ({"block1", "block2"} if spec.columns == 1 else {"block1"})
    assert gradient_paths(graph, block.source, block.target).total > 1


def test_units_keep_three_digits():
    assert in_one_unit("storage", BITS, [190_000, 33_180_000]) == (
        "storage, kbit",
        ["190", "33,180"],
    )
    assert in_one_unit("storage", BITS, [1_234, None]) == ("storage, kbit", ["1.23", None])
    assert in_one_unit("storage", BITS, [261_000], 1e6) == ("storage, Mbit", ["0.26"])


def test_charts_have_the_units_of_the_table():
    results = results_of([RUN, "igp_resnet_tiny"], with_paths=False)
    labels = {label for label, _ in _cost_axes(results, {}).values()}
    assert {"storage, kbit", "FLOPs, 1e3"} <= labels & set(compare(results).header)


def test_a_file_adds_its_size(igp, tmp_path):
    assert igp("convert", RUN, "-o", tmp_path / "net.tflite").exit_code == 0
    alone, (joined,) = (
        results_of([tmp_path / "net.tflite"]),
        results_of([tmp_path / "net.tflite", RUN]),
    )
    size = (tmp_path / "net.tflite").stat().st_size
    assert alone[0].settings == {"bits": 1}  # a card does not say how long it was trained
    assert compare([*alone, joined]).notes[0] == "All: data set digits, 1 bit."
    assert joined.file_bytes == alone[0].file_bytes == size
    assert alone[0].top1_error.mean == pytest.approx(FIXTURE_ERROR)


def test_it_is_written_where_asked(igp, refused, tmp_path):
    result = igp("table", RUN, "--format", "latex", "-o", tmp_path / "table.tex")
    assert result.stdout == f"{tmp_path / 'table.tex'}: 1 row\n"
    assert r"igp\_resnet\_tiny" in (tmp_path / "table.tex").read_text()
    assert "nothing to show" in refused("table")
    assert "contradict" in refused("table", RUN, "--json", "--format", "latex")
    assert "is not a run directory" in refused("table", tmp_path)


def test_a_run_without_an_end_is_named(copies, igp):
    folder = copies("unfinished", 0.5, seed=1)
    (folder / "metrics.json").unlink()
    assert f"Not finished: {folder}." in igp("table", RUN, folder, "--format", "text").stdout
