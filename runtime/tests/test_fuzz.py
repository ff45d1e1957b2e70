"""A short run of the fuzzer, always of the same cases; `make fuzz` runs 200,000."""

import os
import re
import shutil
import subprocess

import pytest
from conftest import RUNTIME, need, need_tool

CASES = 3000


@pytest.fixture(scope="session")
def fuzzer(tmp_path_factory):
    need_tool("make")
    need(shutil.which(os.environ.get("CXX", "g++")) is not None, "a C++ compiler")
    folder = tmp_path_factory.mktemp("fuzz")
    result = subprocess.run(
        ["make", "-s", "-j2", "-C", RUNTIME / "fuzz", f"BUILD={folder}", f"{folder}/fuzz"],
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    return folder / "fuzz"


@pytest.mark.parametrize("isa", ["", "portable", "avx2"])
def test_damaged_models(fuzzer, isa):
    result = subprocess.run(
        [fuzzer, "0", str(CASES)],
        capture_output=True,
        text=True,
        env={
            **os.environ,
            "LARQ_IGP_RUNTIME_ISA": isa,
            "ASAN_OPTIONS": "detect_leaks=1:allocator_may_return_null=1",
        },
    )
    assert result.returncode == 0, result.stderr[-3000:]
    models, ran, readable = map(
        int,
        re.match(
            r"(\d+) models with \d+ damages, (\d+) ran; \d+ damaged .* (\d+) readable",
            result.stdout,
        ).groups(),
    )
    assert models == CASES
    assert CASES // 10 < ran < CASES  # neither does everything fail at once, nor is nothing damaged
    assert CASES // 50 < readable < CASES
