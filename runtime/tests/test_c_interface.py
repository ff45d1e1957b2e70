"""The header for C and C++, and the ways by which CMake finds it; setup.py and CMake agree."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from platform import machine

import pytest
from conftest import RUNTIME, isas_of_this_machine, need_tool

import larq_igp_runtime
from larq_igp_runtime import cmake_dir, delegate_path, include_dir, instruction_sets

SOURCES = RUNTIME / "tests" / "native"
WARNINGS = ["-Wall", "-Wextra", "-Werror", "-pedantic"]
PROJECT = """
cmake_minimum_required(VERSION 3.16)
project(stranger C CXX)
find_package(larq_igp_runtime REQUIRED)
add_executable(in_c interface.c)
add_executable(in_cxx interface.cc)
target_compile_features(in_cxx PRIVATE cxx_std_17)
target_link_libraries(in_c PRIVATE larq_igp_runtime::larq_igp_runtime)
target_link_libraries(in_cxx PRIVATE larq_igp_runtime::larq_igp_runtime)
"""
VERSIONS = """
cmake_minimum_required(VERSION 3.16)
project(stranger CXX)
set(given "${larq_igp_runtime_DIR}")
foreach(version ${WANTED})
  set(larq_igp_runtime_DIR "${given}" CACHE PATH "" FORCE)
  find_package(larq_igp_runtime ${version} QUIET)
  message(STATUS "wanted ${version} ${larq_igp_runtime_FOUND}")
endforeach()
"""


def run(*command, **environment) -> str:
    result = subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        env={**os.environ, "LARQ_IGP_RUNTIME_ISA": "", **environment},
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def check_output(text: str, language: str) -> None:
    """Check what a program prints: the version, the instruction sets, and a sentence each."""
    lines = text.splitlines()
    assert lines[0] == f"version {larq_igp_runtime.__version__}"
    available = [line.split()[1] for line in lines if line.startswith("has ")]
    assert tuple(available) == instruction_sets()
    described = json.loads(next(line for line in lines if line.startswith("{")))
    assert described == {
        "version": larq_igp_runtime.__version__,
        "instruction_set": "portable",
        "fuse": language == "C",
        "pixels": True,
        "profile": False,
        "operators": [],
        "partitions": [],
    }
    unknown = (
        "instruction_set is 'sse9', which is none that the engine knows; "
        f"choose one of {', '.join(available)}, or leave it out"
    )
    if language == "C++":
        assert lines[-1] == f"error: {unknown}"
        return
    assert [line for line in lines[1:] if ": " in line and line[0] != "{"] == [
        "defaults: made",
        "options: made",
        "options of an older header: made",
        "options of a newer header: the options are those of another version: their size is 64, "
        "not 56",
        "options cut in a pointer: the options are those of another version: their size is 17, "
        "not 56",
        "threads: num_threads is 1025; it must be from 1 to 1024, or 0 for the interpreter's",
        f"instruction set: {unknown}",
    ]


@pytest.mark.parametrize(
    "compiler, standard, source, language",
    [("cc", "c11", "interface.c", "C"), ("c++", "c++17", "interface.cc", "C++")],
)
def test_programs(tmp_path, compiler, standard, source, language):
    command = [need_tool(compiler), f"-std={standard}", *WARNINGS, f"-I{include_dir()}"]
    library = Path(delegate_path())
    link = [library, f"-Wl,-rpath,{library.parent}", "-o", tmp_path / "program"]
    run(*command, SOURCES / source, *link)
    check_output(run(tmp_path / "program"), language)


def test_header_beside_tensorflows(c_api, tmp_path):
    """Both headers in one file, in either order: the declarations are the same."""
    for standard, compiler in (("c11", "cc"), ("c++17", "c++")):
        headers = ['#include "larq_igp_runtime.h"', '#include "tensorflow/lite/c/common.h"']
        for order in (headers, headers[::-1]):
            source = tmp_path / "both.txt"
            source.write_text(
                "\n".join(order) + "\nTfLiteDelegate* make(void);\n"
                "TfLiteDelegate* make(void) { return larq_igp_create_delegate(NULL, NULL, 0); }\n"
            )
            language = "c" if compiler == "cc" else "c++"
            flags = [f"-std={standard}", "-Wall", "-Wextra", "-Werror", "-fsyntax-only"]
            paths = [f"-I{include_dir()}", f"-I{c_api}/2.9.0/include"]
            run(need_tool(compiler), *flags, *paths, "-x", language, source)


def use(folder: Path, *flags) -> None:
    """Build and run both programs in an empty folder by `find_package`."""
    folder.mkdir()
    (folder / "CMakeLists.txt").write_text(PROJECT)
    for name in ("interface.c", "interface.cc"):
        (folder / name).write_text((SOURCES / name).read_text())
    run("cmake", "-S", folder, "-B", folder / "build", *flags)
    run("cmake", "--build", folder / "build")
    check_output(run(folder / "build/in_c"), "C")
    check_output(run(folder / "build/in_cxx"), "C++")


def check_versions(folder: Path, flag: str) -> None:
    """Ask for versions that the engine has, and for others of the same and another minor one."""
    numbers = re.match(r"(\d+)\.(\d+)\.(\d+)", larq_igp_runtime.__version__).groups()
    major, minor, patch = map(int, numbers)
    folder.mkdir()
    (folder / "CMakeLists.txt").write_text(VERSIONS)
    has = [f"{major}.{minor}", f"{major}.{minor}.{patch}"]
    others = [f"{major}.{minor}.{patch + 1}", f"{major}.{minor + 1}", f"{major + 1}"]
    wanted = ";".join(has + others)
    printed = run("cmake", "-S", folder, "-B", folder / "build", flag, f"-DWANTED={wanted}")
    found = [line.split()[2:] for line in printed.splitlines() if line.startswith("-- wanted ")]
    assert found == [[version, "1"] for version in has] + [[version, "0"] for version in others]


def test_cmake_finds_the_python_package(tmp_path):
    need_tool("cmake")
    flag = f"-Dlarq_igp_runtime_DIR={cmake_dir()}"
    use(tmp_path / "stranger", flag)
    check_versions(tmp_path / "versions", flag)


def test_cmake_in_sources_that_nothing_compiled(tmp_path):
    """It says so, where a compiler would only miss a file."""
    need_tool("cmake")
    package = tmp_path / "larq_igp_runtime"
    shutil.copytree(Path(cmake_dir()).parent, package, ignore=shutil.ignore_patterns("*.so"))
    (tmp_path / "CMakeLists.txt").write_text(PROJECT)
    flags = ["-S", tmp_path, "-B", tmp_path / "build", f"-Dlarq_igp_runtime_DIR={package}/cmake"]
    result = subprocess.run(["cmake", *flags], capture_output=True, text=True)
    assert result.returncode == 1
    assert "is missing: install the package" in " ".join(result.stderr.split())


def test_cmake_install(tmp_path):
    need_tool("cmake")
    build, prefix = tmp_path / "build", tmp_path / "prefix"
    run("cmake", "-S", RUNTIME, "-B", build)
    run("cmake", "--build", build, "--parallel", "2")
    run("cmake", "--install", build, "--prefix", prefix)
    installed = {str(path.relative_to(prefix)) for path in prefix.rglob("*") if path.is_file()}
    assert {"include/larq_igp_runtime.h", "include/larq_igp_runtime.hpp"} < installed
    assert any(name.endswith("larq_igp_runtime-config-version.cmake") for name in installed)
    use(tmp_path / "stranger", f"-DCMAKE_PREFIX_PATH={prefix}")
    check_versions(tmp_path / "versions", f"-DCMAKE_PREFIX_PATH={prefix}")


def configured(build: Path, source: Path = RUNTIME, *flags) -> tuple[dict[str, set[str]], str]:
    """The flags of each source in CMake's default configuration, and those of the linker."""
    export = "-DCMAKE_EXPORT_COMPILE_COMMANDS=ON"
    run("cmake", "-S", source, "-B", build, "-G", "Unix Makefiles", export, *flags)
    commands = json.loads((build / "compile_commands.json").read_text())
    link = "".join(path.read_text() for path in sorted(build.rglob("link.txt")))
    return {Path(one["file"]).name: set(shlex.split(one["command"])) for one in commands}, link


FLAGS_OF_SETUP = """
import json, runpy
from pathlib import Path
setup = runpy.run_path("setup.py", run_name="setup")
own = {path.name: setup["own_flags"](path) for path in Path("native").glob("*.cc")}
print(json.dumps([setup["COMPILE_FLAGS"], setup["X86_FLAGS"], setup["LINK_FLAGS"], own]))
"""


def test_flags_are_those_of_setup(tmp_path):
    """setup.py is read by a process of its own: setuptools asks to be imported first of all."""
    need_tool("cmake")
    process = [sys.executable, "-c", FLAGS_OF_SETUP]
    done = subprocess.run(process, cwd=RUNTIME, capture_output=True, text=True, check=True)
    compiled, x86, of_linker, own = json.loads(done.stdout)
    sources, link = configured(tmp_path)
    assert set(sources) == set(own)
    ours = {*compiled, *(x86 if machine() == "x86_64" else [])}
    for name, flags in sources.items():
        found = {flag for flag in flags if re.match(r"-[fOUDps]", flag) and flag != "-o"}
        assert found - {"-Dlarq_igp_runtime_EXPORTS"} == ours | set(own[name]), name
    linked = {flag.split("/native/")[-1] for flag in shlex.split(link)}
    # Strip as `cmake --install --strip`: Android wants the symbols for reports of crashes.
    wanted = {flag.split("native/")[-1] for flag in of_linker} - {"-s"}
    assert wanted <= linked
    assert "max-page-size" not in link


def test_android_example(tmp_path):
    """The project of an app, as far as CMake goes without the NDK: both libraries, 16 kB pages."""
    need_tool("cmake")
    android = RUNTIME / "examples/android"
    sources, link = configured(tmp_path, android, f"-DENGINE={RUNTIME}", "-DANDROID=1")
    assert f"-I{RUNTIME}/larq_igp_runtime/include" in {
        flag.replace("-isystem ", "-I") for flag in sources["engine_jni.cc"]
    }
    assert link.count("-Wl,-z,max-page-size=16384") == 2
    assert all("-O3" in flags for name, flags in sources.items() if name != "engine_jni.cc")
    assert (
        f"-DENGINE=/path/to/larq-igp/{RUNTIME.name}" in (android / "build.gradle.kts").read_text()
    )


def test_instruction_sets_are_those_of_the_processor():
    """What the library asks of the CPU itself, and what Linux says of it."""
    assert sorted(instruction_sets()) == sorted(isas_of_this_machine())
    assert set(instruction_sets()) <= set(larq_igp_runtime.ISAS)
