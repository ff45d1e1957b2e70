"""The shared library and the wheels: what they export, what they need, how they are tagged."""

import hashlib
import json
import os
import platform
import re
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from conftest import RUNTIME, need_module, need_tool

from larq_igp_runtime import __version__, delegate_path, include_dir

# Those that the header declares, and the last two are what an interpreter looks for.
EXPORTS = {
    "larq_igp_create_delegate",
    "larq_igp_describe",
    "larq_igp_destroy_delegate",
    "larq_igp_instruction_sets",
    "larq_igp_version",
    "tflite_plugin_create_delegate",
    "tflite_plugin_destroy_delegate",
}
HEADERS = {f"larq_igp_runtime/include/larq_igp_runtime.{end}" for end in ("h", "hpp")}
# Everything else that the library may ask of the system: the C library, threads, the C++ runtime.
LIBRARIES = re.compile(r"lib(c|m|pthread|dl|stdc\+\+|gcc_s)\.so\.\d+|ld-linux-[\w-]+\.so\.\d+")


def dynamic_symbols(library: Path, which: str) -> set[str]:
    """Names from nm, without their versions; `which` is --defined-only or --undefined-only."""
    nm = need_tool("nm")
    lines = subprocess.run(
        [nm, "-D", which, library], check=True, capture_output=True, text=True
    ).stdout.splitlines()
    return {line.split()[-1].partition("@")[0] for line in lines if line.split()[-2] not in "wv"}


def test_the_header_declares_what_is_exported():
    header = Path(include_dir(), "larq_igp_runtime.h").read_text()
    declared = re.findall(r"^LARQ_IGP_EXPORT [\w* ]*?(\w+)\(", header, re.MULTILINE)
    assert sorted(declared) == sorted(EXPORTS)


def needed_libraries(library: Path) -> list[str]:
    text = subprocess.run(
        [need_tool("readelf"), "-d", library], check=True, capture_output=True, text=True
    ).stdout
    return re.findall(r"\(NEEDED\).*\[(.*)\]", text)


def check_library(library: Path) -> None:
    assert dynamic_symbols(library, "--defined-only") == EXPORTS
    undefined = dynamic_symbols(library, "--undefined-only")
    foreign = {
        name
        for name in undefined
        if re.match(r"(?i)(_ZN?K?\d*)?(tflite|tensorflow|litert|flatbuffers)", name)
    }
    assert not foreign
    needed = needed_libraries(library)
    assert needed and all(LIBRARIES.fullmatch(name) for name in needed), needed
    readelf = [need_tool("readelf"), "--wide"]
    shown = {
        what: subprocess.run(
            [*readelf, what, library], check=True, capture_output=True, text=True
        ).stdout
        for what in ("-d", "-l")
    }
    assert re.search(r"BIND_NOW|FLAGS_1\).*NOW", shown["-d"])
    assert "GNU_RELRO" in shown["-l"]
    assert re.search(r"GNU_STACK.* RW ", shown["-l"])
    assert "__stack_chk_fail" in undefined


def test_installed_library():
    check_library(Path(delegate_path()))


def test_installed_library_resolves_every_symbol():
    """With immediate binding, loading fails on any symbol that nothing provides."""
    code = f"import ctypes, os; ctypes.CDLL({delegate_path()!r}, mode=os.RTLD_NOW | os.RTLD_LOCAL)"
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, "LD_BIND_NOW": "1"})


@pytest.fixture(scope="session")
def source(tmp_path_factory) -> Path:
    """A copy of the sources, so that builds leave nothing behind."""
    copy = tmp_path_factory.mktemp("source")
    files = (
        "setup.py",
        "setup.cfg",
        "pyproject.toml",
        "MANIFEST.in",
        "LICENSE",
        "README.md",
        "larq_igp_runtime",
        "native",
    )
    subprocess.run(["cp", "-r", *(str(RUNTIME / name) for name in files), str(copy)], check=True)
    for library in copy.glob("larq_igp_runtime/*.so"):
        library.unlink()
    return copy


def build(source: Path, out: Path, **environment) -> subprocess.CompletedProcess:
    need_module("pip")
    # A recent setuptools here saves an isolated build its download.
    recent = tuple(map(int, metadata.version("setuptools").split(".")[:2])) >= (70, 1)
    isolation = ["--no-build-isolation"] if recent else []
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--no-deps",
        *isolation,
        "-w",
        str(out),
        str(source),
    ]
    return subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, **environment}
    )


@pytest.mark.slow
def test_wheel_of_this_machine(source, tmp_path):
    """Compiled by the system's compiler, as `pip install` does before the tests."""
    result = build(source, tmp_path)
    assert result.returncode == 0, result.stdout + result.stderr
    (wheel,) = tmp_path.glob("*.whl")
    assert re.fullmatch(
        rf"larq_igp_runtime-{re.escape(__version__)}-py3-none-linux_{platform.machine()}\.whl",
        wheel.name,
    )
    check_contents(wheel)


def check_contents(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {"larq_igp_runtime/liblarq_igp_runtime.so", "larq_igp_runtime/py.typed"} <= names
    assert {name for name in names if name.endswith((".cc", ".h", ".hpp"))} == HEADERS
    assert "larq_igp_runtime/cmake/larq_igp_runtime-config.cmake" in names


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        (
            {"CXX": "/nowhere/c++"},
            "error: the C++ compiler named by CXX, '/nowhere/c++', was not found.",
        ),
        (
            {"CXX": "", "PATH": "/nowhere"},
            "error: larq-igp-runtime needs a C++17 compiler and none was found",
        ),
        (
            {"LARQ_IGP_RUNTIME_ZIG": "mips"},
            "error: LARQ_IGP_RUNTIME_ZIG is 'mips'; choose one of x86_64, aarch64.",
        ),
    ],
)
def test_no_compiler_is_one_sentence(source, tmp_path, environment, sentence):
    result = build(source, tmp_path, **environment)
    assert result.returncode != 0
    assert sentence in result.stdout + result.stderr


@pytest.mark.parametrize("arch", ["x86_64", "aarch64"])
def test_manylinux_wheels(wheels, arch, tmp_path):
    wheel = wheels[arch]
    check_contents(wheel)
    zipfile.ZipFile(wheel).extractall(tmp_path)
    check_library(tmp_path / "larq_igp_runtime/liblarq_igp_runtime.so")
    need_module("auditwheel")
    shown = subprocess.run(
        [sys.executable, "-m", "auditwheel", "show", wheel],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert re.search(rf'"manylinux_2_17_{arch}"', " ".join(shown.split())), shown


@pytest.mark.parametrize("arch", ["x86_64", "aarch64"])
def test_bill_of_materials(wheels, tmp_path, arch):
    need_module("cyclonedx")
    wheel = tmp_path / wheels[arch].name
    wheel.write_bytes(wheels[arch].read_bytes())
    subprocess.run(
        [sys.executable, RUNTIME / "tools/sbom.py", wheel], check=True, stdout=subprocess.PIPE
    )
    bill = json.loads(Path(f"{wheel}.cdx.json").read_text())
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    whole = bill["metadata"]["component"]
    assert (whole["name"], whole["version"]) == ("larq-igp-runtime", __version__)
    assert whole["hashes"][0]["content"] == hashlib.sha256(wheel.read_bytes()).hexdigest()
    assert {part["name"] for part in bill["components"]} == {
        "numpy",
        "pillow",
        "ai-edge-litert",
        "libc++",
    }
