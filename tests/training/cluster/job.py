"""Training commands at a terminal of their own, and what came of a run."""

import csv
import fcntl
import os
import pty
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path

import numpy as np

from larq_igp.training.run.checkpoint import list_checkpoints, read_checkpoint
from larq_igp.training.run.directory import open_run
from tests.conftest import HANGS_SECONDS

NETWORK = ["resnet_tiny", "--filters", "8", "--blocks", "1", "--input-shape", "28,28,1"]
NETWORK += ["--batch-size", "100", "--checkpoint-seconds", "0"]
STEPS_PER_EPOCH = 12


def children(process: int) -> list[int]:
    """Return the processes that a process has started, in their order."""
    command = ["ps", "--ppid", str(process), "-o", "pid="]
    lines = subprocess.run(command, capture_output=True, text=True).stdout
    return sorted(int(line) for line in lines.split())


class Job:
    """``larq-igp train`` or ``launch`` at a terminal, in a session and process group of its own."""

    def __init__(self, run: Path, workers: int, epochs: int, folder: Path | None = None):
        self.run = run
        command = ["launch", "--workers", str(workers)] if workers > 1 else ["train"]
        command += [*NETWORK, "--epochs", str(epochs), "--run-dir", str(run), "--resume"]
        self.terminal, slave = pty.openpty()
        self.shown = bytearray()
        self.process = subprocess.Popen(
            [Path(sys.executable).with_name("larq-igp"), *command],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            cwd=folder,
            preexec_fn=_own_terminal,
        )
        os.close(slave)
        os.set_blocking(self.terminal, False)

    def read_terminal(self) -> None:
        """Keep what was printed, so that the terminal never is full."""
        try:
            while data := os.read(self.terminal, 65536):
                self.shown += data
        except OSError:  # nothing more for now, or all who wrote have ended
            pass

    def wait_for(self, condition) -> None:
        deadline = time.monotonic() + HANGS_SECONDS
        while not condition():
            self.read_terminal()
            assert self.process.poll() is None, self.shown.decode()
            assert time.monotonic() < deadline, self.shown.decode()
            time.sleep(0.01)

    def children(self) -> list[int]:
        return children(self.process.pid)

    def step(self) -> int:
        found = list_checkpoints(self.run / "checkpoints")
        return read_checkpoint(found[0]).state["step"] if found else 0

    def wait_for_a_step_after(self, step: int) -> None:
        self.wait_for(lambda: self.step() > step)

    def end(self) -> int:
        """Return the exit code."""
        deadline = time.monotonic() + HANGS_SECONDS
        while self.process.poll() is None:
            self.read_terminal()
            assert time.monotonic() < deadline, self.shown.decode()
            time.sleep(0.01)
        self.read_terminal()
        self.close()
        return self.process.returncode

    def close(self) -> None:
        if self.terminal >= 0:
            os.close(self.terminal)
        self.terminal = -1


def _own_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    for number in (signal.SIGINT, signal.SIGHUP):  # as a shell sets them; the tests' may differ
        signal.signal(number, signal.SIG_DFL)


def outcome(run: Path) -> tuple[list[np.ndarray], list[dict]]:
    with (run / "history.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    rows = [
        {k: v for k, v in row.items() if k not in ("seconds", "images_per_second")} for row in rows
    ]
    opened = open_run(run)
    weights = [opened.load_model(which).get_weights() for which in ("best", "last")]
    return [array for each in weights for array in each], [*rows, opened.metrics()]
