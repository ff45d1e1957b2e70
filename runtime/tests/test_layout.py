"""The delegate looks at the interpreter's structs before it believes them."""

import subprocess

from conftest import build

from larq_igp_runtime import delegate_path


def test_structs_of_another_layout_are_refused(native):
    program = build(native, "tests/native", "layout")
    result = subprocess.run([program, delegate_path()], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert result.stdout == "12 layouts\n"
