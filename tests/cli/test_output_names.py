"""Where commands write what they were not told where to."""

from pathlib import Path

import pytest

from larq_igp.cli.convert import default_output


@pytest.mark.parametrize(
    "source, name",
    [
        ("runs/my run/", "my run.tflite"),
        (".", "here.tflite"),
        ("/", "net.tflite"),
        ("igp_resnet41_48", "igp_resnet41_48.tflite"),
        ("larq_zoo:QuickNet", "QuickNet.tflite"),
        ("experiments/table1/bireal_1bit.toml", "bireal_1bit.tflite"),
        ("models/mine.h5", "mine.tflite"),
    ],
)
def test_a_file_has_the_name_of_its_source(tmp_path, monkeypatch, source, name):
    (tmp_path / "here" / "runs" / "my run").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here")
    assert default_output(source) == name


def test_a_page_and_a_file_are_written_where_nothing_is_said(igp, run_dir, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    said = igp("convert", str(run_dir), "--images", "4").stdout
    assert f"next: larq-igp predict '{run_dir.name}.tflite' PHOTO" in said  # it has a space
    assert igp("report", run_dir).stdout.endswith(f"next: larq-igp table '{run_dir}'\n")
    assert {path.name for path in Path().iterdir()} == {
        f"{run_dir.name}.tflite",
        f"{run_dir.name}.json",
        "report.html",
    }
