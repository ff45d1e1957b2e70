"""Start several workers on this machine; show the chief's output; end all when one fails."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from typing import IO

POLL_SECONDS = 0.1
GRACE_SECONDS = 20.0
"""Between SIGTERM, at which a worker writes a checkpoint, and SIGKILL."""


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
    """Start ``larq-igp train`` as one worker of several."""
    config = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
    environment = {**os.environ, "TF_CONFIG": json.dumps(config)}
    command = [sys.executable, "-m", "larq_igp", "train", *arguments, "--strategy", "multiworker"]
    return subprocess.Popen(
        command, env=environment, stdout=output, stderr=subprocess.STDOUT if output else None
    )


def launch(workers: int, arguments: list[str]) -> int:
    """Train on several processes of this machine.

    Args:
        workers: how many; the first is the chief, whose output is shown.
        arguments: of ``larq-igp train``.

    Returns:
        the exit code: 0 if all came to their end, that of the first that did not otherwise; 128 and
        the signal's number for one that was ended by a signal.
    """
    addresses = [f"127.0.0.1:{port}" for port in free_ports(workers)]
    with ExitStack() as held:
        outputs = [
            None,
            *(held.enter_context(tempfile.TemporaryFile()) for _ in range(workers - 1)),
        ]
        processes = [
            start_worker(i, addresses, arguments, output) for i, output in enumerate(outputs)
        ]
        asked: list[int] = []
        before = {
            number: signal.signal(number, lambda number, frame: asked.append(number))
            for number in (signal.SIGTERM, signal.SIGINT)
        }
        try:
            while not asked and any(process.poll() is None for process in processes):
                if any(process.returncode for process in processes):
                    break
                time.sleep(POLL_SECONDS)
            failed = [i for i, process in enumerate(processes) if process.poll()]
            failed.sort(
                key=lambda i: processes[i].returncode
            )  # who was killed, before who noticed it
            end_all(processes)
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            for process in processes:
                process.kill()
        if asked:
            return 128 + asked[0]
        if not failed:
            return 0
        code = processes[failed[0]].returncode
        how = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
        print(f"worker {failed[0]} {how}: all were stopped.", file=sys.stderr)
        if failed[0] and code > 0:
            print(last_line(outputs[failed[0]]), file=sys.stderr)
        return 128 - code if code < 0 else code


def end_all(processes: list[subprocess.Popen]) -> None:
    """Ask all to end, then make them."""
    for process in processes:
        if process.poll() is None:
            process.terminate()
    deadline = time.monotonic() + GRACE_SECONDS
    for process in processes:
        try:
            process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def last_line(output: IO) -> str:
    """Return the last line that a worker printed."""
    output.seek(0)
    lines = output.read().decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else ""
