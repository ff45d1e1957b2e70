"""What earlier versions wrote is read and resumed, and what later ones wrote is refused."""

import csv
import json
import shutil
from pathlib import Path

import pytest

from larq_igp.data import DATASETS, load_dataset
from larq_igp.data.identity import PREPARED, OtherDataError
from larq_igp.training.fit.train import resume
from larq_igp.training.run.checkpoint import (
    Checkpoint,
    list_checkpoints,
    read_checkpoint,
    write_checkpoint,
)
from larq_igp.training.run.directory import open_run
from larq_igp.training.run.format import FORMAT, LaterFormatError

FIXTURES = Path(__file__).parents[2] / "fixtures"
OLD = FIXTURES / "version_0.1.0"
WRITTEN = {1: OLD, 2: FIXTURES / "format_2"}
DIGITS = tuple("0123456789")


def test_there_is_a_fixture_of_every_format():
    assert list(WRITTEN) == list(range(1, FORMAT + 1))
    for number, folder in WRITTEN.items():
        config = json.loads((folder / "interrupted" / "config.json").read_text())
        (checkpoint,) = list_checkpoints(folder / "interrupted" / "checkpoints")
        for written in (config, read_checkpoint(checkpoint).state):
            assert written.get("format", 1) == number


@pytest.mark.parametrize("number", WRITTEN)
def test_a_finished_run_opens_and_evaluates(number, igp):
    folder = WRITTEN[number] / "finished"
    run = open_run(folder)
    assert run.class_names == run.data.class_names == DIGITS
    metrics = json.loads((folder / "metrics.json").read_text())
    result = igp("evaluate", folder, "--json")
    assert result.exit_code == 0, result.stderr
    measured = json.loads(result.stdout)
    assert measured["examples"] == metrics["examples"]
    assert measured["top1"] == pytest.approx(metrics["top1"], abs=1.5 / metrics["examples"])


def test_a_run_of_version_0_1_0_knows_part_of_its_data():
    known = {
        name: value
        for name, value in open_run(OLD / "finished").data.to_json().items()
        if value is not None
    }
    normalisation = {"mean": [77.8], "deviation": [82.4], "crop": None, "letterbox": False}
    assert known == {
        "dataset": "digits",
        "class_names": list(DIGITS),
        "normalisation": normalisation,
    }


def rows(run: Path) -> list[dict[str, float]]:
    with (run / "history.csv").open(newline="") as file:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]


@pytest.mark.parametrize("number, without", [(1, ()), (1, ("label_smoothing", "seed")), (2, ())])
def test_an_interrupted_run_is_resumed_to_the_end(number, without, tmp_path):
    """Also where the recipe has fields that did not exist then."""
    run = shutil.copytree(WRITTEN[number] / "interrupted", tmp_path / "run")
    if without:
        config = json.loads((run / "config.json").read_text())
        (path,) = list_checkpoints(run / "checkpoints")
        checkpoint = read_checkpoint(path)
        for recipe in (config["recipe"], checkpoint.state["recipe"]):
            for name in without:
                del recipe[name]
        (run / "config.json").write_text(json.dumps(config))
        path.unlink()
        write_checkpoint(run / "checkpoints", Checkpoint(checkpoint.state, checkpoint.arrays))
    found = resume(run, verbose=0)
    # Versions of TensorFlow and kinds of processors round differently, and signs flip by it.
    finished = WRITTEN[number] / "finished"
    for row, expected in zip(rows(run), rows(finished), strict=True):
        assert row["loss"] == pytest.approx(expected["loss"], rel=0.05)
        assert row["learning_rate"] == pytest.approx(expected["learning_rate"], rel=1e-4)
    expected = json.loads((finished / "metrics.json").read_text())
    assert found["top1"] == pytest.approx(expected["top1"], abs=0.1)


def test_a_run_of_version_0_1_0_is_not_resumed_on_other_data(tmp_path, monkeypatch):
    run = shutil.copytree(OLD / "interrupted", tmp_path / "run")
    digits = load_dataset("digits")
    for changes, sentence in (
        ({"mean": (1.0,)}, "mean is 1.0, not 77.8"),
        ({"class_names": tuple("1023456789")}, "the classes are in another order"),
        (
            {"splits": {**digits.splits, "train": digits.split("train").without([0])}},
            "train has 1,256 images, not 1,257",
        ),
    ):
        values = {name: getattr(digits, name) for name in digits.__dataclass_fields__}
        other = type(digits)(**values | changes)
        monkeypatch.setitem(DATASETS, "digits", lambda folder, download, other=other: other)
        with pytest.raises(OtherDataError, match=sentence):
            resume(run, verbose=0)


def test_what_version_0_1_0_split_in_another_way_is_refused(tmp_path, monkeypatch):
    run = shutil.copytree(OLD / "interrupted", tmp_path / "run")
    (path,) = list_checkpoints(run / "checkpoints")
    checkpoint = read_checkpoint(path)
    config = json.loads((run / "config.json").read_text())
    for recipe in (config["recipe"], checkpoint.state["recipe"]):
        recipe["dataset"] = "imagenet2012"
    (run / "config.json").write_text(json.dumps(config))
    path.unlink()
    write_checkpoint(run / "checkpoints", checkpoint)
    digits = load_dataset("digits")
    values = {name: getattr(digits, name) for name in digits.__dataclass_fields__}
    prepared = type(digits)(**values | {"name": "imagenet2012", "source_kind": PREPARED})
    monkeypatch.setitem(DATASETS, "imagenet2012", lambda folder, download: prepared)
    with pytest.raises(OtherDataError, match=r"0\.1\.0, which held out other validation images"):
        resume(run, verbose=0)


def test_what_a_later_version_wrote_is_refused(tmp_path):
    run = shutil.copytree(OLD / "interrupted", tmp_path / "run")
    (path,) = list_checkpoints(run / "checkpoints")
    checkpoint = read_checkpoint(path)
    later = Checkpoint(checkpoint.state | {"format": FORMAT + 1, "step": 3}, checkpoint.arrays)
    write_checkpoint(run / "checkpoints", later)
    with pytest.raises(LaterFormatError, match=r"3\.safetensors was written by a later version"):
        resume(run, verbose=0)
    config = json.loads((run / "config.json").read_text())
    changed = {**config, "format": FORMAT + 1, "recipe": {"new": 1}}
    (run / "config.json").write_text(json.dumps(changed))
    with pytest.raises(LaterFormatError, match=r"config.json was written by a later version"):
        open_run(run)
