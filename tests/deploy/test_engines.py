import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

from larq_igp.deploy.engines import ENGINES, engines_for, open_engine
from larq_igp.deploy.errors import EngineError, TFLiteFileError
from larq_igp.deploy.flatbuffer import read_tflite
from larq_igp.versions import installed_version
from tests.absent import REPOSITORY, run_in, site_without

BINARY = ("larq-compute-engine", "larq-igp-runtime")
NET = REPOSITORY / "tests" / "fixtures" / "version_0.1.0" / "net.tflite"


@pytest.mark.lce
def test_binary_file_runs_in_both_kernels_and_with_threads(binary, tmp_path):
    path = tmp_path / "net.tflite"
    path.write_bytes(binary.content)
    images = binary.images[:8]
    plain = open_engine(path, engine="lce").predict(images)
    assert plain.shape == (8, 10)
    np.testing.assert_allclose(plain.sum(axis=1), 1, rtol=1e-5)
    for options in ({"engine": "lce", "threads": 2}, {"engine": "lce_indirect"}, {}):
        np.testing.assert_allclose(
            open_engine(path, **options).predict(images).sum(axis=1), 1, rtol=1e-5
        )
    np.testing.assert_array_equal(open_engine(path, engine="lce", threads=2).predict(images), plain)


@pytest.mark.lce
def test_default_engine_is_the_first_that_can(binary, full_precision):
    own = ["larq_igp_runtime"] if installed_version("larq-igp-runtime") else []
    assert list(engines_for(binary.content)) == [*own, "lce_indirect", "lce"]
    assert open_engine(binary.content).name == engines_for(binary.content)[0]
    assert (
        engines_for(full_precision.content)[0]
        == open_engine(full_precision.content).name
        == "tflite"
    )
    assert "tflite" not in engines_for(binary.content)


@pytest.mark.lce
def test_float_file_runs_in_every_engine(full_precision):
    file = read_tflite(full_precision.content)
    names = [name for name, engine in ENGINES.items() if engine.refusal(file) is None]
    assert {"tflite", "lce", "lce_indirect"} <= set(names)
    outputs = [
        open_engine(full_precision.content, engine=name).predict(full_precision.images[:8])
        for name in names
    ]
    for output in outputs[1:]:
        np.testing.assert_allclose(output, outputs[0], atol=1e-5)


def test_results_do_not_share_memory(full_precision):
    engine = open_engine(full_precision.content)
    first = engine.predict(full_precision.images[:1])
    kept = first.copy()
    engine.predict(full_precision.images[1:2])
    np.testing.assert_array_equal(first, kept)


def test_wrong_input_is_a_clear_error(binary):
    engine = open_engine(binary.content)
    with pytest.raises(ValueError, match=r"shape \(N, 28, 28, 1\); got \(2, 28, 28, 3\)"):
        engine.predict(np.zeros((2, 28, 28, 3), np.float32))
    with pytest.raises(ValueError, match=r"got \(28, 28, 1\)"):
        engine.predict(np.zeros((28, 28, 1), np.float32))
    with pytest.raises(ValueError, match="float32 elements; got float64"):
        engine.predict(np.zeros((1, 28, 28, 1)))
    assert engine.predict(np.zeros((0, 28, 28, 1), np.float32)).shape == (0, 10)


def test_wrong_engine_is_a_clear_error(binary):
    with pytest.raises(EngineError, match="no engine is named 'fast'; there are"):
        open_engine(binary.content, engine="fast")
    with pytest.raises(EngineError, match="1-bit operators"):
        open_engine(binary.content, engine="tflite")
    with pytest.raises(EngineError, match="at most 256; got 0"):
        open_engine(binary.content, threads=0)
    with pytest.raises(TFLiteFileError, match="TFL3"):
        open_engine(b"not a network")


def benchmark_in(site: Path, *options: str) -> subprocess.CompletedProcess:
    """Time a 1-bit file that has a card, with the packages of one folder alone."""
    return run_in(site, "-m", "larq_igp", "benchmark", str(NET), *options)


def assert_both_engines_are_named(finished: subprocess.CompletedProcess, state: str) -> None:
    assert finished.returncode == 2
    assert finished.stdout == ""
    assert "Traceback" not in finished.stderr
    assert " ".join(finished.stderr.split()) == (
        "Error: no engine here can run a file with 1-bit operators: one needs larq-igp-runtime"
        f"{state}: `pip install ./runtime` in a checkout of larq-igp; another needs "
        f"larq-compute-engine{state}: `pip install 'larq-compute-engine>=0.16,<0.17'` on Python "
        "3.10-3.12 for Linux x86-64, macOS or Windows."
    )


@pytest.mark.lce
@pytest.mark.parametrize("twin", ["--twin", "--no-twin"])
def test_benchmark_without_an_engine_for_1_bit_is_one_sentence(tmp_path, twin):
    folder = site_without(tmp_path / "site", *BINARY)
    assert_both_engines_are_named(benchmark_in(folder, twin), state="")


@pytest.mark.lce
def test_broken_packages_say_what_is_wrong_and_how_to_get_them(tmp_path):
    folder = site_without(tmp_path / "site", *BINARY, keep_metadata=True)
    for package in ("larq_compute_engine", "larq_igp_runtime"):
        (folder / package).mkdir()
        (folder / package / "__init__.py").write_text("raise ImportError('libfoo.so is missing')")
    state = " in working order (libfoo.so is missing)"
    assert_both_engines_are_named(benchmark_in(folder), state)


@pytest.mark.lce
@pytest.mark.lce
def test_under_numpy_2_larq_compute_engine_runs_no_file(binary, monkeypatch):
    """Its interpreter was compiled for NumPy 1, and reads no byte of an array of NumPy 2."""
    monkeypatch.setattr("larq_igp.packages.installed_version", lambda name: "2.0.1")
    assert not [name for name in engines_for(binary.content) if name.startswith("lce")]
    with pytest.raises(EngineError, match="'lce' cannot run files under NumPy 2"):
        open_engine(binary.content, engine="lce")


def test_one_engine_is_enough(tmp_path):
    folder = site_without(tmp_path / "site", BINARY[0])
    finished = benchmark_in(folder, "--runs", "2", "--warmup", "0", "--no-twin", "--json")
    assert [row["engine"] for row in json.loads(finished.stdout)] == ["larq_igp_runtime"]
