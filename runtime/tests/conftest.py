"""What the tests share: the instruction sets of this machine, and strictness about tools in CI."""

import fcntl
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from binary_conv import Case, Conv

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")  # larq is Keras 2
os.environ.setdefault("LARQ_IGP_RUNTIME_EAGER", "1")  # else threads would leave small models alone
if os.environ.get("LARQ_IGP_RUNTIME_TEST_HOST") == "tensorflow":
    # Hide the packages that come first.
    sys.modules.update({"ai_edge_litert": None, "tflite_runtime": None})
RUNTIME = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(RUNTIME / "fuzz"))


# What Linux calls the newest feature that each instruction set needs.
X86_FLAGS = {"avx2": "avx2", "avx512": "avx512_vpopcntdq", "avx512_plain": "avx512_vpopcntdq"}
# Another file stands for another processor, as a test of this file needs it.
CPU_INFO = Path(os.environ.get("LARQ_IGP_RUNTIME_TEST_CPU_INFO", "/proc/cpuinfo"))


def isas_of_this_architecture() -> list[str]:
    """Every instruction set that the engine has for processors of this kind, old or new."""
    return ["portable", *(["neon"] if platform.machine() == "aarch64" else X86_FLAGS)]


def isas_of_this_machine() -> list[str]:
    """Those of them that this processor runs."""
    flags = CPU_INFO.read_text().split()
    every = isas_of_this_architecture()
    return [isa for isa in every if isa not in X86_FLAGS or X86_FLAGS[isa] in flags]


def isas_that_do_not_run() -> list[str]:
    """Those of which this run can say nothing."""
    return [isa for isa in isas_of_this_architecture() if isa not in isas_of_this_machine()]


#: Parameters of a test that is for all instruction sets; one of another processor is skipped.
EVERY_ISA = [
    pytest.param(
        isa,
        marks=pytest.mark.skipif(
            isa in isas_that_do_not_run(), reason=f"this processor has no {isa}: its kernels rest"
        ),
    )
    for isa in isas_of_this_architecture()
]


def pytest_terminal_summary(terminalreporter) -> None:
    """Says of which kernels a run knows nothing, however green it is."""
    if missing := isas_that_do_not_run():
        terminalreporter.section("this run is not complete", red=True)
        terminalreporter.line(
            f"The kernels {', '.join(missing)} did not run: this processor has no "
            f"{X86_FLAGS[missing[0]]}. Run the tests on one that has: qemu emulates no AVX-512."
        )


def need(condition: bool, what: str) -> None:
    """Skips a test whose tool is missing; in CI, where everything is to be installed, fails it."""
    if condition:
        return
    if os.environ.get("CI"):
        pytest.fail(f"{what} is missing, and CI must have it")
    pytest.skip(f"{what} is missing")


def need_tool(name: str) -> str:
    """Path of a command."""
    path = shutil.which(name) or shutil.which(name, path=str(Path(sys.executable).parent))
    need(path is not None, name)
    return path


def need_module(*names: str) -> None:
    """Python packages that a test imports."""
    for name in names:
        need(importlib.util.find_spec(name) is not None, f"the Python package {name}")


@pytest.fixture(params=EVERY_ISA)
def isa(request, monkeypatch) -> str:
    """Runs a test once with every instruction set."""
    monkeypatch.setenv("LARQ_IGP_RUNTIME_ISA", request.param)
    return request.param


@pytest.fixture
def converter():
    """TensorFlow, larq and larq-compute-engine, or a skip."""
    need_module("tensorflow", "larq", "larq_compute_engine")
    import larq_compute_engine

    return larq_compute_engine


@pytest.fixture(scope="session")
def c_api() -> Path:
    """TensorFlow Lite's C API: `tools/tflite_c.sh` says what is where."""
    need_tool("npm")
    cache = Path(
        os.environ.get(
            "LARQ_IGP_RUNTIME_TFLITE_C", Path.home() / ".cache/larq-igp-runtime/tflite_c"
        )
    )
    command = [RUNTIME / "tools/tflite_c.sh", cache]
    with alone_in(cache):
        result = subprocess.run(
            command, capture_output=True, text=True, env={**os.environ, "PYTHON": sys.executable}
        )
    need(result.returncode == 0, f"TensorFlow Lite's C API ({result.stderr[-300:]})")
    return cache


@pytest.fixture(scope="session")
def wheels(tmp_path_factory) -> dict[str, Path]:
    """The two manylinux wheels of `make wheels`; LARQ_IGP_RUNTIME_WHEELS names ready ones.

    The processes of pytest-xdist share one build: the first makes it, others wait.
    """
    if ready := os.environ.get("LARQ_IGP_RUNTIME_WHEELS"):
        return wheels_in(Path(ready))
    need_module("ziglang", "auditwheel")
    folder = shared_folder(tmp_path_factory, "wheels")
    with alone_in(folder):
        if len(wheels_in(folder)) < 2:
            command = [
                "make",
                "-C",
                str(RUNTIME),
                "wheels",
                f"DIST={folder}",
                f"PYTHON={sys.executable}",
            ]
            result = subprocess.run(command, capture_output=True, text=True)
            assert result.returncode == 0, result.stdout + result.stderr
    return wheels_in(folder)


@pytest.fixture(scope="session")
def native(tmp_path_factory) -> Path:
    """Where the programs of `native/` are compiled, once for all processes of the tests."""
    return shared_folder(tmp_path_factory, "native")


def build(folder: Path, directory: str, target: str, *variables: str) -> Path:
    """Makes a program of a folder of the runtime, and returns its path."""
    need_tool("make")
    need(shutil.which(os.environ.get("CXX", "g++")) is not None, "a C++ compiler")
    command = ["make", "-s", "-j2", "-C", str(RUNTIME / directory), f"BUILD={folder}", *variables]
    with alone_in(folder):
        result = subprocess.run([*command, f"{folder}/{target}"], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return folder / target


def shared_folder(tmp_path_factory, name: str) -> Path:
    """A folder of this run that the processes of pytest-xdist have in common."""
    own = tmp_path_factory.getbasetemp()
    return (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / name


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Makes a folder, and the other processes of the tests wait for it."""
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def wheels_in(folder: Path) -> dict[str, Path]:
    """The manylinux wheels of a folder by architecture."""
    return {
        wheel.stem.split("manylinux2014_")[1]: wheel
        for wheel in folder.glob("*manylinux2014_*.whl")
    }


@pytest.fixture
def case() -> Case:
    """A binary convolution of which some channels fill no word."""
    return Case(Conv(channels_in=40, pad_values=0))


@pytest.fixture
def path(case, tmp_path) -> Path:
    """Its file, which takes floats."""
    file = tmp_path / "model.tflite"
    file.write_bytes(case.file(float_input=True))
    return file
