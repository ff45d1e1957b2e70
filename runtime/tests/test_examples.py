"""Examples: those in Python and with JNI are built and run as they stand; Kotlin's is not."""

import ctypes
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import oracle
import pytest
from binary_conv import Case, Conv
from conftest import RUNTIME, need_module, need_tool

from larq_igp_runtime import delegate_path, include_dir

EXAMPLES = RUNTIME / "examples"


def write_classifier(folder: Path) -> Case:
    """A small classifier, written to model.tflite, and its input, to x.npy."""
    case = Case(Conv(size=(1, 1), kernel=(1, 1), channels_in=40, channels_out=9))
    (folder / "model.tflite").write_bytes(case.file(float_input=True))
    np.save(folder / "x.npy", case.x.astype(np.float32))
    return case


@pytest.fixture
def case(tmp_path) -> Case:
    return write_classifier(tmp_path)


def best_five(case: Case) -> list[str]:
    """What the example prints."""
    scores = oracle.real_output(case.values, case.multiplier, case.bias).ravel()
    return [
        f"class {i}: {scores[i]:.4f}" for i in np.argsort(-np.float32(scores), kind="stable")[:5]
    ]


def test_python(case, tmp_path):
    if os.environ.get("LARQ_IGP_RUNTIME_TEST_HOST"):
        return
    need_module("ai_edge_litert")
    result = subprocess.run(
        [
            sys.executable,
            EXAMPLES / "python_litert.py",
            tmp_path / "model.tflite",
            tmp_path / "x.npy",
        ],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines() == best_five(case)


WARNINGS = "-Wall -Wextra -Werror"


def compiler() -> str:
    return os.environ.get("CXX") or need_tool("c++")


def test_declarations_are_tensorflows(c_api, tmp_path):
    """The offsets that the engine asserts of its declarations, asserted of TensorFlow's."""
    assertions = re.findall(
        r"^static_assert\(.*$", (RUNTIME / "native/tfl_abi.h").read_text(), re.MULTILINE
    )
    assert len(assertions) > 20
    source = tmp_path / "offsets.cc"
    source.write_text(
        "\n".join(["#include <cstddef>", '#include "tensorflow/lite/c/common.h"', *assertions])
    )
    command = [
        compiler(),
        "-std=c++17",
        "-fsyntax-only",
        "-Wno-invalid-offsetof",
        f"-I{c_api}/2.9.0/include",
        source,
    ]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


def test_jni(tmp_path, monkeypatch):
    """With the few names of jni.h that it uses; called under the names that Kotlin looks for."""
    (tmp_path / "jni.h").write_text(
        "#pragma once\n#include <cstdint>\n#include <cstring>\ntypedef int jint;\n"
        "typedef void* jobject;\ntypedef jobject jclass;\ntypedef int64_t jlong;\n"
        "struct JNIEnv {\n  const char* message;\n"
        "  jclass FindClass(const char* name) { return const_cast<char*>(name); }\n"
        "  jint ThrowNew(jclass, const char* text) { message = strdup(text); return 0; }\n};\n"
        '#define JNIEXPORT __attribute__((visibility("default")))\n#define JNICALL\n'
    )
    library, flags = tmp_path / "libjni.so", ["-std=c++17", *WARNINGS.split(), "-shared", "-fPIC"]
    command = [
        compiler(),
        *flags,
        f"-I{tmp_path}",
        f"-I{include_dir()}",
        EXAMPLES / "android/engine_jni.cc",
        delegate_path(),
        f"-Wl,-rpath,{Path(delegate_path()).parent}",
    ]
    result = subprocess.run([*command, "-o", library], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr

    kotlin = (EXAMPLES / "android/Classifier.kt").read_text()
    package = re.search(r"^package (.*)$", kotlin, re.MULTILINE).group(1).replace(".", "_")
    functions = re.findall(r"private external fun (\w+)", kotlin)
    assert functions == ["create", "destroy"]
    jni = ctypes.CDLL(str(library))
    create, destroy = (getattr(jni, f"Java_{package}_BinaryEngine_{name}") for name in functions)
    create.argtypes, create.restype = [ctypes.c_void_p] * 2, ctypes.c_int64
    destroy.argtypes, destroy.restype = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64], None
    handle = create(None, None)
    assert handle
    destroy(None, None, handle)

    monkeypatch.setenv("LARQ_IGP_RUNTIME_ISA", "sse9")
    exception = ctypes.c_char_p()
    assert create(ctypes.addressof(exception), None) == 0
    assert exception.value.startswith(b"LARQ_IGP_RUNTIME_ISA is 'sse9'")


def test_the_pages_name_files_that_exist():
    for page in (RUNTIME / "README.md", *(RUNTIME / "docs").glob("*.md")):
        for target in re.findall(r"\]\(([^)]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
        for path in re.findall(
            r"`((?:examples|tools|tests|fuzz|docs)/[\w./-]+\.\w+)`", page.read_text()
        ):
            assert (RUNTIME / path).exists(), f"{page.name} names {path}"
