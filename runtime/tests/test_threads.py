"""The thread pool: right under load, after a fork, with signals, and with threads that never come.

`native/threads.cc` holds the checks; the second build of each runs under ThreadSanitizer.
"""

import os
import subprocess
import sys

import numpy as np
import pytest
from binary_conv import Case, Conv
from conftest import build

import larq_igp_runtime

CHECKS = (
    "loops",
    "oversubscription",
    "callers",
    "side_by_side",
    "fork",
    "fork_and_destroy",
    "signals",
    "modes",
    "refused",
    "late",
    "grain",
    "alone",
)
SANITIZER = {
    "TSAN_OPTIONS": "die_after_fork=0:allocator_may_return_null=1",
    "LARQ_IGP_RUNTIME_ISA": "",
}


@pytest.fixture(scope="module", params=["threads", "threads_tsan"], ids=["plain", "tsan"])
def checks(request, native):
    return build(native, "tests/native", request.param)


@pytest.mark.parametrize("check", CHECKS)
def test_pool(checks, check):
    result = subprocess.run(
        [checks, check],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, **SANITIZER},
    )
    assert result.returncode == 0, result.stderr[-3000:]


def test_all_checks_are_listed(checks):
    result = subprocess.run([checks], capture_output=True, text=True)
    assert result.returncode == 2 and tuple(result.stdout.split()) == CHECKS


def test_whole_engine_under_tsan(tmp_path):
    """Drawn models with one to eight threads, damaged or not, in the fuzzer's stand-in."""
    fuzzer = build(tmp_path, "fuzz", "fuzz", "SANITIZE=-fsanitize=thread")
    result = subprocess.run(
        [fuzzer, "0", "2000"], capture_output=True, text=True, env={**os.environ, **SANITIZER}
    )
    assert result.returncode == 0 and "no finding" in result.stdout, result.stderr[-3000:]


FORKING = """
import os, signal, sys, threading
import numpy as np
from larq_igp_runtime import Interpreter
model = Interpreter(sys.argv[1], num_threads=int(sys.argv[2]))
x = np.load(sys.argv[3])
expected = model.predict(x)
stop = threading.Event()
other = Interpreter(sys.argv[1], num_threads=int(sys.argv[2]))
def work():
    while not stop.is_set():
        other.predict(x)
thread = threading.Thread(target=work)
thread.start()
for _ in range(5):
    child = os.fork()
    if child == 0:
        signal.alarm(30)
        same = all(np.array_equal(model.predict(x), expected) for _ in range(20))
        os._exit(0 if same else 3)
    status = os.waitpid(child, 0)[1]
    assert status == 0, status
assert np.array_equal(model.predict(x), expected)
stop.set()
thread.join()
"""


@pytest.mark.parametrize("threads", [1, 2, 8])
def test_predict_in_a_forked_child(tmp_path, threads):
    """A child predicts while another thread of the parent does; both get the parent's answer."""
    case = Case(Conv(size=(20, 20), channels_in=64, channels_out=64))
    (tmp_path / "model.tflite").write_bytes(case.file(float_input=True))
    np.save(tmp_path / "x.npy", case.x.astype(np.float32))
    command = [
        sys.executable,
        "-c",
        FORKING,
        tmp_path / "model.tflite",
        str(threads),
        tmp_path / "x.npy",
    ]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr[-2000:]


@pytest.mark.parametrize("eager", ["0", "1"])
def test_more_threads_than_the_machine_has(monkeypatch, eager):
    monkeypatch.setenv("LARQ_IGP_RUNTIME_EAGER", eager)
    case = Case(Conv(size=(30, 30), channels_in=128, channels_out=128))
    for threads in (1, 3, 8, 64):
        interpreter = larq_igp_runtime.Interpreter(case.file(float_input=True), threads)
        for _ in range(5):
            case.check(interpreter.predict(case.x.astype(np.float32)))
