"""What a repeated `train` command does with the run that is there already."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from larq_igp.data import load_dataset
from larq_igp.files import write_json
from larq_igp.training.recipe import Recipe
from larq_igp.training.run.directory import describe_run, write_config
from larq_igp.training.train import unfinished_run

RECIPE = Recipe(network="igp_resnet_tiny", parameters={"filters": 4, "blocks": (1,)}, epochs=1)
COMMAND = ["train", "igp_resnet_tiny", "--filters", "4", "--blocks", "1", "--epochs", "1"]
NAME = "igp_resnet_tiny-digits"


def write_run(folder: Path, recipe: Recipe = RECIPE) -> Path:
    """Write a run that was interrupted before its first checkpoint."""
    dataset = load_dataset("digits")
    folder.mkdir(parents=True)
    write_config(describe_run(folder, recipe.resolved(dataset.input_shape), dataset))
    return folder


def test_the_newest_unfinished_run_of_the_same_recipe_is_found(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    network = RECIPE.network
    assert unfinished_run(network, RECIPE) is None
    first = write_run(Path("runs", NAME))
    assert unfinished_run(network, RECIPE) == first
    other = Recipe(network=network, epochs=2)
    assert unfinished_run(network, other) is None
    second = write_run(Path("runs", f"{NAME}-2"))
    third = write_run(Path("runs", f"{NAME}-3"), other)
    assert unfinished_run(network, RECIPE) == second
    assert unfinished_run(network, other) == third
    metrics = {"top1": 1.0, "top5": 1.0, "loss": 0.0, "examples": 1, "epoch": 1}
    write_json(second / "metrics.json", metrics | {"validation_top1": 1.0})
    assert unfinished_run(network, RECIPE) == first
    write_json(first / "status.json", {"state": "failed", "reason": "the loss became nan"})
    assert unfinished_run(network, RECIPE) is None


def test_without_a_terminal_a_new_run_is_started_with_a_note(tmp_path, monkeypatch, igp):
    monkeypatch.chdir(tmp_path)
    write_run(Path("runs", NAME))
    result = igp(*COMMAND, "--quiet")
    assert result.exit_code == 0, result.output
    resume = f"`larq-igp train --resume {Path('runs', NAME)}`"
    assert f"is an unfinished run of this recipe; resume it with {resume}" in result.stderr
    new = Path("runs", f"{NAME}-2")
    assert result.stdout.startswith(f"run directory: {new}\n")
    for file in ("confusion.csv", "mistakes.csv", "confusion.svg"):
        assert (new / file).stat().st_size < 100_000
    assert not (new / "curves.svg").exists()  # of one epoch
    assert "<svg" in (new / "confusion.svg").read_text()


@pytest.mark.slow
@pytest.mark.parametrize("answer, trained", [("y", NAME), ("n", f"{NAME}-2")])
def test_at_a_terminal_it_is_offered(answer, trained, tmp_path):
    write_run(tmp_path / "runs" / NAME)
    terminal, slave = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "larq_igp", *COMMAND, "--json"],
        cwd=tmp_path,
        stdin=slave,
        stdout=subprocess.PIPE,
        stderr=slave,
        text=True,
    ) as process:
        os.close(slave)
        seen = ""
        while "resume it? [Y/n]" not in seen:
            seen += os.read(terminal, 1024).decode()
        os.write(terminal, f"{answer}\n".encode())
        with pytest.raises(OSError):  # what a terminal says when nobody holds its other end
            while os.read(terminal, 1024):
                pass
        document = json.loads(process.stdout.read())
    assert document["run_dir"] == str(Path("runs", trained))
    assert (tmp_path / "runs" / trained / "metrics.json").is_file()
