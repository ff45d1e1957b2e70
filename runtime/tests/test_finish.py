"""What becomes of sums, in every instruction set: the bits of the portable code."""

import subprocess

import pytest
from conftest import EVERY_ISA, build


@pytest.fixture(scope="module")
def finish(native):
    return build(native, "tests/native", "finish")


@pytest.mark.parametrize("isa", EVERY_ISA)
def test_same_as_portable(finish, isa):
    result = subprocess.run([finish, isa, "20000"], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
