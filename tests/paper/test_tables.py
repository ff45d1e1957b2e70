import csv
import io
import json

import pytest

import larq_igp
from larq_igp.analysis.shortcuts import count_shortcuts, graph_depth
from larq_igp.architectures import ZOO
from larq_igp.graph import read_graph
from larq_igp.paper import table1, table2, table3, table4
from larq_igp.paper.table import Measured
from larq_igp.paper.table2 import ROWS
from larq_igp.paper.table3 import TABLE3
from larq_igp.paper.table4 import TABLE4


def columns(table, *names):
    return [[row[table.header.index(name)] for row in table.rows] for name in names]


def test_table1_structure_is_the_papers():
    result = table1.compute()
    ours, papers = columns(result, "depth", "depth (paper)")
    assert ours == papers
    assert set(ours) == {18, 51, 97}
    ours, papers = columns(result, "shortcuts", "shortcuts (paper)")
    assert ours == papers
    assert set(ours) == {13, 18, 46, 92}


@pytest.mark.parametrize("name", [name for name in ZOO if name.endswith("_tiny")])
def test_depth_and_shortcuts_are_the_same_at_any_width(name):
    graph, twin = (
        read_graph(larq_igp.build(name, input_shape=(32, 32, 3), bits=bits)) for bits in (1, 32)
    )
    assert graph_depth(graph) == graph_depth(twin) == ZOO[name].depth
    assert count_shortcuts(graph) == count_shortcuts(twin)


def test_table2_is_the_papers_but_for_what_the_paper_leaves_out():
    result = table2.compute()
    for place in ("1st", "2nd"):
        ours, papers = columns(result, f"N_{place} | L_{place}", f"{place} (paper)")
        assert ours == papers
    ours, papers = columns(result, "N_3rd | L_3rd", "3rd (paper)")
    assert [(o, p) for o, p in zip(ours, papers, strict=True) if o != p] == [("2 N^IR | 2", "-")]
    by_block = dict(
        zip(*columns(result, "block", "smallest distinct operation counts"), strict=True)
    )
    one = 56 * 56 * 64 * 64 * 3 * 3
    assert by_block["Bi-Real ResNet"] == f"0, {one:,}, {2 * one:,}"
    first, second = 56 * 56 * 64 * 32 * 3 * 3, 56 * 56 * 96 * 32 * 3 * 3
    assert by_block["BinaryDenseNet"] == f"0, {first:,}, {second:,}, {first + second:,}"


def test_blocks_of_table2_are_compared_at_equal_operations():
    operations = {}
    for row in ROWS:
        graph = read_graph(larq_igp.build(row.spec))
        operations[row.symbol] = sum(call.binary_macs or 0 for call in graph.calls)
    assert operations["IR"] == pytest.approx(operations["BR"], rel=0.02)
    assert operations["ID"] == pytest.approx(operations["BD"], rel=0.02)


def test_table3_digits():
    result = table3.compute()
    for cost in ("storage, Mbit", "FLOPs, 1e8", "memory, MB"):
        ours, papers = columns(result, cost, f"{cost} (paper)")
        assert ours == papers
    assert len(result.rows) == len(TABLE3)
    assert set(columns(result, result.header[-1])[0]) == {"-"}


def test_table4_costs_and_sources():
    result = table4.compute()
    ours, papers = columns(result, "storage, Mbit", "storage, Mbit (paper)")
    binary = [(o, p) for o, p in zip(ours, papers, strict=True) if o != "-"][:-2]
    assert len(binary) == 12
    assert all(
        abs(float(o) - float(p)) < 0.101 for o, p in binary
    )  # the paper rounds 41.95, itself rounded from 41.947, to 42.0
    ours, papers = columns(result, "FLOPs, 1e9", "FLOPs, 1e9 (paper)")
    assert [o for o, p in zip(ours, papers, strict=True) if o not in ("-", p)] == []
    full_precision = result.rows[-2:]
    assert [abs(float(row[3]) / float(row[4]) - 1) < 0.01 for row in full_precision] == [True, True]
    assert all(row.source for row in TABLE4 if row.network is None)
    for row in TABLE4:  # the paper's own rows repeat Table 3, rounded
        if row.network and not row.source:
            assert (row.top1_error, row.top5_error) == (
                TABLE3[row.network].top1_error,
                TABLE3[row.network].top5_error,
            )


def test_errors_of_runs_stand_beside_the_papers(igp, tmp_path):
    from larq_igp.data import load_dataset
    from larq_igp.files import write_json
    from larq_igp.training.recipe import Recipe
    from larq_igp.training.run.directory import describe_run, write_config

    folder = tmp_path / "a run"
    folder.mkdir()
    write_config(describe_run(folder, Recipe(network="igp_resnet21_53"), load_dataset("digits")))
    assert igp("reproduce", "table3", folder).exit_code == 0
    of_weights = {"loss": 0.3, "examples": 360, "epoch": 1, "validation_top1": 0.9}
    write_json(folder / "metrics.json", {"top1": 0.9, "top5": 0.99} | of_weights)
    assert "% (ours)" in igp("reproduce", "table3", folder).stdout
    document = json.loads(igp("reproduce", "table3", folder, "--json").stdout)
    cells = {row["model"]: row["top-1 / top-5 error, % (ours)"] for row in document["rows"]}
    assert cells["IGP-ResNet21(53)"] == "10.00 / 1.00 (digits, 1 seed)"
    assert cells["IGP-ResNet37(41)"] == "-"
    assert "igp_resnet21_53 at 1 bit" in Measured([folder]).others({"resnet18_64"})[0]


@pytest.mark.parametrize("form", ["text", "markdown", "latex", "csv", "json"])
def test_forms(igp, form):
    output = igp("reproduce", "table4", "--format", form).stdout
    if form == "csv":
        rows = list(csv.reader(io.StringIO(output)))
        assert (len(rows), {len(row) for row in rows}) == (len(TABLE4) + 1, {9})
    elif form == "json":
        assert len(json.loads(output)["rows"]) == len(TABLE4)
    else:
        assert "IGP-DenseNet69(48)" in output
        assert "(paper)" in output and "(ours)" not in output  # no runs, no column for them


def test_what_is_no_run_is_refused(refused, tmp_path):
    assert "is not a run directory" in refused("reproduce", "table3", tmp_path)
