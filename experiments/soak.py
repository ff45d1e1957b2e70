"""Kill real training processes at random moments, resume them, and compare every digit with a
run that was left alone.

    python experiments/soak.py --kills 200

Each process is `larq-igp train`, forked from one that has imported TensorFlow already, and ended by
SIGKILL: while it starts, in the middle of an epoch, while it writes a checkpoint or validates. A
run is resumed until it comes to its end; then its weights, history and measurements must equal
those of the run that was left alone, bit for bit (times aside). Exit code 1 if a single digit
differs.
"""

import csv
import hashlib
import json
import os
import random
import signal
import sys
import tempfile
import time
from pathlib import Path

import click
import sklearn.datasets
import sklearn.model_selection  # noqa: F401

import larq_igp.training.fit.train  # noqa: F401
from larq_igp.cli import main
from larq_igp.training.run.checkpoint import list_checkpoints

TIMES = ("seconds", "images_per_second")
TRAIN = [
    "resnet_tiny",
    "--filters",
    "8",
    "--blocks",
    "1",
    "--input-shape",
    "28,28,1",
    "--batch-size",
    "100",
]
LIMIT_SECONDS = 300


def start(arguments: list[str], log: Path) -> int:
    """Fork a process that runs ``larq-igp`` with these arguments, and return its number."""
    process = os.fork()
    if process:
        return process
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(output, 1)
    os.dup2(output, 2)
    code = 1
    try:
        main(arguments)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    finally:
        sys.stdout.flush()
        os._exit(code)


def has_ended(process: int) -> bool:
    """Return whether a process has come to its end by itself; it must have been a good one."""
    number, status = os.waitpid(process, os.WNOHANG)
    if number and os.waitstatus_to_exitcode(status) != 0:
        raise SystemExit(
            f"a process ended with exit code {os.waitstatus_to_exitcode(status)}: see the log."
        )
    return bool(number)


def outcome(run: Path) -> dict:
    """Return everything that must be equal:

    weights, history without times, layers, measurements.
    """
    import h5py

    weights = {}
    for which in ("best", "last"):
        digest = hashlib.sha256()
        with h5py.File(run / f"{which}.weights.h5") as file:
            names: list[str] = []
            file.visit(names.append)
            for name in names:
                if isinstance(file[name], h5py.Dataset):
                    digest.update(name.encode() + file[name][()].tobytes())
        weights[which] = digest.hexdigest()
    with (run / "history.csv").open(newline="") as file:
        history = [
            {name: value for name, value in row.items() if name not in TIMES}
            for row in csv.DictReader(file)
        ]
    return {
        "weights": weights,
        "history": history,
        "layers": (run / "layers.csv").read_text(),
        "metrics": json.loads((run / "metrics.json").read_text()),
    }


def newest_write(run: Path) -> float:
    """Return when the last checkpoint of a run was written; 0 if there is none."""
    newest = list_checkpoints(run / "checkpoints")[:1]
    return max((path.stat().st_mtime for path in newest), default=0.0)


def kill_at_random(process: int, run: Path, dice: random.Random, began: float) -> str | None:
    """Kill a process at a random moment; return where it was, or None if it ended before."""
    if dice.random() < 0.15:  # at any moment of its start
        moment = began + dice.uniform(0, 4)
    else:  # soon after it has written its first checkpoint
        while newest_write(run) < began:
            if has_ended(process):
                return None
            if time.time() > began + LIMIT_SECONDS:
                raise SystemExit("a process does not come to its first checkpoint: see the log.")
            time.sleep(0.005)
        moment = time.time() + dice.expovariate(1 / 0.6)
    while time.time() < moment:
        if has_ended(process):
            return None
        time.sleep(0.002)
    os.kill(process, signal.SIGKILL)
    _, status = os.waitpid(process, 0)
    if os.WIFEXITED(status):
        return None
    if any(run.glob("checkpoints/.step*")):
        return "while it wrote a checkpoint"
    return "while it trained" if newest_write(run) >= began else "before its first checkpoint"


@click.command(help=__doc__.splitlines()[0])
@click.option(
    "--kills",
    type=click.IntRange(1),
    default=100,
    show_default=True,
    help="How many processes to kill at least.",
)
@click.option(
    "--epochs",
    type=click.IntRange(1),
    default=3,
    show_default=True,
    help="Of each run, of 12 steps.",
)
@click.option("--seed", type=int, help="Of the moments.  [default: another each time]")
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where to keep the runs.  [default: a temporary one]",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def soak(kills: int, epochs: int, seed: int | None, folder: Path | None, as_json: bool) -> None:
    """See the module."""
    seed = random.SystemRandom().randrange(2**31) if seed is None else seed
    dice = random.Random(seed)
    with tempfile.TemporaryDirectory() as temporary:
        folder = folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        log = folder / "log.txt"
        arguments = ["train", *TRAIN, "--epochs", str(epochs)]
        process = start([*arguments, "--run-dir", str(folder / "alone")], log)
        while not has_ended(process):
            time.sleep(0.05)
        expected = outcome(folder / "alone")
        where: dict[str, int] = {}
        runs = different = 0
        while sum(where.values()) < kills:
            runs += 1
            run = folder / f"killed-{runs}"
            # Between checkpoints of every step and of almost none: then much is done twice.
            seconds = dice.choice(["0", "0", "0.1"])
            while True:
                began = time.time()
                process = start(
                    [
                        *arguments,
                        "--run-dir",
                        str(run),
                        "--resume",
                        "--checkpoint-seconds",
                        seconds,
                    ],
                    log,
                )
                place = kill_at_random(process, run, dice, began)
                if place is None:
                    break
                where[place] = where.get(place, 0) + 1
            if outcome(run) != expected:
                different += 1
                click.echo(f"{run} differs from {folder / 'alone'}", err=True)
    totals = {
        "seed": seed,
        "runs": runs,
        "kills": sum(where.values()),
        "where": where,
        "different": different,
    }
    listing = ", ".join(f"{count} {place}" for place, count in where.items())
    click.echo(
        json.dumps(totals)
        if as_json
        else f"seed {seed}: {runs} runs, {totals['kills']} kills ({listing}); "
        f"{runs - different} runs equal to the one left alone, bit for bit, {different} different"
    )
    sys.exit(1 if different else 0)


if __name__ == "__main__":
    soak()
