"""A run on a processor that lacks an instruction set says that it is not complete."""

import os
import platform
import subprocess
import sys

import pytest
from conftest import CPU_INFO, RUNTIME, build, need_tool

ON_X86 = pytest.mark.skipif(platform.machine() != "x86_64", reason="this processor is no x86")
LACKING = {"avx512": ["avx512_vpopcntdq"], "avx2": ["avx2", "avx512_vpopcntdq"]}


@ON_X86
@pytest.mark.parametrize("what", LACKING)
def test_a_processor_that_lacks_one(tmp_path, what):
    """The tests on a smaller processor: Linux's list of its features, less some."""
    words = [word for word in CPU_INFO.read_text().split() if word not in LACKING[what]]
    (tmp_path / "cpuinfo").write_text(" ".join([*words, "" if what == "avx2" else "avx2"]))
    environment = os.environ | {"LARQ_IGP_RUNTIME_TEST_CPU_INFO": str(tmp_path / "cpuinfo")}
    result = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "-k",
            "avx512",
            "test_rows.py",
        ],
        capture_output=True,
        text=True,
        cwd=RUNTIME / "tests",
        env=environment,
    )
    missing = "avx512, avx512_plain" if what == "avx512" else "avx2, avx512, avx512_plain"
    assert "this run is not complete" in result.stdout
    assert f"The kernels {missing} did not run: this processor has no " in result.stdout
    assert result.returncode == 0, result.stdout
    assert "this processor has no avx512: its kernels rest" in result.stdout
    assert " passed" not in result.stdout


@ON_X86
def test_the_engine_on_a_processor_without_avx512(native):
    """Emulated, as qemu has AVX2 but not AVX-512: refused in a sentence, and AVX2 is taken."""
    qemu = need_tool("qemu-x86_64")
    finish = build(native, "tests/native", "finish")
    emulated = [qemu, "-cpu", "max", finish]
    refused = subprocess.run([*emulated, "avx512", "1"], capture_output=True, text=True)
    assert refused.returncode == 2 and "which this CPU does not have" in refused.stderr
    assert subprocess.run([*emulated, "avx2", "500"]).returncode == 0
