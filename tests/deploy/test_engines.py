import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from larq_igp.deploy.engines import ENGINES, engines_for, open_engine
from larq_igp.deploy.errors import EngineError, TFLiteFileError
from larq_igp.deploy.flatbuffer import read_tflite
from larq_igp.versions import installed_version

REPOSITORY = Path(__file__).parents[2]
NET = REPOSITORY / "tests" / "fixtures" / "version_0.1.0" / "net.tflite"


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


@pytest.fixture()
def site(tmp_path):
    """Make a folder with all installed packages but some: as if those were not installed."""

    def make(*, without: list[str], keep_metadata: bool = False) -> Path:
        folder = tmp_path / "site"
        folder.mkdir()
        for entry in Path(np.__file__).parents[1].iterdir():
            name = entry.name.replace("-", "_")
            is_metadata = name.endswith(".dist_info") and keep_metadata
            if is_metadata or not name.startswith(tuple(without)):
                (folder / entry.name).symlink_to(entry)
        return folder

    return make


def benchmark_in(site: Path, *options: str) -> subprocess.CompletedProcess:
    """Time a 1-bit file that has a card, with the packages of one folder alone."""
    command = [sys.executable, "-S", "-m", "larq_igp", "benchmark", str(NET), *options]
    environment = os.environ | {"PYTHONPATH": f"{site}:{REPOSITORY}"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def assert_both_engines_are_named(finished: subprocess.CompletedProcess, state: str) -> None:
    assert finished.returncode == 2
    assert finished.stdout == ""
    assert "Traceback" not in finished.stderr
    assert " ".join(finished.stderr.split()) == (
        "Error: no engine here can run a file with 1-bit operators: one needs larq-igp-runtime"
        f"{state}: `pip install ./runtime` in a checkout of larq-igp; another needs "
        f"larq-compute-engine{state}: `pip install 'larq-compute-engine>=0.16,<0.17'` on "
        "Python 3.10-3.12 for Linux x86-64, macOS or Windows."
    )


@pytest.mark.parametrize("twin", ["--twin", "--no-twin"])
def test_benchmark_without_an_engine_for_1_bit_is_one_sentence(site, twin):
    folder = site(without=["larq_compute_engine", "larq_igp_runtime"])
    assert_both_engines_are_named(benchmark_in(folder, twin), state="")


def test_broken_packages_say_what_is_wrong_and_how_to_get_them(site):
    folder = site(without=["larq_compute_engine", "larq_igp_runtime"], keep_metadata=True)
    for package in ("larq_compute_engine", "larq_igp_runtime"):
        (folder / package).mkdir()
        (folder / package / "__init__.py").write_text("raise ImportError('libfoo.so is missing')")
    state = " in working order (libfoo.so is missing)"
    assert_both_engines_are_named(benchmark_in(folder), state)


def test_one_engine_is_enough(site):
    folder = site(without=["larq_compute_engine"])
    finished = benchmark_in(folder, "--runs", "2", "--warmup", "0", "--no-twin", "--json")
    assert [row["engine"] for row in json.loads(finished.stdout)] == ["larq_igp_runtime"]
