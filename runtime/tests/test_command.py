"""The command, ``python -m larq_igp_runtime``: its output, and one sentence for what is wrong."""

import json
import os
import subprocess
import sys

import numpy as np

from larq_igp_runtime import Interpreter, __main__


def command(*arguments, **environment) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "larq_igp_runtime", *map(str, arguments)],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    )


def test_command(case, path, tmp_path):
    spaced = tmp_path / "a model of mine.tflite"
    spaced.write_bytes(path.read_bytes())
    result = command(spaced, "--runs", 3)
    assert (result.returncode, result.stderr) == (0, "")
    assert "median" in result.stdout and "[1, 5, 6, 40]" in result.stdout
    np.save(tmp_path / "x.npy", case.x.astype(np.float32))
    result = command(
        path, "--json", "--runs", 3, "--input", tmp_path / "x.npy", "--output", tmp_path / "y"
    )
    report = json.loads(result.stdout)
    assert report["runs"] == 3 and 0 < report["min_ms"] <= report["median_ms"] <= report["p90_ms"]
    assert report["bytes"] == path.stat().st_size
    case.check(np.load(tmp_path / "y"))


def test_command_counts_its_runs(path, monkeypatch, capsys):
    calls = []
    predict = Interpreter.predict
    monkeypatch.setattr(Interpreter, "predict", lambda self, x: calls.append(1) or predict(self, x))
    assert __main__.main([str(path), "--runs", "7", "--warmup", "2"]) == 0
    assert len(calls) == 7 + 2 and "n = 7" in capsys.readouterr().out


def test_percentiles_are_nearest_ranks():
    assert [__main__._percentile([1.0, 2.0], percent) for percent in (10, 90)] == [1.0, 2.0]
    hundred = [float(i) for i in range(1, 101)]
    assert [__main__._percentile(hundred, percent) for percent in (10, 90)] == [10.0, 90.0]
    assert __main__._percentile([3.0], 10) == 3.0


def test_command_with_bad_input(case, path, tmp_path):
    (tmp_path / "cut.tflite").write_bytes(path.read_bytes()[:-2000])
    (tmp_path / "text.tflite").write_text("not a model")
    np.save(tmp_path / "shape.npy", case.x.astype(np.float32)[:, 1:])
    np.save(tmp_path / "dtype.npy", case.x.astype(np.float32).astype(np.float64))
    np.save(tmp_path / "objects.npy", np.array([{}]))
    np.savez(tmp_path / "several.npz", x=case.x.astype(np.float32))
    for arguments, environment, words in [
        (["absent.tflite"], {}, "No such file"),
        ([""], {}, "No such file"),
        ([tmp_path], {}, "Is a directory"),
        ([tmp_path / "cut.tflite"], {}, f"{tmp_path / 'cut.tflite'} cannot be used"),
        ([tmp_path / "text.tflite"], {}, "not a .tflite file"),
        ([tmp_path / "dtype.npy"], {}, "not a .tflite file"),
        ([path, "--input", tmp_path / "shape.npy"], {}, "takes the shape"),
        ([path, "--input", tmp_path / "dtype.npy"], {}, "takes float32, but float64"),
        ([path, "--input", tmp_path / "text.tflite"], {}, "not a .npy file"),
        ([path, "--input", tmp_path / "objects.npy"], {}, "not a .npy file of numbers"),
        ([path, "--input", tmp_path / "several.npz"], {}, "not a .npy file"),
        ([path, "--input", "absent.npy"], {}, "absent.npy cannot be read: No such file"),
        ([path, "--input", ""], {}, "cannot be read: No such file"),
        ([path, "photo.jpg", "--input", "x.npy"], {}, "--input is not for photos"),
        ([path, "photo.jpg", "--profile"], {}, "--profile is not for photos"),
        ([path, "photo.jpg", "--no-fuse"], {}, "--no-fuse is not for photos"),
        ([path, "--json", "photo.jpg"], {}, "has no card"),
        ([path, "--info", "--input", "x.npy"], {}, "--input is not for --info"),
        ([path, "--info", "--output", "x.npy"], {}, "--output is not for --info"),
        ([path, "--info", "--profile"], {}, "--profile is not for --info"),
        (["/dev/zero"], {}, "/dev/zero cannot be read: it is not a file"),
        ([path, "--instruction-set", "\udcff"], {}, "instruction_set is '?', which is none"),
        ([path, "--instruction-set", "sse9"], {}, "instruction_set is 'sse9', which is none"),
        (["absent.tflite", "--info"], {}, "No such file"),
        (
            [path, "--output", "/absent/y.npy", "--runs", 1],
            {},
            "/absent/y.npy cannot be written: No such file",
        ),
        ([path, "--output", tmp_path, "--runs", 1], {}, "cannot be written: Is a directory"),
        ([path, "--threads", 0], {}, "'0' is not a whole number from 1"),
        ([path, "--threads", -1], {}, "'-1' is not a whole number from 1"),
        ([path, "--threads", "two"], {}, "'two' is not a whole number from 1"),
        ([path, "--threads", 2**40], {}, "a whole number from 1 to 1024"),
        ([path, "--runs", 0], {}, "'0' is not a whole number from 1"),
        ([path], {"LARQ_IGP_RUNTIME_ISA": "sse9"}, "sse9"),
    ]:
        result = command(*arguments, **environment)
        assert result.returncode == 2, arguments
        assert words in result.stderr and "Traceback" not in result.stderr, result.stderr
        assert "unrecognized" not in result.stderr
        sentence = [line for line in result.stderr.splitlines() if "error: " in line]
        assert len(sentence) == 1, result.stderr
        assert result.stdout == ""
