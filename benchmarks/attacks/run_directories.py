"""Runs and checkpoints that were edited, their checksums put right."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from larq_igp.training.run.checkpoint import Checkpoint, read_checkpoint, to_bytes

FIXTURES = Path(__file__).parents[2] / "tests/fixtures/format_2"
ROW = {"epoch": 1, "loss": 1.0, "top1": 0.5, "val_loss": 1.0, "val_top1": 0.5, "seconds": 1.0}
FIRST = "0000 stem_conv/kernel:0"
SIGNS = "signs stage1_block1_column2_layer1_binconv"
CONFIG = "run/config.json"
ITERATION = "0042 iteration:0"


def resumed(edit: Callable[[dict, dict], Any]) -> Callable[[Path], list[Any]]:
    """Edit the state and the arrays of a checkpoint, and resume its run."""

    def make(folder: Path) -> list[Any]:
        shutil.copytree(FIXTURES / "interrupted", folder / "run")
        (path,) = (folder / "run" / "checkpoints").iterdir()
        checkpoint = read_checkpoint(path)
        state, arrays = dict(checkpoint.state), dict(checkpoint.arrays)
        edit(state, arrays)
        path.write_bytes(b"".join(to_bytes(Checkpoint(state, arrays))))
        return ["train", "--resume", "run", "--quiet"]

    return make


def state(**values: Any) -> Callable[[Path], list[Any]]:
    """Replace values of the state."""
    return resumed(lambda old, _: old.update(values))


def without(name: str) -> Callable[[Path], list[Any]]:
    """Take a value out of the state."""
    return resumed(lambda old, _: old.pop(name))


def array(name: str, edit: Callable[[np.ndarray], np.ndarray]) -> Callable[[Path], list[Any]]:
    """Replace an array."""
    return resumed(lambda _, arrays: arrays.update({name: edit(arrays[name])}))


def document(name: str, edit: Callable[[Any], Any], *command: str) -> Callable[[Path], list[Any]]:
    """Edit a JSON file of a finished run."""

    def make(folder: Path) -> list[Any]:
        shutil.copytree(FIXTURES / "finished", folder / "run")
        path = folder / "run" / name
        path.write_text(json.dumps(edit(json.loads(path.read_text()))))
        return list(command) or ["evaluate", "run"]

    return make


def _without(name: str) -> Callable[[dict], dict]:
    return lambda old: {key: value for key, value in old.items() if key != name}


def _nan(values: np.ndarray) -> np.ndarray:
    return np.full_like(values, np.nan)


CHECKPOINTS: dict[str, Callable[[Path], list[Any]]] = {
    "a step below 0": state(step=-1),
    "a step after the end": state(step=10**6),
    "a step of the second epoch without a row": state(step=20),
    "a step that is a text": state(step="2"),
    "a step that is true": state(step=True),
    "no step": without("step"),
    "no recipe": without("recipe"),
    "no data": without("data"),
    "no history": without("history"),
    "a recipe that is a text": state(recipe="resnet"),
    "a history of three epochs": state(history=[ROW] * 3, step=12),
    "a row that is a text": state(history=["x"], step=12),
    "a row without figures": state(history=[{"epoch": 1}], step=12),
    "a row of another epoch": state(history=[ROW | {"epoch": 2}], step=12),
    "a best epoch that is none": state(history=[ROW], step=12, best_epoch=7, best_score=[0.5, -1]),
    "a best score that is none": state(history=[ROW], step=12, best_epoch=1, best_score=[0.9, -1]),
    "a best score of texts": state(best_score=["a", "b"]),
    "layers that are numbers": state(layers=[1]),
    "seconds that are a text": state(seconds="x"),
    "a format that is a text": state(format="2"),
    "other steps in an epoch": state(steps_per_epoch=6),
    "another count of steps in the optimizer": array(ITERATION, lambda old: old + 1000),
    "weights that are NaN": array(FIRST, _nan),
    "weights in float64": array(FIRST, lambda old: old.astype(np.float64)),
    "weights of another shape": array(FIRST, lambda old: old[:1]),
    "signs of another size": array(SIGNS, lambda old: old[:1]),
    "no signs of a layer": resumed(lambda _, arrays: arrays.pop(SIGNS)),
    "an array too many": resumed(lambda _, arrays: arrays.update({"x": np.zeros(3)})),
}
RUNS: dict[str, Callable[[Path], list[Any]]] = {
    **{
        f"metrics.json without {name}": document(
            "metrics.json", _without(name), "train", "--resume", "run"
        )
        for name in ("top1", "top5", "loss", "examples", "epoch", "validation_top1")
    },
    "another deviation in config.json": document(
        "config.json",
        lambda old: old | {"preprocessing": old["preprocessing"] | {"deviation": [12.0]}},
    ),
    "another mean of the data in config.json": document(
        "config.json", lambda old: old | {"data": old["data"] | {"normalisation": {"mean": [1.0]}}}
    ),
}


def RUN_ATTACKS(attack: Callable, special: Callable) -> list:
    """Return the attacks on runs."""
    command = ["evaluate", "run"]
    return [
        attack("checkpoints", "unchanged", resumed(lambda *_: None), (0,)),
        *(attack("checkpoints", name, make) for name, make in CHECKPOINTS.items()),
        *(attack("run directories", name, make) for name, make in RUNS.items()),
        *(
            attack("run directories", f"config.json {kind}", special(command, CONFIG, kind))
            for kind in ("zero", "fifo", "sparse")
        ),
    ]
