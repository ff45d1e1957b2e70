import csv
import json
import re
import shutil

import numpy as np
import pytest

from larq_igp.report.charts import error_chart, pareto_front
from larq_igp.report.latencies import read_latencies
from tests.report.browser import chromium, open_page

PHONE, DESK = (390, 844), (1280, 900)


@pytest.fixture(scope="module")
def page(run_dir, tmp_path_factory):
    """A report on a run, with latencies, and its charts as PNGs."""
    from click.testing import CliRunner

    from larq_igp.cli import main

    folder = tmp_path_factory.mktemp("report")
    invoke = CliRunner().invoke
    assert invoke(main, ["convert", str(run_dir), "-o", str(folder / "net.tflite")]).exit_code == 0
    timed = invoke(
        main, ["benchmark", str(folder / "net.tflite"), "--operators", "--runs", "5", "--json"]
    )
    (folder / "latency.json").write_text(timed.stdout)
    arguments = [
        "report",
        run_dir,
        "-o",
        folder / "report.html",
        "--latency",
        folder / "latency.json",
        "--png",
        folder / "png",
        "--json",
    ]
    result = invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return folder, json.loads(result.stdout)


def test_page_stands_alone_and_has_what_it_promises(page, run_dir):
    folder, document = page
    text = (folder / "report.html").read_text()
    assert "<script src" not in text and '<link rel="stylesheet"' not in text
    assert {"paper-storage", "digits-latency", "block-igp-resnet", "layers-a-run-latency"} < set(
        document["charts"]
    )
    assert text.count("Plotly.newPlot(") - text.split("</head>")[0].count("Plotly.newPlot(") == len(
        document["charts"]
    )
    with (run_dir / "history.csv").open() as file:
        accuracies = [float(row["val_top1"]) for row in csv.DictReader(file)]
    (curve,) = drawn(text, "curve-val_top1")
    assert (curve["x"], curve["y"]) == ([1, 2, 3], pytest.approx(accuracies))
    (matrix,) = drawn(text, "confusion-a-run")
    answers = np.array(matrix["z"])
    top1 = json.loads((run_dir / "metrics.json").read_text())["top1"]
    assert answers.sum() == 360 and answers.trace() == pytest.approx(360 * top1)
    assert "truth → answer" in text


def drawn(page: str, name: str) -> list[dict]:
    """Return the traces of a chart that the page hands to plotly."""
    start = re.search(rf'Plotly\.newPlot\(\s*"{name}",\s*', page)
    return json.JSONDecoder().raw_decode(page, start.end())[0]


def test_every_chart_is_a_png_too(page):
    folder, document = page
    files = {path.stem: path.read_bytes() for path in (folder / "png").iterdir()}
    assert set(files) == set(document["charts"])
    assert all(content.startswith(b"\x89PNG") and len(content) > 5000 for content in files.values())


@pytest.mark.parametrize("size", [PHONE, DESK])
def test_browser_draws_it_without_a_word(page, size):
    folder, document = page
    with chromium(*size) as window:
        assert open_page(window, folder / "report.html") == []
        assert window.execute_script("return document.documentElement.scrollWidth") <= size[0]
        assert window.execute_script("return document.querySelectorAll('.chart').length") == len(
            document["charts"]
        )
        widths = window.execute_script(
            "return [...document.querySelectorAll('.chart')].map(d => "
            "d.getBoundingClientRect().width)"
        )
        assert min(widths) > 300
        highlight = """
            const div = document.getElementById('block-igp-resnet');
            const curve = div.data.findIndex(trace => trace.meta === 'path');
            div.emit('plotly_hover', {points: [{curveNumber: curve}]});
            return [div.data[curve].line.width, div.data[curve + 1].opacity];
        """
        assert window.execute_script(highlight) == [7, 0.15]


def test_no_run_at_all(igp, tmp_path):
    result = igp("report", "-o", tmp_path / "empty.html")
    assert result.exit_code == 0
    text = (tmp_path / "empty.html").read_text()
    assert "No run was given" in text
    assert "paper-memory" in text


def test_pareto_front_by_hand():
    assert pareto_front([(3, 1), (1, 3), (2, 3), (2, 2), (4, 1)]) == [(1, 3), (2, 2), (3, 1)]
    assert (
        error_chart("a", "b", "c", {"one": [(1, 2, "x")]}).series[-1].style == "points"
    )  # one point has no front


def test_refusals(refused, tmp_path):
    assert "is not a run directory" in refused("report", tmp_path, "-o", tmp_path / "a.html")
    (tmp_path / "b.json").write_text("[{}]")
    assert "is not what" in refused(
        "report", "-o", tmp_path / "a.html", "--latency", tmp_path / "b.json"
    )
    with pytest.raises(Exception, match="does not exist"):
        read_latencies(tmp_path / "nothing.json")


def test_runs_of_one_name_are_told_apart(run_dir, igp, tmp_path):
    for folder in ("a", "b"):
        shutil.copytree(run_dir, tmp_path / folder / "run")
    (tmp_path / "b" / "run" / "metrics.json").unlink()
    result = igp(
        "report", tmp_path / "a/run", tmp_path / "b/run", "-o", tmp_path / "report.html", "--json"
    )
    charts = json.loads(result.stdout)["charts"]
    assert len(charts) == len(set(charts))


def test_damaged_runs_and_timings_are_refused(run_dir, refused, tmp_path):
    broken = tmp_path / "run"
    shutil.copytree(run_dir, broken)
    (broken / "history.csv").write_text("epoch,loss\n1,abc\n")
    assert "history.csv is damaged" in refused("report", broken, "-o", tmp_path / "a.html")
    (broken / "metrics.json").write_text('{"top1": 0.9}')
    assert "metrics.json is damaged" in refused("reproduce", "table1", broken)
    row = {
        "role": "converted",
        "engine": "lce",
        "latency_ms_median": 1.0,
        "host": {"cpu": "x"},
        "operators": [1],
    }
    row["card"] = {"parameters": {}, "bits": 1, "input_shape": [1, 1, 1]}
    nan = [{**row, "operators": [], "latency_ms_median": float("nan")}]
    for damaged, said in (([row], "is not what"), ({}, "is not what"), (nan, "no finite number")):
        (tmp_path / "timings.json").write_text(json.dumps(damaged))
        assert said in refused(
            "report", "-o", tmp_path / "a.html", "--latency", tmp_path / "timings.json"
        )
    assert not (tmp_path / "a.html").exists()


def test_a_folder_for_pictures_that_cannot_be_leaves_nothing(refused, tmp_path):
    (tmp_path / "taken").write_text("")
    refused("report", "-o", tmp_path / "a.html", "--png", tmp_path / "taken")
    assert not (tmp_path / "a.html").exists()


def test_what_a_run_decides_cannot_be_asked_for(run_dir, refused):
    assert "leave out --bits" in refused("capability", run_dir, "--bits", "2")
    assert "seed must be" in refused("capability", "igp_resnet_tiny", "--seed", "-1")
    assert "leave the runs out" in refused("reproduce", "table2", run_dir)
