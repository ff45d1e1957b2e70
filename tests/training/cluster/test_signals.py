"""SIGTERM, Ctrl-C and a closed terminal leave a checkpoint, for one process and for several."""

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

import click
import numpy as np
import pytest
from click.testing import CliRunner

from larq_igp.cli.output import Group
from larq_igp.training.run.checkpoint import list_checkpoints, read_checkpoint
from larq_igp.training.run.directory import open_run
from tests.conftest import HANGS_SECONDS

NETWORK = ["resnet_tiny", "--filters", "8", "--blocks", "1", "--input-shape", "28,28,1"]
NETWORK += ["--batch-size", "100", "--checkpoint-seconds", "0"]
STEPS_PER_EPOCH = 12


class Job:
    """``larq-igp train`` or ``launch`` at a terminal, in a session and process group of its own."""

    def __init__(self, run: Path, workers: int, epochs: int):
        self.run = run
        command = ["launch", "--workers", str(workers)] if workers > 1 else ["train"]
        command += [*NETWORK, "--epochs", str(epochs), "--run-dir", str(run), "--resume"]
        self.terminal, slave = pty.openpty()
        self.shown = bytearray()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "larq_igp", *command],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
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
        lines = subprocess.run(
            ["ps", "--ppid", str(self.process.pid), "-o", "pid="], capture_output=True, text=True
        ).stdout
        return [int(line) for line in lines.split()]

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


def terminate(job: Job) -> int:
    job.process.terminate()
    return signal.SIGTERM


def press_ctrl_c(job: Job) -> int:
    os.write(job.terminal, b"\x03")  # the kernel signals the whole process group
    return signal.SIGINT


def close_terminal(job: Job) -> int:
    job.close()
    return signal.SIGHUP


def outcome(run: Path) -> tuple[list[np.ndarray], list[dict]]:
    with (run / "history.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    rows = [
        {k: v for k, v in row.items() if k not in ("seconds", "images_per_second")} for row in rows
    ]
    opened = open_run(run)
    weights = [opened.load_model(which).get_weights() for which in ("best", "last")]
    return [array for each in weights for array in each], [*rows, opened.metrics()]


@pytest.mark.parametrize("workers, epochs", [(1, 4), (2, 8)])
def test_each_signal_leaves_a_checkpoint_from_which_every_digit_follows(tmp_path, workers, epochs):
    """One run is stopped three times, in three ways, and compared with one that is left alone."""
    undisturbed = Job(tmp_path / "undisturbed", workers, epochs)
    assert undisturbed.end() == 0, undisturbed.shown.decode()
    run, before = tmp_path / "run", 0
    for stop in (terminate, press_ctrl_c, close_terminal):
        job = Job(run, workers, epochs)
        job.wait_for_a_step_after(before)
        number = stop(job)
        assert job.end() == 128 + number, (stop, job.shown.decode())
        assert before < job.step() < epochs * STEPS_PER_EPOCH
        before = job.step()
        assert not job.children()
        if stop is not close_terminal:
            said = f"stopped by {signal.Signals(number).name} at step {before} of"
            assert said in job.shown.decode()
            assert "Traceback" not in job.shown.decode()
    job = Job(run, workers, epochs)
    assert job.end() == 0, job.shown.decode()
    assert f"at step {before} of {epochs * STEPS_PER_EPOCH}" in job.shown.decode()
    (mine, rows), (theirs, undisturbed_rows) = outcome(run), outcome(tmp_path / "undisturbed")
    for a, b in zip(mine, theirs, strict=True):
        np.testing.assert_array_equal(a, b)
    assert rows == undisturbed_rows


@pytest.mark.parametrize("workers", [1, 2])
def test_a_second_ctrl_c_ends_at_once(tmp_path, workers):
    """Before the first step the loop cannot grant the first one."""
    job = Job(tmp_path / "run", workers, epochs=1)
    job.wait_for((tmp_path / "run" / "config.json").is_file)
    started = job.children()
    press_ctrl_c(job)
    time.sleep(0.3)
    assert job.process.poll() is None  # it is on its way to the first step
    press_ctrl_c(job)
    code = job.end()
    assert code == {1: -signal.SIGINT, 2: 128 + signal.SIGINT}[workers]  # 130 for a shell, both
    assert len(started) == (workers if workers > 1 else 0)
    for worker in started:
        with pytest.raises(ProcessLookupError):
            os.kill(worker, 0)
    assert list_checkpoints(tmp_path / "run" / "checkpoints") == []


READER_ENDS_FIRST = """
import subprocess, sys
from pathlib import Path
command = [sys.executable, "-m", "larq_igp", "train", *sys.argv[2:], "--run-dir", sys.argv[1]]
train = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
while not any(Path(sys.argv[1]).glob("checkpoints/*.ckpt")):
    assert train.poll() is None, train.stdout.read()
train.stdout.close()
sys.exit(train.wait())
"""


def test_a_run_outlasts_the_reader_of_its_output(tmp_path):
    """As when Ctrl-C ends the ``tee`` of ``larq-igp train ... | tee log`` first."""
    run = tmp_path / "run"
    command = [sys.executable, "-c", READER_ENDS_FIRST, str(run), *NETWORK, "--epochs", "2"]
    finished = subprocess.run(
        [*command, "--quiet", "--json"],
        capture_output=True,
        text=True,
        check=False,
        timeout=HANGS_SECONDS,
    )
    assert (run / "metrics.json").is_file(), finished.stderr
    assert read_checkpoint(list_checkpoints(run / "checkpoints")[0]).state["step"] == 24


def test_ctrl_c_ends_any_other_command_with_130():
    @click.command()
    def wait() -> None:
        signal.raise_signal(signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        result = CliRunner().invoke(Group(commands={"wait": wait}), ["wait"])
    finally:
        signal.signal(signal.SIGINT, before)
    assert (result.exit_code, result.output) == (128 + signal.SIGINT, "")


IN_THE_BACKGROUND = """
import signal, sys
from larq_igp.training.fit.signals import StopRequest
signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
with StopRequest() as stop:
    signal.raise_signal(signal.SIGHUP)
    assert stop.signal is None
    signal.raise_signal(signal.SIGTERM)
    assert stop.signal == signal.SIGTERM
assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
"""


def test_under_nohup_a_closed_terminal_stops_nothing():
    finished = subprocess.run([sys.executable, "-c", IN_THE_BACKGROUND], check=False)
    assert finished.returncode == 0
