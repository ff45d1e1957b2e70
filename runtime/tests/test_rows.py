"""Rows of float convolutions, over an image and 1x1, and of poolings: the bits of a plain loop."""

import subprocess

import pytest
from conftest import EVERY_ISA, build


@pytest.fixture(scope="module")
def rows(native):
    return build(native, "tests/native", "image")


@pytest.mark.parametrize("isa", EVERY_ISA)
def test_same_as_a_plain_loop(rows, isa):
    result = subprocess.run([rows, isa, "5000"], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
