"""SIGTERM, Ctrl-C and a closed terminal leave a checkpoint, for one process and for several."""

import os
import signal
import subprocess
import sys
import time

import click
import numpy as np
import pytest
from click.testing import CliRunner

from larq_igp.cli.output import Group
from larq_igp.training.run.checkpoint import list_checkpoints, read_checkpoint
from tests.conftest import HANGS_SECONDS
from tests.training.cluster.job import NETWORK, STEPS_PER_EPOCH, Job, outcome


def terminate(job: Job) -> int:
    job.process.terminate()
    return signal.SIGTERM


def press_ctrl_c(job: Job) -> int:
    os.write(job.terminal, b"\x03")  # the kernel signals the whole process group
    return signal.SIGINT


def close_terminal(job: Job) -> int:
    job.close()
    return signal.SIGHUP


@pytest.mark.parametrize("workers, epochs", [(1, 4), pytest.param(2, 8, marks=pytest.mark.slow)])
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


TWICE = """
import atexit, os, signal, threading, time
import click
from larq_igp.cli.output import Group
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's "&" has it ignored
@click.command()
def wait():
    atexit.register(time.sleep, 30)
    threading.Timer(1, os.kill, (os.getpid(), signal.SIGINT)).start()
    signal.raise_signal(signal.SIGINT)
Group(commands={"wait": wait})(["wait"])
"""


def test_a_second_ctrl_c_ends_any_other_command_with_130_at_once():
    started = time.monotonic()
    finished = subprocess.run([sys.executable, "-c", TWICE], capture_output=True, check=False)
    assert (finished.returncode, finished.stderr) == (128 + signal.SIGINT, b"")
    assert time.monotonic() - started < 25


READER_ENDS_FIRST = """
import subprocess, sys
from pathlib import Path
command = [sys.executable, "-m", "larq_igp", "train", *sys.argv[2:], "--run-dir", sys.argv[1]]
train = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
while not any(Path(sys.argv[1]).glob("checkpoints/*.safetensors")):
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
