"""Start several workers on this machine, show the chief's output, and end all when one fails."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import IO

from larq_igp.training.cluster.network import leave_the_network
from larq_igp.training.cluster.workers import GRACE_SECONDS, LAUNCHED

RUN = "import sys; sys.path[:] = filter(None, sys.path); from larq_igp.__main__ import main; main()"
LARQ_IGP = [sys.executable, "-c", RUN]
"""The command ``larq-igp``, as ``python -m larq_igp`` but without the current folder on the path: a
file there with the name of a module would be imported in its place. Python 3.11 has ``-P`` for it.
"""
KILL = getattr(signal, "SIGKILL", signal.SIGTERM)  # Windows ends a process by either
POLL_SECONDS = 0.1


def free_ports(count: int) -> list[int]:
    """Return ports of the loopback interface that are free at this moment."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def start_worker(
    index: int, addresses: list[str], arguments: list[str], output: IO | None
) -> subprocess.Popen:
    """Start ``larq-igp train`` as one worker of several. Its standard input is a pipe, which ends
    with this process: then the worker ends too.
    """
    config = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
    environment = {**os.environ, "TF_CONFIG": json.dumps(config), LAUNCHED: "1"}
    return subprocess.Popen(
        [*LARQ_IGP, "train", *arguments, "--strategy", "multiworker"],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=output,
        stderr=subprocess.STDOUT if output else sys.__stderr__,
    )


def launch(workers: int, arguments: list[str], *, open_ports: bool = False) -> int:
    """Train on several processes of this machine.

    The workers communicate over a private network, which this process enters too: TensorFlow
    listens on all interfaces and asks for no password.

    SIGTERM, Ctrl-C and a closed terminal are passed on: each worker stops with a checkpoint. A
    second signal kills them.

    Args:
        workers: how many; the first is the chief, whose output is shown.
        arguments: of ``larq-igp train``.
        open_ports: whether the workers may listen on this machine's network.

    Raises:
        NetworkError: if the system does not allow a private network.

    Returns:
        the exit code: 0 if all came to their end; 128 and the signal's number if they stopped
        because a signal asked them to; otherwise the exit code of the first worker that failed, or
        128 and the number of the signal that ended it.
    """
    if not open_ports:
        leave_the_network()
    addresses = [f"127.0.0.1:{port}" for port in free_ports(workers)]
    with ExitStack() as held:
        outputs = [
            None,
            *(held.enter_context(tempfile.TemporaryFile()) for _ in range(workers - 1)),
        ]
        asked = held.enter_context(remembered_signals())
        processes: list[subprocess.Popen] = []
        held.callback(send_all, processes, KILL)
        for index, output in enumerate(outputs):
            processes.append(start_worker(index, addresses, arguments, output))
        failed = watch(processes, asked)
        if failed is None or len(asked) > 1:
            return 128 + asked[0] if asked and any(each.returncode for each in processes) else 0
        code = processes[failed].returncode
        how = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
        print(f"worker {failed} {how}: all were stopped.", file=sys.stderr)
        output = outputs[failed]
        if output and code > 0:
            print(last_line(output), file=sys.stderr)
        return 128 - code if code < 0 else code


@contextmanager
def remembered_signals() -> Iterator[list[int]]:
    """Yield a list to which the signals that ask to stop are added as they come."""
    asked: list[int] = []
    before = {}
    for number in (signal.SIGTERM, signal.SIGINT, getattr(signal, "SIGHUP", None)):
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            before[number] = signal.signal(number, lambda number, frame: asked.append(number))
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def watch(processes: list[subprocess.Popen], asked: list[int]) -> int | None:
    """Wait until all workers have ended, and make them when one has failed.

    Args:
        processes: the workers.
        asked: signals that this process was sent; it grows while this function waits.

    Returns:
        the index of the worker that failed first, or None if none did.
    """
    is_told, failed, deadline = False, None, float("inf")
    while True:
        has_ended = all(process.poll() is not None for process in processes)
        if failed is None:
            expected = (0, 128 + asked[0], -asked[0]) if asked else (0,)
            failed = first_failure(processes, expected)
            if failed is not None:
                deadline = time.monotonic() + GRACE_SECONDS
                send_all(processes, signal.SIGTERM)
        if has_ended:
            return failed
        if asked and not is_told:
            send_all(processes, asked[0])
            is_told = True
        if len(asked) > 1 or time.monotonic() > deadline:
            send_all(processes, KILL)
        time.sleep(POLL_SECONDS)


def first_failure(processes: list[subprocess.Popen], expected: tuple[int, ...]) -> int | None:
    """Return which worker ended otherwise than expected; one that was killed, before one that
    noticed it.
    """
    ended = [(process.poll(), index) for index, process in enumerate(processes)]
    failures = [(code, index) for code, index in ended if code is not None and code not in expected]
    return min(failures)[1] if failures else None


def send_all(processes: list[subprocess.Popen], number: int) -> None:
    """Send a signal to all that have not ended."""
    for process in processes:
        process.send_signal(number)


def last_line(output: IO) -> str:
    """Return the last line that a worker printed."""
    output.seek(0)
    lines = output.read().decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else ""
