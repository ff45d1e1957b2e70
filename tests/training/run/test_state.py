"""Checkpoints whose checksum is right and whose contents are not, and files of runs that were
edited.
"""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from larq_igp.errors import UserError
from larq_igp.training.fit.train import resume
from larq_igp.training.run.checkpoint import (
    Checkpoint,
    CheckpointError,
    TornCheckpointError,
    list_checkpoints,
    read_checkpoint,
    to_bytes,
)
from larq_igp.training.run.directory import RunError, open_run, update_config

FIXTURES = Path(__file__).parents[2] / "fixtures/format_2"
ROW = {"epoch": 1, "val_loss": 1.0, "val_top1": 0.5}
DONE = {"history": [ROW], "step": 12, "best_epoch": 1, "best_score": [0.5, -1.0]}
KERNEL, ITERATION = "0000 stem_conv/kernel:0", "0042 iteration:0"
SIGNS = "signs stage1_block1_column2_layer1_binconv"


def edited(tmp_path, state, arrays=()) -> Path:
    """Return a run whose checkpoint was edited, its checksum put right."""
    run = tmp_path / "run"
    shutil.copytree(FIXTURES / "interrupted", run)
    (path,) = list_checkpoints(run / "checkpoints")
    held = read_checkpoint(path)
    values = {name: each for name, each in (held.state | state).items() if each != "absent"}
    path.write_bytes(b"".join(to_bytes(Checkpoint(values, held.arrays | dict(arrays)))))
    return run


def test_what_is_right_is_read(tmp_path):
    run = edited(tmp_path, DONE)
    assert read_checkpoint(list_checkpoints(run / "checkpoints")[0]).state["best_epoch"] == 1


@pytest.mark.parametrize(
    "state, message",
    [
        ({"step": -1}, "step"),
        ({"step": "2"}, "step"),
        ({"step": True}, "step"),
        ({"step": "absent"}, "step"),
        ({"step": 13}, "step 13 is not that of 0 epochs of 12"),
        ({"recipe": "absent"}, "recipe"),
        ({"recipe": "text"}, "recipe"),
        ({"data": "absent"}, "it does not say on what data"),
        ({"format": "2"}, "does not hold the state"),
        ({"seconds": "x"}, "seconds"),
        ({"layers": [1]}, "layers"),
        (DONE | {"history": [{"epoch": 1}]}, "history"),
        (DONE | {"history": ["x"]}, "history"),
        (DONE | {"history": [ROW | {"epoch": 2}]}, "not counted from 1"),
        (DONE | {"history": [ROW | {"val_top1": 1.5}]}, "history"),
        (DONE | {"best_epoch": 7}, "best epoch is not the best"),
        (DONE | {"best_score": [0.9, -1.0]}, "best epoch is not the best"),
        (DONE | {"best_score": ["a", "b"]}, "best_score"),
    ],
)
def test_a_state_that_no_run_has_is_refused(tmp_path, state, message):
    run = edited(tmp_path, state)
    with pytest.raises(TornCheckpointError, match=message):
        read_checkpoint(list_checkpoints(run / "checkpoints")[0])


def test_a_checkpoint_of_another_run_is_refused(tmp_path):
    run = edited(tmp_path, {"steps_per_epoch": 6}, {ITERATION: np.int64(7), "x": np.zeros(1)})
    message = "other steps of an epoch and steps of its optimizer and arrays"
    with pytest.raises(CheckpointError, match=message):
        resume(run, verbose=0)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name, edit, message",
    [
        (KERNEL, lambda old: np.full_like(old, np.nan), "stem_conv/kernel:0 in the checkpoint is"),
        (KERNEL, lambda old: old.astype(np.float64), "holds other variables"),
        (KERNEL, lambda old: old[:1], "holds other variables"),
        (SIGNS, lambda old: old[:1], "other signs of binary weights"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(tmp_path, name, edit, message):
    (path,) = list_checkpoints(FIXTURES / "interrupted" / "checkpoints")
    run = edited(tmp_path, {}, {name: edit(read_checkpoint(path).arrays[name])})
    with pytest.raises(UserError, match=message):
        resume(run, verbose=0)


@pytest.mark.parametrize("field", ["top1", "top5", "loss", "examples", "epoch", "validation_top1"])
def test_measurements_without_a_field_are_noticed(tmp_path, field):
    run = tmp_path / "run"
    shutil.copytree(FIXTURES / "finished", run)
    metrics = json.loads((run / "metrics.json").read_text())
    (run / "metrics.json").write_text(json.dumps({n: v for n, v in metrics.items() if n != field}))
    with pytest.raises(RunError, match=rf"metrics.json is damaged: .*{field}"):
        open_run(run).metrics()


def test_measurements_of_an_epoch_that_the_run_has_not_are_noticed(tmp_path):
    run = tmp_path / "run"
    shutil.copytree(FIXTURES / "finished", run)
    metrics = json.loads((run / "metrics.json").read_text())
    for epoch in (0, open_run(run).recipe.epochs + 1, 10**30):
        (run / "metrics.json").write_text(json.dumps(metrics | {"epoch": epoch}))
        with pytest.raises(RunError, match=r"metrics\.json is damaged"):
            open_run(run).metrics()


def test_a_configuration_that_contradicts_itself_is_noticed(tmp_path):
    config = json.loads((FIXTURES / "finished" / "config.json").read_text())
    feeding = config["preprocessing"] | {"mean": [1.0]}
    (tmp_path / "config.json").write_text(json.dumps(config | {"preprocessing": feeding}))
    with pytest.raises(RunError, match="preprocessing and normalisation of the data differ"):
        open_run(tmp_path)


def test_an_edited_configuration_is_noticed(tmp_path, run_dir):
    config = json.loads((run_dir / "config.json").read_text())
    names = config["data"]["class_names"]
    swapped = config["data"] | {"class_names": [names[1], names[0], *names[2:]]}
    (tmp_path / "config.json").write_text(json.dumps(config | {"data": swapped}))
    with pytest.raises(RunError, match="it was edited, as its checksum is another"):
        open_run(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps(config, indent=1))
    run = open_run(tmp_path)
    update_config(replace(run, recipe=replace(run.recipe, data_dir="/elsewhere")))
    assert open_run(tmp_path).data == run.data
    assert json.loads((tmp_path / "config.json").read_text())["recipe"]["data_dir"] == "/elsewhere"
