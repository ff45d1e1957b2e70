"""Real training on real images: short, but nothing stands in for anything."""

import csv
import json
import signal

import numpy as np
import pytest

from larq_igp.data import load_dataset
from larq_igp.errors import UserError
from larq_igp.keras2 import tf
from larq_igp.training.fit.loop import Loop, NonFiniteLossError
from larq_igp.training.fit.signals import StoppedError
from larq_igp.training.fit.train import train
from larq_igp.training.recipe import Recipe
from larq_igp.training.run.directory import RunError, open_run, weights_path

TIMES = ("seconds", "images_per_second")
SHORT = {
    "network": "resnet_tiny",
    "parameters": {"filters": 8, "blocks": (1,)},
    "epochs": 2,
    "batch_size": 100,
}


def test_a_run_directory_holds_what_it_should(run_dir):
    drawn = {"confusion.svg", "curves.svg"}  # by the command line, if another test resumed it
    assert {path.name for path in run_dir.iterdir()} - drawn == {
        "config.json",
        "history.csv",
        "best.weights.h5",
        "last.weights.h5",
        "metrics.json",
        "tensorboard",
        "layers.csv",
        "checkpoints",
        "confusion.csv",
        "mistakes.csv",
        "run.lock",
    }
    config = json.loads((run_dir / "config.json").read_text())
    assert config["recipe"]["network"] == "igp_resnet_tiny"
    assert config["format"] == 2
    assert config["data"] == load_dataset("digits").identity().to_json()
    assert config["data"]["class_names"] == [str(digit) for digit in range(10)]
    assert config["versions"]["tensorflow"] == tf.__version__
    with (run_dir / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    assert set(rows[0]) == {
        "epoch",
        "images_per_second",
        "learning_rate",
        "loss",
        "seconds",
        "top1",
        "top5",
        "val_loss",
        "val_top1",
        "val_top5",
    }
    assert float(rows[-1]["loss"]) < float(rows[0]["loss"])
    assert list((run_dir / "tensorboard").rglob("events.out.tfevents.*"))


def test_metrics_are_of_the_best_epoch_on_the_test_split(run_dir):
    metrics = json.loads((run_dir / "metrics.json").read_text())
    with (run_dir / "history.csv").open() as file:
        validation = [
            (float(row["val_top1"]), -float(row["val_loss"])) for row in csv.DictReader(file)
        ]
    assert metrics["epoch"] == 1 + validation.index(max(validation))
    assert metrics["examples"] == 360
    assert 0.5 < metrics["top1"] <= metrics["top5"] <= 1


def test_keras_measures_the_same(run_dir):
    """Our accuracy and cross-entropy against Keras' own, on the weights of the run."""
    run = open_run(run_dir)
    model = run.load_model("best")
    model.compile(
        loss=tf.keras.losses.SparseCategoricalCrossentropy(),
        metrics=["accuracy", tf.keras.metrics.SparseTopKCategoricalAccuracy(5)],
    )
    split = load_dataset("digits").split("test")
    pairs = [split.load(index) for index in range(split.examples)]
    images = np.stack([run.preprocessing(image) for image, _ in pairs])
    expected = model.evaluate(
        images, np.array([label for _, label in pairs]), batch_size=100, verbose=0
    )
    metrics = run.metrics()
    assert [metrics["loss"], metrics["top1"], metrics["top5"]] == pytest.approx(expected, rel=1e-4)


def test_the_same_seed_gives_the_same_weights_and_history(tmp_path):
    def outcome(name, seed):
        train(Recipe(**SHORT, seed=seed), tmp_path / name, verbose=0)
        with (tmp_path / name / "history.csv").open() as file:
            history = [
                {key: value for key, value in row.items() if key not in TIMES}
                for row in csv.DictReader(file)
            ]
        return open_run(tmp_path / name).load_model("last").get_weights(), history

    (weights, history), (same_weights, same_history), (_, other_history) = (
        outcome("a", 5),
        outcome("b", 5),
        outcome("c", 6),
    )
    for first, second in zip(weights, same_weights, strict=True):
        np.testing.assert_array_equal(first, second)
    assert history == same_history
    assert history != other_history


def test_a_loss_that_is_not_finite_stops_the_run(tmp_path):
    with pytest.raises(
        NonFiniteLossError,
        match=r"the loss became .* at step \d+ \(epoch 1\), .*: lower --learning-rate",
    ):
        train(Recipe(**SHORT, learning_rate=1e36), tmp_path / "run", verbose=0)
    assert not (tmp_path / "run" / "metrics.json").exists()


def test_a_folder_in_use_is_refused_and_kept(tmp_path):
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(RunError, match="already exists and is not empty"):
        train(Recipe(**SHORT), tmp_path, verbose=0)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_damaged_runs_are_refused(run_dir, tmp_path):
    with pytest.raises(RunError, match="is not a run directory"):
        open_run(tmp_path)
    config = json.loads((run_dir / "config.json").read_text())
    del config["preprocessing"]
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(RunError, match=r"config.json is damaged: preprocessing is missing"):
        open_run(tmp_path)
    for broken in (
        {"recipe": {"network": 5}},
        {"recipe": {"network": "resnet_tiny", "parameters": [1]}},
        {"data": {"class_names": [1]}},
        {"data": {"class_names": []}},
        {"data": []},
        {"format": "x"},
    ):
        (tmp_path / "config.json").write_text(
            json.dumps({**json.loads((run_dir / "config.json").read_text()), **broken})
        )
        with pytest.raises(RunError, match=r"config.json is damaged"):
            open_run(tmp_path)
    (tmp_path / "metrics.json").write_text("[]")
    (tmp_path / "config.json").write_text((run_dir / "config.json").read_text())
    with pytest.raises(RunError, match=r"metrics.json is damaged"):
        open_run(tmp_path).metrics()
    with pytest.raises(RunError, match=r"holds no best.weights.h5"):
        open_run(tmp_path).load_model()
    weights_path(tmp_path, "best").write_bytes(weights_path(run_dir, "best").read_bytes()[:999])
    with pytest.raises(UserError, match="does not hold the weights of igp_resnet_tiny"):
        open_run(tmp_path).load_model()


def test_sigterm_while_the_best_weights_are_measured_is_obeyed(tmp_path, monkeypatch):
    fit = Loop.fit

    def fit_and_be_stopped(self, stop):
        fit(self, stop)
        signal.raise_signal(signal.SIGTERM)

    recipe = Recipe(**SHORT | {"epochs": 1})
    with monkeypatch.context() as patch, pytest.raises(StoppedError, match="at step 12 of 12"):
        patch.setattr(Loop, "fit", fit_and_be_stopped)
        train(recipe, tmp_path / "run", verbose=0)
    assert not (tmp_path / "run" / "metrics.json").exists()
    assert json.loads((tmp_path / "run" / "status.json").read_text())["state"] == "interrupted"
    resumed = train(recipe, tmp_path / "run", verbose=0, resume=True)
    assert resumed == train(recipe, tmp_path / "undisturbed", verbose=0)
