"""Runs Python with the aarch64 wheel under qemu-aarch64, and counts its instructions."""

import os
import re
import shutil
import subprocess
import zipfile
from pathlib import Path

TOOLS = Path(__file__).resolve().parent
REQUIREMENTS = (TOOLS / "aarch64_requirements.txt").read_text()
(LITERT,) = re.findall(r"^ai-edge-litert==(\S+)", REQUIREMENTS, re.MULTILINE)


class Emulator:
    """An aarch64 machine for one wheel.

    Attributes:
        cpu: the processor that qemu emulates; the Raspberry Pi 4's by default.
        engine: path of the wheel's shared library.
    """

    def __init__(self, root: Path, wheel: Path, folder: Path, cpu: str = "cortex-a72"):
        """Makes the root if need be, and unpacks the wheel.

        Args:
            root: folder of the aarch64 system, made by `aarch64_root.sh`; kept between runs.
            wheel: the aarch64 wheel of the runtime.
            folder: a scratch folder.
            cpu: qemu's name of the processor.
        """
        subprocess.run([TOOLS / "aarch64_root.sh", root], check=True)
        self.root, self.cpu, self.folder = root.resolve(), cpu, folder
        zipfile.ZipFile(wheel).extractall(folder / "package")
        self.engine = folder / "package/larq_igp_runtime/liblarq_igp_runtime.so"
        self._path = f"{folder}/package:{self.root}/site"

    def run(self, *arguments, qemu: tuple = (), **environment) -> subprocess.CompletedProcess:
        """Runs the emulated Python with the arguments; a failure raises with what it printed."""
        variables = {"PYTHONHOME": f"{self.root}/usr", "PYTHONPATH": self._path, **environment}
        return self.execute(f"{self.root}/usr/bin/python3", *arguments, qemu=qemu, **variables)

    def execute(self, *command, qemu: tuple = (), **environment) -> subprocess.CompletedProcess:
        """Runs a program; a failure raises with what it printed."""
        variables = [
            item for name, value in environment.items() for item in ("-E", f"{name}={value}")
        ]
        emulated = ["qemu-aarch64", "-cpu", self.cpu, "-L", self.root, *qemu, *variables, *command]
        result = subprocess.run(list(map(str, emulated)), capture_output=True, text=True)
        if result.returncode:
            raise RuntimeError(f"exit code {result.returncode}: {result.stdout}{result.stderr}")
        return result

    def instructions(self, model: Path, **environment) -> dict[str, int]:
        """Instructions of an inference, all and the engine's: of three minus of one, halved."""
        one, three = (self._count(model, runs, **environment) for runs in (1, 3))
        return {which: (three[which] - one[which]) // 2 for which in ("all", "engine")}

    def _count(self, model: Path, runs: int, **environment) -> dict[str, int]:
        plugin = counter_plugin(self.folder)
        # A fixed hash seed, and no second thread that waits for work: Python then does the same in
        # every run.
        result = self.run(
            TOOLS / "aarch64_replay.py",
            "--count",
            runs,
            model,
            qemu=("-plugin", plugin, "-d", "plugin"),
            PYTHONHASHSEED="0",
            OPENBLAS_NUM_THREADS="1",
            **environment,
        )
        pages = {
            int(page, 16): int(n) for page, n in re.findall(r"page (\w+) (\d+)", result.stderr)
        }
        engine = set()
        for begin, end in re.findall(r"^(\w+)-(\w+)$", result.stdout, re.MULTILINE):
            engine.update(page % 2**20 for page in range(int(begin, 16) >> 12, int(end, 16) >> 12))
        return {"all": sum(pages.values()), "engine": sum(pages.get(page, 0) for page in engine)}


def counter_plugin(folder: Path) -> Path:
    """Compiles the counting plugin."""
    library = folder / "libinstruction_counter.so"
    if not library.exists():
        compiler = os.environ.get("CC") or shutil.which("cc") or "gcc"
        source = TOOLS / "instruction_counter.c"
        subprocess.run([compiler, "-O2", "-shared", "-fPIC", "-o", library, source], check=True)
    return library
