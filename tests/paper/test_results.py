"""Finished runs of several seeds, read from the CSV of an experiment."""

import csv
import json
from statistics import stdev

import pytest

from larq_igp.errors import UserError
from larq_igp.paper import table1, table2
from larq_igp.paper.results import COLUMNS, closest, read_results
from larq_igp.tables import Sample

BIREAL = {
    "network": "bireal", "base": "bireal_resnet18_64", "parameters": '{"filters": 8}',
    "dataset": "fashion_mnist", "bits": "1", "epochs": "12", "batch_size": "128",
    "learning_rate": "0.004", "storage_bits": "1000", "flops": "2000", "seed": "0",
    "test_top1": "0.9",
}  # fmt: skip
ROWS = [
    BIREAL,
    BIREAL | {"seed": "1", "test_top1": "0.88"},
    BIREAL | {"epochs": "36", "test_top1": "0.95"},
    BIREAL | {"network": "other", "parameters": '{"filters": 8, "columns": 2}', "test_top1": "1"},
    BIREAL | {"bits": "32", "test_top1": "0.93"},
]


def written(path, rows, columns=COLUMNS):
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    return path


def test_seeds_of_one_network_and_recipe_are_one_result(tmp_path):
    results = read_results(written(tmp_path / "a.csv", ROWS))
    assert [result.top1_error.n for result in results] == [2, 1, 1, 1]
    sample = results[0].top1_error
    assert sample.values == pytest.approx((10, 12))
    assert (sample.mean, sample.deviation) == pytest.approx((11, stdev((10, 12))))
    half = 12.706 * stdev((10, 12)) / 2**0.5  # Student's t with one degree of freedom
    assert sample.interval == pytest.approx((11 - half, 11 + half), abs=1e-3)
    assert str(sample) == "11.00 ± 1.41"
    assert str(Sample((3.0,))) == "3.00"


def test_the_network_with_the_fewest_changes_stands_for_its_base(tmp_path):
    found = closest(read_results(written(tmp_path / "a.csv", ROWS)))
    assert found.keys() == {("bireal_resnet18_64", 1), ("bireal_resnet18_64", 32)}
    assert found["bireal_resnet18_64", 1].network == "bireal"
    assert found["bireal_resnet18_64", 1].settings["epochs"] == 12


def test_table1_shows_them_where_asked(igp, tmp_path):
    path = written(tmp_path / "with space.csv", ROWS)
    table = table1.compute(results=[path])
    ours = {(row[0], row[1]): row[-1] for row in table.rows}
    assert ours["Bi-Real ResNet18(64)", 1] == "11.00 ± 1.41 (fashion_mnist, 2 seeds, filters=8)"
    assert ours["Bi-Real ResNet18(64)", 32] == "7.00 (fashion_mnist, 1 seed, filters=8)"
    assert ours["Bi-Real ResNet18(64)", 2] == "-"
    assert "11.00 ± 1.41" in igp("reproduce", "table3", "--runs", path).stdout


def test_report_shows_them_where_asked(igp, tmp_path):
    path = written(tmp_path / "mine.csv", [*ROWS[:4], ROWS[4] | {"storage_bits": "32000"}])
    page = tmp_path / "page.html"
    document = json.loads(igp("report", "-o", page, "--runs", path, "--json").stdout)
    assert "fashion-mnist-storage" in document["charts"]
    assert "fashion-mnist-flops" not in document["charts"]  # they have the same
    assert "<td>11.00 ± 1.41</td>" in page.read_text()


@pytest.mark.parametrize(
    "name, rows, columns, message",
    [
        ("missing.csv", None, None, "missing.csv cannot be read: No such file or directory"),
        ("a.csv", ROWS, COLUMNS[1:], "a.csv is not the CSV of an experiment: it has no column"),
        ("a.csv", [BIREAL | {"bits": "one"}], COLUMNS, "a.csv is damaged: invalid literal"),
        ("a.csv", [BIREAL | {"parameters": "[]"}], COLUMNS, "a.csv is damaged: parameters"),
        ("a.csv", [BIREAL | {"parameters": "{"}], COLUMNS, "a.csv is damaged"),
    ],
)
def test_what_is_no_such_file_is_one_sentence(refused, tmp_path, name, rows, columns, message):
    if rows:
        written(tmp_path / name, rows, columns)
    with pytest.raises(UserError, match=message):
        read_results(tmp_path / name)
    assert message in refused("reproduce", "table1", "--runs", tmp_path / name)


def test_table2_has_no_errors_to_show(tmp_path):
    with pytest.raises(UserError, match="holds no accuracies"):
        table2.compute(results=[written(tmp_path / "a.csv", ROWS)])
