"""What ``launch`` leaves open, and what it leaves behind."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from larq_igp.training.cluster.workers import GRACE_SECONDS
from larq_igp.training.run.checkpoint import list_checkpoints, read_checkpoint
from tests.conftest import HANGS_SECONDS
from tests.training.cluster.job import NETWORK, STEPS_PER_EPOCH, Job, children, outcome


def ports(worker: int) -> list[int]:
    """Return the ports that the workers of a job were given."""
    environment = Path(f"/proc/{worker}/environ").read_bytes().split(b"\0")
    (config,) = (each for each in environment if each.startswith(b"TF_CONFIG="))
    addresses = json.loads(config.partition(b"=")[2])["cluster"]["worker"]
    return [int(address.rpartition(":")[2]) for address in addresses]


def is_alive(process: int) -> bool:
    """Tell whether a process has not ended; one whose parent does not ask for its end has."""
    try:
        stat = Path(f"/proc/{process}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


def start(run: Path, epochs: int, folder: Path) -> subprocess.Popen:
    """Start two workers without a terminal: when that ends, the kernel signals them too."""
    command = [Path(sys.executable).with_name("larq-igp"), "launch", "--workers", "2", *NETWORK]
    with (folder / "output").open("ab") as output:
        return subprocess.Popen(
            [*command, "--epochs", str(epochs), "--run-dir", run, "--resume"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=folder,
            start_new_session=True,
        )


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + HANGS_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def step_of(run: Path) -> int:
    found = list_checkpoints(run / "checkpoints")
    return read_checkpoint(found[0]).state["step"] if found else 0


@pytest.fixture(scope="module")
def orphaned(tmp_path_factory) -> Iterator[dict]:
    """A job that is looked at while it trains, and whose launcher is then killed."""
    folder = tmp_path_factory.mktemp("current folder")
    for name in ("numpy", "click", "json", "larq_igp"):
        (folder / f"{name}.py").write_text(f"open({str(folder / 'was run')!r}, 'w').close()\n")
    run = folder / "run"
    job = start(run, 500, folder)
    wait_for(lambda: step_of(run) > 0 or job.poll() is not None)
    assert job.poll() is None, (folder / "output").read_text()
    workers = children(job.pid)
    lines = subprocess.run(["ss", "-ltnH"], capture_output=True, text=True, check=True).stdout
    local = [line.split()[3] for line in lines.splitlines()]
    found: dict = {"listening": [int(address.rpartition(":")[2]) for address in local]}
    found |= {"ports": ports(workers[0]), "was run": (folder / "was run").exists()}
    for port in found["ports"]:
        with socket.socket() as each:
            found.setdefault("answers", []).append(each.connect_ex(("127.0.0.1", port)))
    found["step"] = step_of(run)
    started = time.monotonic()
    job.kill()
    job.wait()
    try:
        wait_for(lambda: not any(map(is_alive, workers)))
        yield found | {"seconds": time.monotonic() - started, "stopped at": step_of(run)}
    finally:
        for worker in filter(is_alive, workers):
            os.kill(worker, signal.SIGKILL)


def test_no_port_of_a_worker_can_be_reached(orphaned):
    assert len(set(orphaned["ports"])) == 2
    assert not set(orphaned["ports"]) & set(orphaned["listening"])
    assert all(orphaned["answers"])


def test_nothing_in_the_current_folder_is_imported(orphaned):
    assert not orphaned["was run"]


def test_workers_end_with_a_checkpoint_when_their_launcher_was_killed(orphaned):
    assert orphaned["seconds"] < GRACE_SECONDS
    assert orphaned["stopped at"] >= orphaned["step"]


WITHOUT_NAMESPACES = 'echo 0 > /proc/sys/user/max_net_namespaces; exec "$@"'


def test_without_a_network_of_their_own_launch_asks_for_a_flag(tmp_path):
    command = ["unshare", "--user", "--map-root-user", "sh", "-c", WITHOUT_NAMESPACES, "sh"]
    command += [Path(sys.executable).with_name("larq-igp"), "launch", "--workers", "2"]
    refused, passed = (
        subprocess.run(
            [*command, *flag, "resnet_tiny", "--epochs", "0", "--run-dir", tmp_path / "run"],
            capture_output=True,
            text=True,
            check=False,
            timeout=HANGS_SECONDS,
        )
        for flag in ([], ["--open-ports"])
    )
    assert refused.returncode == passed.returncode == 2
    assert len(refused.stderr.splitlines()) == 1
    assert "a private network (No space left on device)" in refused.stderr
    assert "give --open-ports" in refused.stderr
    assert "epochs must be" in passed.stderr  # a worker's own sentence


def test_what_has_to_be_downloaded_is_downloaded_before(refused):
    said = refused("launch", "--workers", 2, "resnet_tiny", "--dataset", "cifar10", "--download")
    assert "larq-igp data check DATASET --download" in said


@pytest.mark.slow
def test_after_each_end_by_force_every_digit_follows(tmp_path):
    """A run is ended four times, in four ways, and compared with one that is left alone."""
    undisturbed = Job(tmp_path / "undisturbed", 2, epochs=10)
    assert undisturbed.end() == 0, undisturbed.shown.decode()
    run, before = tmp_path / "run", 0

    def kill_launcher(job: subprocess.Popen) -> int:
        job.kill()
        return -signal.SIGKILL

    def hang_up(job: subprocess.Popen) -> int:
        job.send_signal(signal.SIGHUP)
        return 128 + signal.SIGHUP

    def kill_worker(job: subprocess.Popen) -> int:
        os.kill(children(job.pid)[1], signal.SIGKILL)
        return 128 + signal.SIGKILL

    def interrupt_twice(job: subprocess.Popen) -> int:
        for _ in range(2):
            os.killpg(job.pid, signal.SIGINT)
        return 128 + signal.SIGINT

    for stop in (kill_launcher, hang_up, kill_worker, interrupt_twice):
        job = start(run, 10, tmp_path)
        wait_for(lambda: step_of(run) > before or job.poll() is not None)  # noqa: B023
        workers = children(job.pid)
        assert stop(job) == job.wait(HANGS_SECONDS), (stop, (tmp_path / "output").read_text())
        wait_for(lambda: not any(map(is_alive, workers)))  # noqa: B023
        assert before < step_of(run) < 10 * STEPS_PER_EPOCH, stop
        before = step_of(run)
    assert start(run, 10, tmp_path).wait(HANGS_SECONDS) == 0, (tmp_path / "output").read_text()
    (mine, rows), (theirs, undisturbed_rows) = outcome(run), outcome(tmp_path / "undisturbed")
    for a, b in zip(mine, theirs, strict=True):
        np.testing.assert_array_equal(a, b)
    assert rows == undisturbed_rows
