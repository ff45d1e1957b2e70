"""The page: what it promises, as a browser shows it."""

import json
import re
import shutil

import pytest

from larq_igp.report.collect import read_networks
from larq_igp.report.latencies import read_latencies
from larq_igp.report.static import SUFFIXES
from tests.conftest import ROOT
from tests.report.browser import chromium, open_page

PHONE, DESK = (390, 844), (1280, 900)
FIXTURE = ROOT / "tests" / "fixtures" / "format_2" / "finished"


@pytest.fixture(scope="module")
def page(run_dir, tmp_path_factory):
    """A report on a run and another of the same recipe with another seed, with latencies, and its
    charts for print.
    """
    from click.testing import CliRunner

    from larq_igp.cli import main

    folder = tmp_path_factory.mktemp("report")
    invoke = CliRunner().invoke
    assert invoke(main, ["convert", str(run_dir), "-o", str(folder / "net.tflite")]).exit_code == 0
    timed = invoke(
        main, ["benchmark", str(folder / "net.tflite"), "--operators", "--runs", "5", "--json"]
    )
    (folder / "latency.json").write_text(timed.stdout)
    arguments = ["report", run_dir, FIXTURE, "-o", folder / "report.html"]
    arguments += ["--latency", folder / "latency.json", "--figures", folder / "figures", "--json"]
    result = invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return folder, json.loads(result.stdout)


def test_page_stands_alone_and_has_what_it_promises(page, run_dir):
    folder, document = page
    text = (folder / "report.html").read_text()
    assert "<script" not in text and '<link rel="stylesheet' not in text and 'src="http' not in text
    charts = [
        "paper-storage",
        "digits-storage",
        "block-igp_resnet",
        "layers-igp-resnet-tiny-latency",
    ]
    assert {*charts, "curves-error", "flips-igp-resnet-tiny"} < set(document["charts"])
    assert re.findall(r'id="chart-([^"]+)"', text) == document["charts"]
    metrics = json.loads((run_dir / "metrics.json").read_text())
    assert f"<b>{100 * (1 - metrics['top1']):.2f}</b>" in text  # the better of two, in bold
    wrong = round(360 * (1 - metrics["top1"]))
    assert f"{wrong} of 360 test images are misread by {run_dir}" in text
    order = [
        "Results",
        "Learning curves",
        "Binary layers",
        "Mistakes of",
        "The paper&#x27;s networks",
    ]
    places = [text.index(f">{title}", text.index("<section")) for title in order]
    assert places == sorted(places)
    contents = re.findall(r'<a href="#([^"]+)"', text)
    assert len(contents) > 6 and all(f' id="{name}"' in text for name in contents)
    ids = re.findall(r' id="([^"]+)"', text)
    assert len(ids) == len(set(ids))


def test_every_chart_is_a_figure_for_print_too(page):
    folder, document = page
    files = {path.name: path.read_bytes() for path in (folder / "figures").iterdir()}
    assert set(files) == {f"{name}{suffix}" for name in document["charts"] for suffix in SUFFIXES}
    begins = {".png": b"\x89PNG", ".pdf": b"%PDF", ".svg": b"<?xml"}
    assert all(content.startswith(begins[name[-4:]]) for name, content in files.items())


@pytest.mark.parametrize("size, dark", [(PHONE, True), (DESK, False)])
def test_browser_draws_it_without_a_word(page, size, dark):
    folder, document = page
    with chromium(*size, dark=dark) as window:
        assert open_page(window, folder / "report.html") == []
        run = window.execute_script
        assert run("return document.documentElement.scrollWidth") <= size[0]
        assert run("return [...document.querySelectorAll('details')].every(d => !d.open)")
        run("document.querySelectorAll('details').forEach(d => { d.open = true; })")
        widths = run(
            "return [...document.querySelectorAll('figure.chart svg.linear')].map(d => "
            "d.getBoundingClientRect().width)"
        )
        assert len(widths) == len(document["charts"])
        assert min(widths) > 300
        # Axes and letters have the colour of the page's text; 0x14 to 0x1c are dark, 0xe4 is light.
        ink = "getComputedStyle(document.querySelector('svg.linear text')).fill"
        assert run(f"return {ink}") == ("rgb(228, 231, 234)" if dark else "rgb(28, 39, 51)")
        shown = (
            "return [...document.querySelectorAll('#chart-curves-error svg')]"
            ".map(s => s.clientWidth > 0)"
        )
        assert run(shown) == [True, False]
        run("document.querySelector('#chart-curves-error input').click()")
        assert run(shown) == [False, True]
        left, right = run(
            "const row = document.querySelector('tbody tr').children; return ["
            "getComputedStyle(row[0]).textAlign, getComputedStyle(row[row.length - 1]).textAlign]"
        )
        assert (left, right) == ("left", "right")
        is_wide = run(
            "const box = document.querySelector('.scroll');return box.scrollWidth > box.clientWidth"
        )
        assert is_wide or size == DESK


def test_no_run_at_all(igp, tmp_path):
    result = igp("report", "-o", tmp_path / "empty.html")
    assert result.exit_code == 0
    assert result.stdout.endswith("next: larq-igp train igp_resnet_tiny\n")
    text = (tmp_path / "empty.html").read_text()
    assert "No run was given" in text
    assert "paper-memory" in text


def test_numbers_of_a_single_run_stand_on_cards_and_one_epoch_is_no_curve(igp, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(FIXTURE, run)
    for name in ("history.csv", "layers.csv"):
        lines = (run / name).read_text().splitlines()
        (run / name).write_text("\n".join(line for line in lines if not line.startswith("2,")))
    result = igp("report", run, "-o", tmp_path / "page.html", "--json")
    charts = json.loads(result.stdout)["charts"]
    assert not [name for name in charts if name.startswith(("curves", "digits"))]
    text = (tmp_path / "page.html").read_text()
    assert "<div><b>83.06</b><span>test error, %</span></div>" in text  # 299 of 360


def test_refusals(refused, tmp_path):
    assert "is not a run directory" in refused("report", tmp_path, "-o", tmp_path / "a.html")
    (tmp_path / "b.json").write_text("[{}]")
    assert "is not what" in refused(
        "report", "-o", tmp_path / "a.html", "--latency", tmp_path / "b.json"
    )
    with pytest.raises(Exception, match="does not exist"):
        read_latencies(tmp_path / "nothing.json")


def test_runs_of_one_name_are_told_apart(tmp_path):
    for folder, rate in (("a", 0.004), ("b", 0.001)):
        shutil.copytree(FIXTURE, tmp_path / folder / "run")
        config = tmp_path / folder / "run" / "config.json"
        recipe = json.loads(config.read_text())
        recipe["recipe"]["learning_rate"] = rate
        config.write_text(json.dumps(recipe))
    one, other = read_networks([tmp_path / "a/run", tmp_path / "b/run"])
    assert one.label.endswith(", learning rate 0.004")
    assert other.label.endswith(", learning rate 0.001")
    (both,) = read_networks([tmp_path / "a/run", FIXTURE])
    assert both.result.seeds == len(both.histories) == 1


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
    for damaged, said in (
        ([row], "is not what"),
        ({}, "is not what"),
        (nan, "not a finite number"),
    ):
        (tmp_path / "timings.json").write_text(json.dumps(damaged))
        assert said in refused(
            "report", "-o", tmp_path / "a.html", "--latency", tmp_path / "timings.json"
        )
    assert not (tmp_path / "a.html").exists()


def test_a_folder_for_pictures_that_cannot_be_leaves_nothing(refused, tmp_path):
    (tmp_path / "taken").write_text("")
    said = refused("report", "-o", tmp_path / "a.html", "--figures", tmp_path / "taken")
    assert "taken is not a folder" in said
    assert not (tmp_path / "a.html").exists()


def test_what_a_run_decides_cannot_be_asked_for(run_dir, refused):
    assert "leave out --bits" in refused("capability", run_dir, "--bits", "2")
    assert "seed must be" in refused("capability", "igp_resnet_tiny", "--seed", "-1")
    assert "leave the runs out" in refused("reproduce", "table2", run_dir)
