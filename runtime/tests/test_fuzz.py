"""A short run of the fuzzer, always of the same cases; `make fuzz` runs 200,000."""

import os
import re
import subprocess

import pytest
from conftest import EVERY_ISA, build

CASES = 3000


@pytest.fixture(scope="session")
def fuzzer(tmp_path_factory):
    return build(tmp_path_factory.mktemp("fuzz"), "fuzz", "fuzz")


@pytest.mark.parametrize("isa", EVERY_ISA)
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
    line = r"(\d+) models with \d+ damages, (\d+) ran with the kernels (\w+); .* (\d+) readable"
    models, ran, kernels, readable = re.match(line, result.stdout).groups()
    assert kernels == isa
    models, ran, readable = int(models), int(ran), int(readable)
    assert models == CASES
    assert CASES // 10 < ran < CASES  # neither does everything fail at once, nor is nothing damaged
    assert CASES // 50 < readable < CASES
