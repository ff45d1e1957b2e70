"""A run that was killed is resumed where it, its teacher or its initial weights are elsewhere."""

import dataclasses
import json
import shutil
import signal
from pathlib import Path

import pytest

from larq_igp.data.identity import OtherDataError
from larq_igp.training.fit.train import resume, train
from larq_igp.training.run.checkpoint import list_checkpoints
from tests.conftest import HANGS_SECONDS
from tests.training.run.test_resume import (
    RECIPE,
    SMALL,
    assert_same,
    outcome,
    start,
    wait_for_checkpoints,
)

SETTINGS = [*SMALL, "--epochs", 1, "--checkpoint-seconds", 0]


@pytest.fixture(scope="module")
def teacher(tmp_path_factory) -> Path:
    """A finished run of the same network at 32 bits."""
    folder = tmp_path_factory.mktemp("teacher") / "run"
    train(dataclasses.replace(RECIPE, bits=32, epochs=1), folder, verbose=0)
    return folder


def kill(run: Path, part: str, *arguments) -> None:
    """Start a run and kill it as soon as a part of it has written a checkpoint."""
    process = start("resnet_tiny", *SETTINGS, *arguments, "--run-dir", run)
    wait_for_checkpoints(run / part, 1, process)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=HANGS_SECONDS)
    assert process.returncode == -signal.SIGKILL
    assert not (run / "metrics.json").exists()


def test_sources_may_be_removed(teacher, tmp_path):
    alone, run = tmp_path / "alone", tmp_path / "run"
    sources = {"teacher": tmp_path / "a run", "initial_weights": tmp_path / "a.weights.h5"}
    shutil.copytree(teacher, sources["teacher"])
    shutil.copy(teacher / "best.weights.h5", sources["initial_weights"])
    recipe = dataclasses.replace(
        RECIPE, epochs=1, **{name: str(path) for name, path in sources.items()}
    )
    train(recipe, alone, verbose=0)
    kill(run, "", *(part for name, path in sources.items() for part in ("--set", f"{name}={path}")))
    shutil.rmtree(sources["teacher"])
    sources["initial_weights"].unlink()
    for path in list_checkpoints(run / "checkpoints")[1:]:
        path.unlink()
    before_a_checkpoint = shutil.copytree(run, tmp_path / "before a checkpoint")
    shutil.rmtree(before_a_checkpoint / "checkpoints")
    for folder in (run, before_a_checkpoint):
        resume(folder, verbose=0)
        assert_same(outcome(folder), outcome(alone))
    kept = sorted(path.name for path in (run / "teacher").iterdir())
    assert kept == ["best.weights.h5", "config.json", "metrics.json"]


def test_a_run_may_be_moved_in_its_first_stage(tmp_path):
    alone, run = tmp_path / "alone", tmp_path / "run"
    train(
        dataclasses.replace(RECIPE, epochs=1, teacher="twin", first_stage_epochs=1),
        alone,
        verbose=0,
    )
    kill(run, "first_stage", "--set", "teacher=twin", "--set", "first_stage_epochs=1")
    moved = run.rename(tmp_path / "moved")
    resume(moved, verbose=0)
    for part in ("teacher", "first_stage", ""):
        assert_same(outcome(moved / part), outcome(alone / part))
    assert not run.exists()


@pytest.mark.parametrize("field", ["teacher", "initial_weights"])
def test_a_source_of_other_classes_is_refused(teacher, tmp_path, field):
    other = shutil.copytree(teacher, tmp_path / "other")
    config = json.loads((other / "config.json").read_text())
    del config["sha256"]  # else it is noticed that it was edited
    config["data"]["class_names"].reverse()
    (other / "config.json").write_text(json.dumps(config))
    recipe = dataclasses.replace(RECIPE, bits=32, **{field: str(other)})
    with pytest.raises(OtherDataError, match=r"another order: class 0 is '0', not '9'"):
        train(recipe, tmp_path / "run", verbose=0)
    assert not (tmp_path / "run").exists()
    config["data"] |= {
        "class_names": config["data"]["class_names"][::-1],
        "split_rule": "by chance",
    }
    (other / "config.json").write_text(json.dumps(config))
    with pytest.raises(OtherDataError, match=r"the split rule is .*, not 'by chance'"):
        train(recipe, tmp_path / "run", verbose=0)
