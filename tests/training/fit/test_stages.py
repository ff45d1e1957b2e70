"""Runs that train something else first: a teacher, a first stage; and training in 16 bits."""

import dataclasses
import json

import numpy as np
import pytest

from larq_igp.errors import UserError
from larq_igp.keras2 import tf
from larq_igp.training.fit.train import train
from larq_igp.training.recipe import Recipe
from larq_igp.training.run.directory import open_run

SHORT = {
    "network": "resnet_tiny",
    "parameters": {"filters": 8, "blocks": (1,)},
    "epochs": 1,
    "batch_size": 300,
}


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """A run with a twin for its teacher and a first stage."""
    folder = tmp_path_factory.mktemp("runs") / "both"
    recipe = Recipe(**SHORT, teacher="twin", first_stage_epochs=1, temperature=4.0)
    train(recipe, folder, verbose=0)
    return folder


def test_what_comes_first_is_a_run_of_its_own(both):
    run, twin, first = (open_run(both / part) for part in ("", "teacher", "first_stage"))
    assert all(each.metrics() for each in (run, twin, first))
    assert (run.recipe.teacher, run.recipe.first_stage_epochs) == ("twin", 1)
    assert (twin.recipe.bits, twin.recipe.teacher) == (32, None)
    assert (first.recipe.kernel_quantizer, first.recipe.teacher) == ("float", str(both / "teacher"))
    assert "distillation" in (both / "history.csv").read_text().splitlines()[0]
    assert "distillation" not in (both / "teacher" / "history.csv").read_text().splitlines()[0]


def test_what_is_finished_is_not_trained_again(both, tmp_path):
    """As after an interruption:

    the run has no checkpoint yet, its teacher and first stage are there.
    """
    before = {
        part: (both / part / "metrics.json").stat().st_mtime_ns
        for part in ("teacher", "first_stage")
    }
    weights = open_run(both).load_model("last").get_weights()
    for name in ("metrics.json", "last.weights.h5", "best.weights.h5", "history.csv", "layers.csv"):
        (both / name).unlink()
    for path in (both / "checkpoints").iterdir():
        path.unlink()
    train(open_run(both).recipe, both, resume=True, verbose=0)
    assert {part: (both / part / "metrics.json").stat().st_mtime_ns for part in before} == before
    for expected, found in zip(
        weights, open_run(both).load_model("last").get_weights(), strict=True
    ):
        np.testing.assert_array_equal(expected, found)


def test_a_teacher_must_be_a_run(tmp_path):
    with pytest.raises(UserError, match="is not a run directory"):
        train(Recipe(**SHORT, teacher=str(tmp_path)), tmp_path / "other", verbose=0)


def test_sources_that_cannot_serve_are_refused_before_anything_is_written(both, tmp_path):
    unfinished = tmp_path / "unfinished"
    unfinished.mkdir()
    (unfinished / "config.json").write_bytes((both / "config.json").read_bytes())
    weights = str(both / "best.weights.h5")
    for fields, message in (
        ({"teacher": str(tmp_path / "none")}, "none is not a run directory"),
        ({"teacher": str(unfinished)}, "unfinished holds no best.weights.h5"),
        ({"initial_weights": str(tmp_path / "none.h5")}, "weights file .*none.h5 does not exist"),
        ({"initial_weights": str(unfinished)}, "unfinished holds no best.weights.h5"),
        (
            {"teacher": str(both), "input_shape": (28, 28, 1)},
            "takes images of 32x32x3, and the student 28x28x1",
        ),
        (
            {"initial_weights": str(both), "parameters": {"filters": 9, "blocks": (1,)}},
            "with filters=8 .*with filters=9",
        ),
        (
            {"initial_weights": str(both), "network": "bireal_resnet_tiny"},
            "of resnet_tiny .* this is bireal_resnet_tiny",
        ),
        (
            {"initial_weights": weights, "parameters": {"filters": 9, "blocks": (1,)}},
            "does not hold the weights",
        ),
        ({"network": "larq_zoo:Nope", "parameters": {}}, "larq-zoo has no model"),
    ):
        with pytest.raises(UserError, match=message):
            train(Recipe(**{**SHORT, **fields}), tmp_path / "run", verbose=0)
        assert not (tmp_path / "run").exists()


def test_initial_weights_are_needed_until_they_are_copied(both, tmp_path):
    weights, folder = tmp_path / "a.weights.h5", tmp_path / "run"
    weights.write_bytes((both / "best.weights.h5").read_bytes())
    recipe = Recipe(**SHORT, initial_weights=str(weights))
    metrics = train(recipe, folder, verbose=0)
    weights.unlink()
    assert train(recipe, folder, resume=True, verbose=0) == metrics
    (folder / "metrics.json").unlink()
    # From a checkpoint, and from the copy where there is no checkpoint yet.
    for gone in ([], [*folder.glob("checkpoints/*"), *folder.glob("[bl]*.h5")]):
        for path in gone:
            path.unlink()
        assert train(recipe, folder, resume=True, verbose=0) == metrics
        (folder / "metrics.json").unlink()
    for path in (*folder.glob("checkpoints/*"), *folder.glob("*.h5")):
        path.unlink()
    announced = []
    with pytest.raises(UserError, match="does not exist"):
        train(recipe, folder, resume=True, verbose=0, announce=announced.append)
    assert not announced
    assert not (folder / "status.json").exists()


@pytest.mark.slow
def test_bfloat16_is_as_accurate_as_float32(tmp_path):
    """Within what chance allows two equal networks on the 360 test images:

    three deviations of their difference.
    """
    # Smaller batches and larger steps: the defaults take 18 epochs.
    recipe = Recipe(
        network="igp_resnet_tiny",
        parameters={"filters": 16, "blocks": (1, 1)},
        input_shape=(28, 28, 1),
        epochs=7,
        batch_size=32,
        learning_rate=0.01,
    )
    found = {
        precision: train(
            dataclasses.replace(recipe, precision=precision), tmp_path / precision, verbose=0
        )["top1"]
        for precision in ("float32", "mixed_bfloat16")
    }
    accuracy = sum(found.values()) / 2
    assert accuracy > 0.9  # converged: short runs differ by chance alone
    assert (
        abs(found["float32"] - found["mixed_bfloat16"])
        < 3 * (2 * accuracy * (1 - accuracy) / 360) ** 0.5
    )
    config = json.loads((tmp_path / "mixed_bfloat16" / "config.json").read_text())
    assert config["recipe"]["precision"] == "mixed_bfloat16"
    model = open_run(tmp_path / "mixed_bfloat16").load_model("best")
    assert {layer.compute_dtype for layer in model.layers} == {"float32"}
    assert {weight.dtype for weight in model.weights} == {tf.float32}
