"""Timing on an Android device, by the real ``adb``. No device is attached where tests run: what
stands in for one speaks its protocol, and runs commands on this machine.
"""

import json
import shutil
import sys

import pytest

from larq_igp.deploy.remote.machine import open_remote
from larq_igp.deploy.remote.transports import RemoteError
from tests.deploy.remote.conftest import NET

HERE = ("sh", "-c")


def test_a_device_is_found_or_a_sentence_says_what_to_do(adb, monkeypatch):
    with pytest.raises(RemoteError, match="adb finds no device: allow USB debugging"):
        open_remote("adb")
    (first,) = adb(HERE)
    assert open_remote("adb").transport.command == ("adb", "-s", first, "shell", "-T")
    (second,) = adb(HERE)
    with pytest.raises(RemoteError, match=r"adb finds 2 devices, .* name one with --on adb:SERIAL"):
        open_remote("adb")
    assert second in open_remote(f"adb:{second}").transport.command
    with pytest.raises(RemoteError, match="adb finds no device R58M, only 127"):
        open_remote("adb:R58M")
    monkeypatch.setenv("ANDROID_SERIAL", first)
    assert first in open_remote("adb").transport.command
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(RemoteError, match="adb is not installed: `apt install adb`"):
        open_remote("adb")


def test_without_a_device_a_command_is_refused(adb, refused):
    assert "adb finds no device" in refused("benchmark", NET, "--on", "adb")
    assert "adb finds no device" in refused("predict", NET, "x.png", "--on", "adb:R58M")


def test_a_file_is_timed_over_adb(adb, wheel, bare_python, igp, refused, tmp_path):
    path = tmp_path / "a net.tflite"
    shutil.copy(NET, path)
    adb(HERE)
    there = ["benchmark", path, "--on", "adb", "--runs", 20, "--remote-python"]
    result = igp(*there, sys.executable, "--wheel", wheel.parent, "--json")
    assert result.exit_code == 0, result.output
    (row,) = json.loads(result.stdout)
    assert 0 < row["latency_ms_min"] <= row["latency_ms_median"] <= row["latency_ms_max"]
    assert (row["on"], row["runs"], row["machine"]["bits"]) == ("adb", 20, 64)
    assert json.loads((tmp_path / "a net.benchmarks.json").read_text()) == [row]
    assert "has no larq-igp-runtime for" in refused(*there, bare_python)
    assert "has no numpy for" in refused(*there, bare_python, "--wheel", wheel.parent)
    sentence = refused(*there, "python5")
    assert "adb has no python5: name another interpreter with --remote-python; And" in sentence
    other = wheel.with_name("larq_igp_runtime-9.9-py3-none-manylinux2014_x86_64.whl")
    wheel.rename(other.with_name(other.name.replace("x86_64", "aarch64")))
    assert "has no wheel for x86_64" in refused(*there, sys.executable, "--wheel", wheel.parent)
