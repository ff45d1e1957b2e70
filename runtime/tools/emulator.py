"""Runs Python with the aarch64 wheel under qemu-aarch64, and counts its instructions."""

import os
import re
import shutil
import subprocess
import zipfile
from pathlib import Path

TOOLS = Path(__file__).resolve().parent
LITERT = "2.3.0"


class Emulator:
    """An aarch64 machine for one wheel.

    Attributes:
        cpu: the processor that qemu emulates; the Raspberry Pi 4's by default.
    """

    def __init__(self, root: Path, wheel: Path, folder: Path, litert: str = LITERT, cpu: str = "cortex-a72"):
        """Makes the root if need be, and unpacks the wheel.

        Args:
            root: folder of the aarch64 system, made by `aarch64_root.sh`; kept between runs.
            wheel: the aarch64 wheel of the runtime.
            folder: a scratch folder.
            litert: version of ai-edge-litert.
            cpu: qemu's name of the processor.
        """
        subprocess.run([TOOLS / "aarch64_root.sh", root, litert], check=True)
        self.root, self.cpu, self.folder = root.resolve(), cpu, folder
        package = folder / "package"
        zipfile.ZipFile(wheel).extractall(package)
        self._path = f"{package}:{self.root}/site-{litert}"

    def run(self, *arguments, qemu: tuple = (), **environment) -> subprocess.CompletedProcess:
        """Runs the emulated Python with the arguments; a failure raises with what it printed."""
        variables = {"PYTHONHOME": f"{self.root}/usr", "PYTHONPATH": self._path, **environment}
        command = ["qemu-aarch64", "-cpu", self.cpu, "-L", str(self.root), *map(str, qemu)]
        for name, value in variables.items():
            command += ["-E", f"{name}={value}"]
        command += [f"{self.root}/usr/bin/python3", *map(str, arguments)]
        result = subprocess.run(command, capture_output=True, text=True)
        if result.returncode:
            raise RuntimeError(f"exit code {result.returncode}: {result.stdout}{result.stderr}")
        return result

    def instructions(self, model: Path, **environment) -> int:
        """Instructions of one inference: those of three minus those of one, halved."""
        one, three = (self._count(model, runs, **environment) for runs in (1, 3))
        return (three - one) // 2

    def _count(self, model: Path, runs: int, **environment) -> int:
        plugin = counter_plugin(self.folder)
        # A fixed hash seed and no address randomisation: Python then does the same in every run.
        result = self.run(
            TOOLS / "aarch64_replay.py",
            "--count",
            runs,
            model,
            qemu=("-plugin", plugin, "-d", "plugin"),
            PYTHONHASHSEED="0",
            **environment,
        )
        return int(re.search(r"instructions (\d+)", result.stderr).group(1))


def counter_plugin(folder: Path) -> Path:
    """Compiles the counting plugin."""
    library = folder / "libinstruction_counter.so"
    if not library.exists():
        compiler = os.environ.get("CC") or shutil.which("cc") or "gcc"
        source = TOOLS / "instruction_counter.c"
        subprocess.run([compiler, "-O2", "-shared", "-fPIC", "-o", library, source], check=True)
    return library
