"""The examples do what they say: Python's is run; C++ is compiled, as no package provides TFLite's C API."""

import os
import subprocess
import sys

import numpy as np
import oracle
from binary_conv import Case, Conv
from conftest import RUNTIME, need_module, need_tool

EXAMPLES = RUNTIME / "examples"
STUBS = RUNTIME / "tests/stubs"


def test_python(tmp_path):
    if os.environ.get("LARQ_IGP_RUNTIME_TEST_HOST"):
        return
    need_module("ai_edge_litert")
    case = Case(Conv(size=(1, 1), kernel=(1, 1), channels_in=40, channels_out=9))
    (tmp_path / "model.tflite").write_bytes(case.file(float_input=True))
    np.save(tmp_path / "x.npy", case.x.astype(np.float32))
    result = subprocess.run(
        [sys.executable, EXAMPLES / "python_litert.py", tmp_path / "model.tflite", tmp_path / "x.npy"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert result.returncode == 0, result.stderr
    scores = oracle.real_output(case.values, case.multiplier, case.bias).ravel()
    assert result.stdout.splitlines() == [
        f"class {i}: {scores[i]:.4f}" for i in np.argsort(-np.float32(scores))[:5]
    ]


def compile_only(source, *flags) -> None:
    command = [
        os.environ.get("CXX") or need_tool("c++"),
        "-std=c++17",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-fsyntax-only",
    ]
    result = subprocess.run([*command, *flags, source], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


def test_cpp_compiles():
    compile_only(EXAMPLES / "cpp/classify.cc", f"-I{STUBS}")


def test_jni_compiles(tmp_path):
    """Against the four names of jni.h that it uses."""
    (tmp_path / "jni.h").write_text(
        "#pragma once\n#include <cstdint>\nstruct JNIEnv;\ntypedef void* jobject;\ntypedef int64_t jlong;\n"
        '#define JNIEXPORT __attribute__((visibility("default")))\n#define JNICALL\n'
    )
    compile_only(EXAMPLES / "android/engine_jni.cc", f"-I{tmp_path}")


def test_the_pages_name_files_that_exist():
    import re

    for page in (RUNTIME / "README.md", *(RUNTIME / "docs").glob("*.md")):
        for target in re.findall(r"\]\(([^)]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
        for path in re.findall(r"`((?:examples|tools|tests|fuzz|docs)/[\w./-]+\.\w+)`", page.read_text()):
            assert (RUNTIME / path).exists(), f"{page.name} names {path}"
