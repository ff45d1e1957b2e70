"""What reaches the terminal: the answer, notes, and the time while one waits; nothing else."""

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios

import pytest


def typed(*words: object) -> subprocess.CompletedProcess:
    """Run a command as a process of its own, as users do."""
    variables = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    command = [sys.executable, "-m", "larq_igp", *map(str, words)]
    return subprocess.run(command, env=variables, capture_output=True, text=True)


def at_a_terminal(*words: object) -> str:
    """Run a program at a terminal of its own; return all that was shown there."""
    shown = b""
    pid, leader = pty.fork()
    if pid == 0:
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))  # rows, columns
        able = os.environ | {"TERM": "xterm"}  # a dumb terminal cannot clear a line
        os.execve(sys.executable, [sys.executable, *map(str, words)], able)
    try:
        while data := os.read(leader, 4096):
            shown += data
    except OSError:  # how the end is told on Linux
        pass
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0, shown
    return shown.decode()


def test_no_line_of_a_library_reaches_the_terminal(run_dir, tmp_path):
    path = tmp_path / "net.tflite"
    quiet = typed("convert", run_dir, "-o", path)  # trains nothing, and runs every engine
    assert quiet.returncode == 0, quiet.stderr
    assert quiet.stderr == ""
    assert "verified by" in quiet.stdout
    loud = typed("evaluate", "--verbose", path)
    assert loud.returncode == 0
    assert "tensorflow/" in loud.stderr


def test_a_terminal_shows_what_is_waited_for_and_the_answer():
    shown = at_a_terminal("-m", "larq_igp", "summary", "igp_resnet_tiny")
    assert "counting:" in shown
    assert "0:00:0" in shown
    answer = shown[shown.rindex("\x1b[2K") :]  # the line of the bar is cleared before it
    assert "igp_resnet_tiny: depth 10" in answer
    assert "counting" not in answer


def test_notes_stand_above_the_bar():
    script = (
        "import time, click\n"
        "from larq_igp.terminal import waiting_for\n"
        "with waiting_for('converting'):\n"
        "    time.sleep(1.5); click.echo('a note', err=True); print('a line')\n"
    )
    shown = at_a_terminal("-c", script)
    assert "\x1b[2Ka note\r\n" in shown
    assert "\x1b[2Ka line\r\n" in shown
    assert "\x1b[?25" not in shown  # the cursor stays on, also if a signal ends the process


@pytest.mark.slow
def test_training_shows_what_is_waited_for(tmp_path):
    options = ("--epochs", "1", "--run-dir", tmp_path / "run")
    shown = at_a_terminal("-m", "larq_igp", "train", "resnet_tiny", *options)
    waits = (
        "starting TensorFlow:", "reading the data set:", "run directory:",
        "building the training step:", "compiling", "epoch 1/1", "validating",
        "measuring the best weights:", "next: larq-igp convert",
    )  # fmt: skip
    places = [shown.index(each) for each in waits]
    assert places == sorted(places)


@pytest.mark.parametrize("ends", ["abort", "exit"])
def test_what_ends_the_process_is_said_although_libraries_are_quiet(ends):
    script = (
        "import os, sys\n"
        "from larq_igp.terminal import quiet_libraries\n"
        "quiet_libraries()\n"
        "os.write(2, b'noise of a library\\n')\n"
        "print('ours', file=sys.stderr)\n"
    )
    script += {"abort": "os.abort()\n", "exit": "raise RuntimeError('a fault of ours')\n"}[ends]
    finished = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert finished.returncode
    assert "noise" not in finished.stderr
    assert "ours" in finished.stderr
    said = {"abort": "Fatal Python error: Aborted", "exit": "a fault of ours"}
    assert said[ends] in finished.stderr
