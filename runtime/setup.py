"""Compiles the engine and puts it into a wheel that fits every Python.

The shared library is loaded by the LiteRT interpreter and not by Python, so one wheel per machine
architecture serves every Python version: `py3-none-<platform>`.

Two ways to compile, chosen by environment variables:

* default: the system's C++ compiler ($CXX, else c++, g++ or clang++), for this machine;
* `LARQ_IGP_RUNTIME_ZIG=x86_64` or `aarch64`: the `ziglang` package from PyPI, for any Linux with
  glibc 2.17 or later on that architecture. The wheel is then tagged manylinux2014.
"""

import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from setuptools import Distribution, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_py import build_py

NATIVE = Path("native")
LIBRARY = "liblarq_igp_runtime.so"
GLIBC = "2.17"  # manylinux2014
ARCHITECTURES = ("x86_64", "aarch64")

# Outputs must not depend on the compiler's taste for fused multiply-add: -ffp-contract=off.
COMPILE_FLAGS = [
    "-std=c++17",
    "-O3",
    "-fPIC",
    "-fvisibility=hidden",
    "-ffp-contract=off",
    "-pthread",
]
# Against what a fault in the engine could be used for: checked copies, a canary on the stack, and
# tables of addresses that are written once and then read-only. -U, as a distribution's compiler may
# have set it.
COMPILE_FLAGS += ["-U_FORTIFY_SOURCE", "-D_FORTIFY_SOURCE=2"]
# For files that read what a stranger wrote. Kernels get sizes that were checked; canaries in them
# cost 1 %.
GUARD_FLAGS = ["-fstack-protector-strong"]
VERSION = re.search(
    r'^__version__ = "(.*)"$', Path("larq_igp_runtime/__init__.py").read_text(), re.MULTILINE
)[1]
KERNELS = re.compile(r"kernels_\w+|\w*convolution")
# Without it chance decides where loops lie, which costs the image convolution up to 2 %.
X86_FLAGS = ["-falign-loops=32"]
LINK_FLAGS = [
    "-shared",
    "-pthread",
    f"-Wl,-soname,{LIBRARY}",
    "-Wl,-z,relro",
    "-Wl,-z,now",
    "-Wl,-z,noexecstack",
    f"-Wl,--version-script={NATIVE / 'exports.map'}",
    "-s",
]


def zig_architecture() -> str | None:
    """The architecture to cross-compile for, or None for this machine's own compiler."""
    wanted = os.environ.get("LARQ_IGP_RUNTIME_ZIG")
    if wanted and wanted not in ARCHITECTURES:
        sys.exit(
            f"error: LARQ_IGP_RUNTIME_ZIG is {wanted!r}; choose one of {', '.join(ARCHITECTURES)}."
        )
    return wanted or None


def compiler() -> list[str]:
    """The command line that starts the C++ compiler."""
    if arch := zig_architecture():
        return [sys.executable, "-m", "ziglang", "c++", "-target", f"{arch}-linux-gnu.{GLIBC}"]
    if cxx := os.environ.get("CXX"):
        command = shlex.split(cxx)
        if not shutil.which(command[0]):
            sys.exit(f"error: the C++ compiler named by CXX, {command[0]!r}, was not found.")
        return command
    for name in ("c++", "g++", "clang++"):
        if shutil.which(name):
            return [name]
    sys.exit(
        "error: larq-igp-runtime needs a C++17 compiler and none was found: "
        "install one (Debian, Raspberry Pi OS: sudo apt install g++) or set CXX."
    )


def run(command: list[str]) -> None:
    """Runs one compiler command; a failure ends the build with its output and no traceback."""
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if result.returncode:
        sys.exit(f"error: the C++ compiler failed.\n{shlex.join(command)}\n{result.stdout}")


def own_flags(source: Path) -> list[str]:
    """The flags of one file: those that guard the stack of its functions, and the version."""
    flags = [] if KERNELS.fullmatch(source.stem) else GUARD_FLAGS
    version = [f'-DLARQ_IGP_RUNTIME_VERSION="{VERSION}"'] if source.stem == "options" else []
    return flags + version


def say(sentence: str) -> None:
    """Shows how far it is: a compiler for another machine takes minutes."""
    print(f"{zig_architecture() or platform.machine()}: {sentence}", flush=True)


def compile_library(output: Path) -> None:
    """Compiles native/*.cc, two files at a time, and links them into `output`."""
    cxx = compiler()
    sources = sorted(NATIVE.glob("*.cc"))
    if not sources:
        sys.exit(
            f"error: no C++ sources in {NATIVE.resolve()}; the source distribution is incomplete."
        )
    with tempfile.TemporaryDirectory() as scratch:
        objects = [str(Path(scratch) / f"{source.stem}.o") for source in sources]
        machine = zig_architecture() or platform.machine()
        flags = COMPILE_FLAGS + (X86_FLAGS if machine == "x86_64" else [])
        commands = [
            [*cxx, *flags, *own_flags(source), "-c", str(source), "-o", obj]
            for source, obj in zip(sources, objects, strict=True)
        ]
        with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
            for number, (source, _) in enumerate(
                zip(sources, pool.map(run, commands), strict=True), 1
            ):
                say(f"compiled {source}, {number} of {len(sources)}")
        if zig_architecture():
            say("linking; the first time zig compiles a C++ library, which takes some minutes")
        run([*cxx, *objects, *LINK_FLAGS, "-o", str(output)])


class BuildWithLibrary(build_py):
    """Copies the Python files, then compiles the engine beside them."""

    def run(self) -> None:
        """Runs the usual step, then the compiler."""
        super().run()
        package = (
            Path("larq_igp_runtime")
            if self.editable_mode
            else Path(self.build_lib, "larq_igp_runtime")
        )
        compile_library(package / LIBRARY)

    def get_outputs(self, include_bytecode=True) -> list[str]:
        """The files this step makes, the library among them."""
        library = str(Path(self.build_lib, "larq_igp_runtime", LIBRARY))
        return [*super().get_outputs(include_bytecode), library]


class WheelForEveryPython(bdist_wheel):
    """Tags the wheel with the platform alone: the library does not link against Python."""

    def finalize_options(self) -> None:
        """Marks the wheel as holding native code."""
        super().finalize_options()
        self.root_is_pure = False

    def get_tag(self) -> tuple[str, str, str]:
        """`py3-none-<platform>`, the platform being manylinux2014 when zig compiled for it."""
        if arch := zig_architecture():
            return "py3", "none", f"manylinux2014_{arch}"
        return "py3", "none", super().get_tag()[2]


class NativeDistribution(Distribution):
    """A distribution that holds native code although it has no Python extension module."""

    def has_ext_modules(self) -> bool:
        """Makes setuptools install into the platform's folder."""
        return True


if __name__ == "__main__":
    if platform.system() != "Linux":
        sys.exit(
            "error: larq-igp-runtime builds on Linux (x86-64 and aarch64); "
            "for Android see docs/android.md."
        )
    setup(
        cmdclass={"build_py": BuildWithLibrary, "bdist_wheel": WheelForEveryPython},
        distclass=NativeDistribution,
    )
