"""Which part may import which, and that nothing heavy comes in unasked."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "larq_igp"
COMMON = {"errors", "files", "keras2", "versions", "architectures"}
ALLOWED = {
    "architectures": {"errors"},
    "models": COMMON,
    "data": COMMON,
    "graph": {"errors", "keras2"},
    "analysis": COMMON | {"models", "graph"},
    "training": COMMON | {"models", "data", "deploy"},
    "deploy": COMMON | {"models", "data", "graph"},
    "report": COMMON | {"models", "data", "training", "deploy", "analysis", "design"},
}


def imported_parts(file: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("larq_igp."):
            names.add(node.module.split(".")[1])
    return names


@pytest.mark.parametrize("part", ALLOWED)
def test_parts_import_only_what_they_may(part):
    for file in (PACKAGE / part).glob("*.py"):
        assert imported_parts(file) <= ALLOWED[part] | {part}, file


def run_python(code: str) -> subprocess.CompletedProcess:
    environment = {
        name: value for name, value in os.environ.items() if name != "TF_USE_LEGACY_KERAS"
    }
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment
    )


@pytest.mark.parametrize(
    "arguments", [["--help"], ["list"], ["list", "--json"], ["train", "--help"], ["nonsense"]]
)
def test_quick_commands_do_not_import_tensorflow(arguments):
    code = f"""
import sys
from larq_igp.cli import main
try:
    main({arguments!r})
except SystemExit:
    heavy = [name for name in ("tensorflow", "numpy", "larq", "sklearn") if name in sys.modules]
    sys.exit(f"imported: {{heavy}}" if heavy else 0)
"""
    finished = run_python(code)
    assert finished.returncode == 0, finished.stderr


def test_importing_the_package_selects_keras_2_without_tensorflow():
    code = (
        "import os, sys, larq_igp; assert os.environ['TF_USE_LEGACY_KERAS'] == '1'; assert "
        "'tensorflow' not in sys.modules"
    )
    assert run_python(code).returncode == 0


def test_keras_3_that_is_already_active_is_one_clear_sentence():
    pytest.importorskip("keras", minversion="3")
    code = (
        "import tensorflow as tf; tf.keras.layers; import larq_igp; "
        "larq_igp.build('igp_resnet_tiny')"
    )
    finished = run_python(code)
    assert finished.returncode == 1
    last = finished.stderr.strip().splitlines()[-1]
    assert "is already active, but Larq needs Keras 2: import larq_igp before tensorflow" in last


def test_the_lazy_names_are_there():
    import larq_igp

    for name in larq_igp.__all__:
        assert getattr(larq_igp, name) is not None
        assert name in dir(larq_igp)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        larq_igp.nothing  # noqa: B018
