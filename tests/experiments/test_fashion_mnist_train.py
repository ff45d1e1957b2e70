"""No run is trained twice, and a run continues after its processes were killed."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from experiments.fashion_mnist import train as program
from experiments.fashion_mnist.networks import NETWORKS
from experiments.fashion_mnist.plan import Run, runs_in_order
from experiments.fashion_mnist.rows import COLUMNS, add_row, read_rows
from experiments.fashion_mnist.train import Trainer, command_line, cpu_seconds
from tests.conftest import HANGS_SECONDS
from tests.experiments.conftest import TEST_IMAGES

ROOT = Path(__file__).parents[2]


def row(name: str, **values) -> dict:
    return dict.fromkeys(COLUMNS, "") | {"run": name} | values


def test_a_row_is_added_once(tmp_path):
    path = tmp_path / "new" / "rows.csv"
    assert read_rows(path) == []
    assert add_row(path, row("a", seed=1))
    assert add_row(path, row("b"))
    assert not add_row(path, row("a", seed=2))
    assert [(each["run"], each["seed"]) for each in read_rows(path)] == [("a", "1"), ("b", "")]


def test_two_processes_add_rows_at_once(tmp_path):
    path = tmp_path / "rows.csv"
    code = (
        "import sys; from pathlib import Path; from experiments.fashion_mnist.rows import add_row\n"
        "added = [add_row(Path(sys.argv[1]), {'run': str(name)}) for name in range(40)]\n"
        "print(sum(added))"
    )
    command = [sys.executable, "-c", code, str(path)]
    both = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) for _ in range(2)]
    added = [int(process.communicate()[0]) for process in both]
    assert sum(added) == 40
    assert sorted(int(each["run"]) for each in read_rows(path)) == list(range(40))


def test_a_run_is_claimed_by_one(tmp_path):
    first, second = (Trainer(tmp_path / "rows.csv", tmp_path) for _ in range(2))
    run = Run("bireal")
    with first._claimed(run) as claim, second._claimed(run) as other:
        assert claim is not None
        assert other is None
    with second._claimed(run) as other:
        assert other is not None
    add_row(first.results, row(run.name))
    with second._claimed(run) as other:
        assert other is None


def test_a_claim_outlives_the_program_with_its_training_process(tmp_path):
    """The training process holds the lock that it inherits."""
    trainer = Trainer(tmp_path / "rows.csv", tmp_path)
    with trainer._claimed(Run("igp3")) as claim:
        command = [sys.executable, "-c", "input()"]
        child = subprocess.Popen(command, pass_fds=(claim,), stdin=subprocess.PIPE)
    with trainer._claimed(Run("igp3")) as other:
        assert other is None
    child.communicate(b"\n", timeout=HANGS_SECONDS)
    with trainer._claimed(Run("igp3")) as other:
        assert other is not None


def test_a_failed_run_is_reported_and_the_next_one_is_trained(tmp_path, monkeypatch, capsys):
    asked = []
    monkeypatch.setattr(Trainer, "_train", lambda self, run, *_: asked.append(run) or 2)
    assert Trainer(tmp_path / "rows.csv", tmp_path / "runs").train_missing(3) == 1
    assert asked == runs_in_order([])[:3]
    assert capsys.readouterr().out.count("failed with exit code 2") == 3


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        (["files", "--runs", "no runs"], "no runs/resnet-1bit-12epochs-seed0 does not exist"),
        (["files", "--results", "no.csv"], "no.csv has no finished run"),
        (["fils"], "no command is named 'fils'. Did you mean files?"),
    ],
)
def test_what_is_not_there_is_one_sentence(arguments, sentence, tmp_path):
    command = [sys.executable, "-m", "experiments.fashion_mnist", *arguments]
    options = {"env": os.environ | {"PYTHONPATH": str(ROOT)}, "cwd": tmp_path}
    ended = subprocess.run(command, capture_output=True, text=True, **options)
    assert ended.returncode == 2
    assert "Traceback" not in ended.stderr
    assert ended.stderr.strip().splitlines()[-1].startswith(f"Error: {sentence}")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", NETWORKS)
def test_the_command_is_one_that_the_package_understands(name, tmp_path, monkeypatch):
    import larq_igp.training.train as trainer
    from larq_igp.cli import main

    given = {}
    monkeypatch.setattr(
        trainer,
        "train",
        lambda recipe, folder, **options: given.update(recipe=recipe) or {"run_dir": folder},
    )
    run = Run(name, bits=2, seed=3, epochs=7)
    arguments = command_line(run, tmp_path / "run", None)[3:]
    with pytest.raises(SystemExit):
        main(arguments)
    recipe = given["recipe"]
    assert recipe.spec == NETWORKS[name].spec
    assert (recipe.bits, recipe.seed, recipe.epochs) == (2, 3, 7)
    assert (recipe.stem, recipe.dataset, recipe.batch_size) == ("strided", "fashion_mnist", 128)


def start(folder: Path, images: Path) -> subprocess.Popen:
    command = [sys.executable, "-m", "experiments.fashion_mnist", "train", "--most", "1"]
    command += ["--epochs", "2", "--data-dir", images]
    command += ["--results", folder / "rows.csv", "--runs", folder / "runs"]
    return subprocess.Popen(
        list(map(str, command)),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def wait_for(path: Path, pattern: str, process: subprocess.Popen) -> None:
    deadline = time.time() + HANGS_SECONDS
    while not list(path.glob(pattern)):
        assert process.poll() is None and time.time() < deadline, process.communicate()
        time.sleep(0.02)


@pytest.mark.slow
def test_a_killed_run_continues_and_is_never_repeated(few_images, tmp_path, monkeypatch):
    run = Run("bireal", epochs=2)
    folder = tmp_path / "runs" / run.name
    process = start(tmp_path, few_images)
    wait_for(folder, "history.csv", process)  # the first of two epochs
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert not (tmp_path / "rows.csv").exists()

    process = start(tmp_path, few_images)
    output, _ = process.communicate(timeout=HANGS_SECONDS)
    assert process.returncode == 0, output
    (found,) = read_rows(tmp_path / "rows.csv")
    assert (found["run"], found["epochs"], found["processes"]) == (run.name, "2", "2")
    assert "resuming at step 2 of 4" in (tmp_path / "runs" / f"{run.name}.log").read_text()
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["examples"] == TEST_IMAGES
    assert float(found["test_top1"]) == metrics["top1"]
    killed, ended = cpu_seconds(folder)
    assert killed == 0 and float(found["cpu_seconds"]) == pytest.approx(ended, abs=0.06)

    # Killed between the end of the training and the row: the row is written, nothing is trained.
    monkeypatch.setattr(program.subprocess, "Popen", None)
    (tmp_path / "rows.csv").unlink()
    assert Trainer(tmp_path / "rows.csv", tmp_path / "runs", epochs=2).train_missing(1) == 0
    assert read_rows(tmp_path / "rows.csv") == [found]


@pytest.mark.slow
def test_asked_to_stop_it_stops_and_says_so(few_images, tmp_path):
    process = start(tmp_path, few_images)
    wait_for(tmp_path / "runs" / Run("bireal", epochs=2).name, "history.csv", process)
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=HANGS_SECONDS)
    assert process.returncode == 130, output
    assert "stopped by SIGTERM" in next((tmp_path / "runs").glob("*.log")).read_text()
    assert read_rows(tmp_path / "rows.csv") == []
