"""Trains what is missing: each run in a process of its own, by the package's ``train`` command."""

import csv
import fcntl
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from experiments.fashion_mnist.networks import (
    DATASET,
    NETWORKS,
    STEM,
    block_path_costs,
    network_path_costs,
)
from experiments.fashion_mnist.plan import BATCH_SIZE, EPOCHS, Run, runs_in_order
from experiments.fashion_mnist.rows import add_row, read_rows
from larq_igp.deploy.host import describe_host
from larq_igp.training.run.layout import CONFIG, HISTORY, METRICS

ROOT = Path(__file__).parents[2]
THREADS = 1
"""Of each run. Two processes with one thread each finish more images a second than one with two."""


def command_line(run: Run, folder: Path, data_dir: Path | None) -> list[str]:
    """Return the command that trains a run, or continues it."""
    network = NETWORKS[run.network]
    options: dict[str, Any] = {
        "--bits": run.bits,
        "--stem": STEM,
        "--dataset": DATASET,
        "--epochs": run.epochs,
        "--batch-size": BATCH_SIZE,
        "--learning-rate": run.learning_rate,
        "--seed": run.seed,
        "--run-dir": folder,
    }
    if data_dir is not None:
        options["--data-dir"] = data_dir.absolute()
    for name, value in network.parameters.items():
        text = ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
        options[f"--{name.replace('_', '-')}"] = text
    typed = [str(part) for option in options.items() for part in option]
    return [sys.executable, "-m", "larq_igp", "train", network.base, *typed, "--resume", "--quiet"]


def environment() -> dict[str, str]:
    """Return the environment of a training process: this package, ``THREADS`` threads."""
    threads = dict.fromkeys(
        ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS"), str(THREADS)
    )
    return os.environ | threads | {"PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "2"}


def row_of(run: Run, folder: Path) -> dict[str, Any]:
    """Return the row of a finished run, from what its folder holds."""
    network = NETWORKS[run.network]
    counts = network.counts(run.bits)
    metrics = json.loads((folder / METRICS).read_text())
    versions = json.loads((folder / CONFIG).read_text())["versions"]
    with (folder / HISTORY).open(newline="") as file:
        history = [
            {key: float(value) for key, value in row.items()} for row in csv.DictReader(file)
        ]
    seconds = sum(row["seconds"] for row in history)
    images = sum(row["seconds"] * row["images_per_second"] for row in history)
    host = describe_host()
    row: dict[str, Any] = {
        "run": run.name,
        "network": run.network,
        "family": network.spec.family,
        "base": network.base,
        "parameters": json.dumps(network.parameters),
        "dataset": DATASET,
        "bits": run.bits,
        "seed": run.seed,
        "epochs": run.epochs,
        "batch_size": BATCH_SIZE,
        "learning_rate": run.learning_rate,
        "storage_bits": counts.storage_bits,
        "flops": counts.flops,
    }
    places = (("block", block_path_costs), ("network", network_path_costs))
    for place, costs_of in places:
        for order, cost in zip(("1st", "2nd", "3rd"), costs_of(run.network), strict=False):
            row[f"{place}_n_{order}"] = cost
    cpu = cpu_seconds(folder)
    return row | {
        "train_top1": round(history[-1]["top1"], 5),
        "train_loss": round(history[-1]["loss"], 5),
        "last_validation_top1": round(history[-1]["val_top1"], 5),
        "best_epoch": metrics["epoch"],
        "validation_top1": round(metrics["validation_top1"], 5),
        "test_top1": metrics["top1"],
        "test_loss": round(metrics["loss"], 5),
        "train_seconds": round(seconds, 1),
        "images_per_second": round(images / seconds, 1),
        "cpu_seconds": round(sum(cpu), 1),
        "processes": len(cpu),
        "threads": THREADS,
        "larq_igp": versions["larq-igp"],
        "tensorflow": versions["tensorflow"],
        "python": versions["python"],
        "cpu": host.cpu,
        "cores": host.cores,
    }


def _note(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.cpu")


def cpu_seconds(folder: Path) -> list[float]:
    """Return the CPU seconds of each process that trained a run; 0 for one that was killed."""
    path = _note(folder)
    lines = path.read_text().splitlines() if path.exists() else []
    return [sum(map(float, line.split())) for line in "\n".join(lines).split("start")[1:]]


def _try_lock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


class Trainer:
    """Trains runs one after another; several may share a folder of runs and a CSV.

    Attributes:
        results: the CSV.
        runs: the folder of the run directories.
        epochs: of a run.
        data_dir: the folder of the data set's files; None looks where they usually are.
    """

    def __init__(
        self, results: Path, runs: Path, epochs: int = EPOCHS, data_dir: Path | None = None
    ):
        self.results, self.runs = results.absolute(), runs.absolute()
        self.epochs, self.data_dir = epochs, data_dir
        self._child: subprocess.Popen | None = None
        self._stopped = False

    def train_missing(self, most: int | None = None) -> int:
        """Train what has no row, in the order of the plan.

        Args:
            most: how many runs to train.

        Returns:
            the exit code: 0 if nothing is missing, 1 if a run failed, 130 if asked to stop.
        """
        self.runs.mkdir(parents=True, exist_ok=True)
        signals = (signal.SIGTERM, signal.SIGINT)
        before = [signal.signal(number, self._stop) for number in signals]
        failed: set[str] = set()
        trained = 0
        try:
            while not self._stopped and trained != most and self._train_next(failed):
                trained += 1
        finally:
            for number, handler in zip(signals, before, strict=True):
                signal.signal(number, handler)
        return 130 if self._stopped else int(bool(failed))

    def _train_next(self, failed: set[str]) -> bool:
        """Train the first run that is free and has not failed; return whether there was one."""
        for run in runs_in_order(read_rows(self.results), self.epochs):
            if run.name in failed:
                continue
            with self._claimed(run) as claim:
                if claim is None:
                    continue
                code = self._finish(run, claim)
                if code and not self._stopped:
                    failed.add(run.name)
                    self._say(f"{run.name}: failed with exit code {code}, see its log")
                return True
        return False

    def _stop(self, number: int, frame: object) -> None:
        self._stopped = True
        if self._child is not None:
            self._child.terminate()  # it writes a checkpoint first

    @contextmanager
    def _claimed(self, run: Run) -> Iterator[int | None]:
        """Hold the claim on a run; None if it has a row, or another process holds the claim.

        The training process inherits the lock, and keeps it if this process is killed.
        """
        claim = os.open(self.runs / f"{run.name}.claim", os.O_RDWR | os.O_CREAT)
        try:
            yield claim if _try_lock(claim) and not self._has_row(run) else None
        finally:
            os.close(claim)

    def _has_row(self, run: Run) -> bool:
        return any(row["run"] == run.name for row in read_rows(self.results))

    def _finish(self, run: Run, claim: int) -> int:
        """Train a run to its end and add its row; return the exit code of the training."""
        folder = self.runs / run.name
        if not (folder / METRICS).is_file():
            code = self._train(run, folder, claim)
            if code:
                return code
        row = row_of(run, folder)
        if add_row(self.results, row):
            self._say(
                f"{run.name}: validation {row['validation_top1']:.2%}, "
                f"test {row['test_top1']:.2%}, {row['train_seconds']:.0f} s"
            )
        return 0

    def _train(self, run: Run, folder: Path, claim: int) -> int:
        note = _note(folder)
        with (self.runs / f"{run.name}.log").open("a") as log, note.open("a") as cpu:
            cpu.write("start\n")
            cpu.flush()
            self._child = subprocess.Popen(
                command_line(run, folder, self.data_dir),
                cwd=ROOT,
                env=environment(),
                stdout=log,
                stderr=log,
                pass_fds=(claim,),
            )
            if self._stopped:  # the signal came while there was no process to end
                self._child.terminate()
            _, status, usage = os.wait4(self._child.pid, 0)
            self._child.returncode = os.waitstatus_to_exitcode(status)
            cpu.write(f"{usage.ru_utime + usage.ru_stime:.2f}\n")
        return self._child.returncode

    def _say(self, text: str) -> None:
        print(text, flush=True)
