"""The oldest and the newest interpreter packages: the engine shares C structs with them."""

import os
import re
import subprocess
import sys

import pytest
from conftest import RUNTIME, isas_of_this_machine, need, need_module

sys.path.insert(0, str(RUNTIME / "tools"))
import host_venv

SETUP = RUNTIME / "setup.cfg"
# What a host can get wrong: claiming and resizing, types and shapes, results. Not every kernel
# again.
TESTS = [
    "test_interpreter.py",
    "test_command.py",
    "test_pack_and_pool.py",
    "test_fusion.py",
    "test_views.py",
    "test_info.py",
    "test_shortcuts.py",
    "test_bconv2d.py::test_combinations",
]


def run_tests(python, **environment) -> None:
    """Run the tests above in another environment: it must find many and pass all."""
    *others, best = isas_of_this_machine()
    # -k compares parts of names: "not avx512" would leave out "avx512_plain" too.
    chosen = " and ".join(f"not {isa}" for isa in others if isa not in best)
    command = [
        python,
        "-m",
        "pytest",
        "-q",
        "-x",
        "-p",
        "no:cacheprovider",
        "-m",
        "not slow",
        "-k",
        chosen,
    ]
    result = subprocess.run(
        [*command, *(str(RUNTIME / "tests" / test) for test in TESTS)],
        capture_output=True,
        text=True,
        cwd=RUNTIME / "tests",
        env={**os.environ, "PYTHONPATH": "", **environment},
    )
    assert result.returncode == 0, result.stdout[-3000:]
    passed = re.search(r"(\d+) passed", result.stdout)
    assert passed and int(passed.group(1)) > 100, result.stdout[-500:]


def versions() -> list[str]:
    """Every ai-edge-litert that pip offers for this Python, newest first."""
    command = [sys.executable, "-m", "pip", "index", "versions", "ai-edge-litert"]
    result = subprocess.run(command, capture_output=True, text=True)
    need(result.returncode == 0, "a package index")
    return re.search(r"Available versions: (.*)", result.stdout).group(1).split(", ")


def test_the_bound_is_behind_the_newest():
    """A newer one fails here: run the tests below with it, then raise the bound in `setup.cfg`."""
    (bound,) = re.findall(
        r"ai-edge-litert>=1\.0\.1,<(\d+)\.(\d+)$", SETUP.read_text(), re.MULTILINE
    )
    newest = tuple(map(int, versions()[0].split(".")[:2]))
    assert newest < tuple(map(int, bound)) == (newest[0], newest[1] + 1)


@pytest.mark.parametrize("which", ["oldest", "newest"])
def test_ai_edge_litert(wheels, tmp_path, which):
    offered = [
        version for version in versions() if tuple(map(int, version.split("."))) >= (1, 0, 1)
    ]
    version = offered[0] if which == "newest" else offered[-1]
    run_tests(host_venv.make(tmp_path, f"ai-edge-litert=={version}", wheels["x86_64"]))


def test_tensorflow():
    """TensorFlow's own interpreter, the others hidden."""
    need_module("tensorflow")
    run_tests(sys.executable, LARQ_IGP_RUNTIME_TEST_HOST="tensorflow")
