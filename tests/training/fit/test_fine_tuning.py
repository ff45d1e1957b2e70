"""A run that starts from the body of another, with a new classifier for other classes."""

import dataclasses
import threading

import numpy as np
import pytest

import larq_igp
from larq_igp.errors import UserError
from larq_igp.training.fit.signals import StoppedError
from larq_igp.training.fit.train import resume, train
from larq_igp.training.recipe import Recipe, RecipeError
from larq_igp.training.run.checkpoint import list_checkpoints, read_checkpoint
from larq_igp.training.run.directory import open_run
from tests.data.files import write_class_folders
from tests.training.run.test_resume import assert_same, outcome, stop_at_first_checkpoint

NETWORK = {"network": "igp_resnet_tiny", "parameters": {"filters": 4, "blocks": (1,)}}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Photos of three classes, and weights of the network for ten."""
    root = tmp_path_factory.mktemp("fine tuning")
    write_class_folders(root / "photos", {"train": 8, "val": 2, "test": 2}, ("ant", "bee", "cat"))
    model = larq_igp.build(
        NETWORK["network"], input_shape=(28, 28, 3), num_classes=10, **NETWORK["parameters"]
    )
    model.save_weights(root / "ten.weights.h5")
    return root


def recipe_of(folder, **fields) -> Recipe:
    return Recipe(
        **NETWORK,
        dataset="folder",
        data_dir=str(folder / "photos"),
        input_shape=(28, 28, 3),
        batch_size=8,
        body_weights=str(folder / "ten.weights.h5"),
        **fields,
    )


def weights(model) -> dict[str, np.ndarray]:
    return {variable.name: variable.numpy() for variable in model.variables}


@pytest.mark.slow
def test_the_body_is_the_given_one_and_stays_while_it_is_frozen(folder, tmp_path):
    run = tmp_path / "run"
    watch = threading.Thread(target=stop_at_first_checkpoint, args=(run,), daemon=True)
    watch.start()
    recipe = recipe_of(folder, epochs=2, freeze_epochs=1, optimizer="adamw", ema=0.5)
    with pytest.raises(StoppedError):
        train(recipe, run, verbose=0, checkpoint_seconds=0)
    watch.join()
    (folder / "ten.weights.h5").rename(folder / "elsewhere.h5")  # the run has its own copy
    resume(run, verbose=0)
    (folder / "elsewhere.h5").rename(folder / "ten.weights.h5")
    train(recipe, tmp_path / "alone", verbose=0)
    assert_same(outcome(run), outcome(tmp_path / "alone"))
    donor = larq_igp.build(
        NETWORK["network"],
        input_shape=(28, 28, 3),
        num_classes=10,
        weights=folder / "ten.weights.h5",
        **NETWORK["parameters"],
    )
    given = weights(donor)
    trained = weights(open_run(run).load_model("last"))
    assert trained["head_dense/kernel:0"].shape == (given["head_dense/kernel:0"].shape[0], 3)
    moved = {n for n in trained if "head_dense" not in n and (trained[n] != given[n]).any()}
    assert moved  # in the second epoch


def test_what_is_frozen_has_no_other_statistics_either(folder, tmp_path):
    recipe, run = recipe_of(folder, epochs=2, freeze_epochs=1), tmp_path / "run"
    watch = threading.Thread(target=stop_at_first_checkpoint, args=(run,), daemon=True)
    watch.start()
    with pytest.raises(StoppedError):
        train(recipe, run, verbose=0, checkpoint_seconds=0)
    watch.join()
    checkpoint = read_checkpoint(list_checkpoints(run / "checkpoints")[0])
    assert 0 < checkpoint.state["step"] <= 3  # of 3 in an epoch: all of them frozen
    donor = larq_igp.build(
        NETWORK["network"],
        input_shape=(28, 28, 3),
        num_classes=10,
        weights=folder / "ten.weights.h5",
        **NETWORK["parameters"],
    )
    names = [variable.name for variable in donor.weights]
    arrays = list(checkpoint.arrays.values())[: len(names)]
    for name, array, variable in zip(names, arrays, donor.weights, strict=True):
        if "head_dense" not in name:
            # What replicas may have of their own has a row for each.
            array = array.reshape(variable.shape)
            np.testing.assert_array_equal(array, variable.numpy(), err_msg=name)


@pytest.mark.parametrize(
    "fields, sentence",
    [
        ({"initial_weights": "b.h5"}, "initial_weights and body_weights exclude each other"),
        ({"first_stage_epochs": 1}, "first_stage_epochs and body_weights exclude each other"),
        ({"freeze_epochs": 30}, "freeze_epochs must be fewer than the 30 epochs"),
        ({"freeze_epochs": 1, "optimizer": "bop"}, "which bop does not"),
        ({"network": "larq_zoo:BiRealNet"}, "body_weights is for this package's networks"),
    ],
)
def test_what_excludes_each_other(fields, sentence):
    with pytest.raises(RecipeError, match=sentence):
        Recipe(**{"network": "igp_resnet_tiny", "body_weights": "a.h5", **fields})


def test_weights_of_another_network_are_refused_before_anything_is_written(folder, tmp_path):
    recipe = recipe_of(folder)
    wider = dataclasses.replace(recipe, parameters={"filters": 8, "blocks": (1,)})
    with pytest.raises(UserError, match="has shape"):
        train(wider, tmp_path / "run", verbose=0)
    missing = dataclasses.replace(recipe, body_weights=str(folder / "none.h5"))
    with pytest.raises(UserError, match=r"none\.h5 does not exist"):
        train(missing, tmp_path / "run", verbose=0)
    assert not (tmp_path / "run").exists()


def test_a_body_takes_the_file_of_a_whole_network(folder):
    body = larq_igp.build(
        NETWORK["network"],
        input_shape=(28, 28, 3),
        include_top=False,
        weights=folder / "ten.weights.h5",
        **NETWORK["parameters"],
    )
    assert body.output_shape[1:3] != (None,)
    whole = larq_igp.build(
        NETWORK["network"],
        input_shape=(28, 28, 3),
        num_classes=10,
        weights=folder / "ten.weights.h5",
        **NETWORK["parameters"],
    )
    for name, value in weights(body).items():
        np.testing.assert_array_equal(value, weights(whole)[name])
