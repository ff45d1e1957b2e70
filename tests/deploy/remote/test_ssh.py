"""Timing and naming on another machine: a real OpenSSH server on loopback."""

import json
import shlex
import shutil
import sys
from pathlib import Path

import pytest

from tests.data.files import picture
from tests.deploy.remote.conftest import NET


@pytest.mark.slow
def test_a_file_is_timed_on_another_machine(server, wheel, bare_python, igp, refused, tmp_path):
    path = tmp_path / "a net.tflite"
    shutil.copy(NET, path)
    there = ["benchmark", path, "--on", server, "--remote-python", sys.executable, "--runs", 20]
    before = set(Path("/tmp").glob("tmp.*"))
    result = igp(*there, "--wheel", wheel, "--json")
    assert result.exit_code == 0, result.output
    (row,) = json.loads(result.stdout)
    assert 0 < row["latency_ms_min"] <= row["latency_ms_p10"] <= row["latency_ms_median"]
    assert row["latency_ms_median"] <= row["latency_ms_p90"] <= row["latency_ms_max"]
    assert (row["on"], row["runs"], row["threads"]) == (server, 20, 1)
    assert row["peak_memory_bytes"] > path.stat().st_size
    assert row["machine"]["bits"] == 64
    assert json.loads((tmp_path / "a net.benchmarks.json").read_text()) == [row]
    assert set(Path("/tmp").glob("tmp.*")) == before  # nothing is left there
    printed = igp(*there, "--wheel", wheel, "--threads", 2).stdout
    assert f"a net.tflite on {server}: " in printed
    assert "20 runs, 2 threads" in printed
    assert f"saved in {tmp_path}/a net.benchmarks.json" in printed
    shutil.copy(NET.with_suffix(".json"), path.with_suffix(".json"))
    *_, last = igp(*there, "--wheel", wheel).stdout.splitlines()
    picture(0).save(tmp_path / "PHOTO", format="PNG")
    words = shlex.split(last.removeprefix("next: larq-igp "))
    assert words[:5] == ["predict", str(path), "PHOTO", "--on", server]
    words[2] = tmp_path / "PHOTO"
    assert igp(*words).exit_code == 0
    there[5] = bare_python
    assert "has no larq-igp-runtime" in refused(*there)
    damaged = tmp_path / "damaged.tflite"
    damaged.write_bytes(path.read_bytes()[:1000])
    there[1], there[5] = damaged, sys.executable
    assert "cannot run" in refused(*there, "--wheel", wheel)
    there[3] = "ssh://nobody@127.0.0.1:1"
    assert "cannot be reached" in refused(*there)


@pytest.mark.slow
def test_photos_are_named_on_another_machine_as_here(server, wheel, igp, tmp_path):
    folder = tmp_path / "my photos"
    folder.mkdir()
    for number in range(3):
        picture(number).save(folder / f"größe {number}.jpg")
    (folder / "bad.png").write_text("no image")
    there = ["--on", server, "--remote-python", sys.executable, "--wheel", wheel]
    here = igp("predict", NET, folder, "--json")
    found = igp("predict", NET, folder, "--json", *there)
    assert here.exit_code == found.exit_code == 2
    assert "1 of 4 images cannot be read." in found.stderr
    for mine, theirs in zip(json.loads(here.stdout), json.loads(found.stdout), strict=True):
        assert mine["image"] == theirs["image"]
        assert (mine["error"] is None) == (theirs["error"] is None)
        for a, b in zip(mine["classes"], theirs["classes"], strict=True):
            assert (a["label"], a["class_name"]) == (b["label"], b["class_name"])
            assert a["probability"] == pytest.approx(b["probability"], abs=1e-4)
    (bad,) = (row for row in json.loads(found.stdout) if row["error"])
    assert bad["error"].startswith(f"{folder / 'bad.png'} is not an image")
