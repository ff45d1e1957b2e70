"""``larq_igp.train``: from Python as from the command line."""

import inspect
import json

import pytest

import larq_igp
from larq_igp.errors import UserError
from larq_igp.training.recipe import Recipe

SMALL = {"parameters": {"filters": 4, "blocks": (1,)}, "input_shape": (28, 28, 1), "verbose": 0}


def test_it_returns_the_measurements_and_their_folder_and_resumes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    trained = larq_igp.train("resnet_tiny", epochs=1, batch_size=400, **SMALL)
    assert trained["run_dir"] == "runs/resnet_tiny-digits"
    written = json.loads((tmp_path / trained["run_dir"] / "metrics.json").read_text())
    assert {**written, "run_dir": trained["run_dir"]} == trained
    assert trained["examples"] == 360
    recipe = json.loads((tmp_path / trained["run_dir"] / "config.json").read_text())["recipe"]
    assert (recipe["epochs"], recipe["batch_size"]) == (1, 400)
    again = larq_igp.train(None, trained["run_dir"], resume=True)
    assert again == trained
    assert larq_igp.evaluate(trained["run_dir"])["top1"] == trained["top1"]


def test_its_signature_has_every_field_with_its_default():
    shown = inspect.signature(larq_igp.train).parameters
    recipe = Recipe(network="igp_resnet_tiny").to_json()
    for name in recipe.keys() - {"network"}:
        assert shown[name].default == recipe[name]
    assert list(shown)[:3] == ["network", "run_dir", "resume"]
    assert shown["strategy"].default == "auto"


def test_what_it_refuses(tmp_path):
    with pytest.raises(UserError, match="unknown field epoch of a recipe"):
        larq_igp.train("igp_resnet_tiny", tmp_path / "run", epoch=3)
    with pytest.raises(UserError, match="learning_rate must be a number above 0; got 0"):
        larq_igp.train("igp_resnet_tiny", tmp_path / "run", learning_rate=0.0)
    with pytest.raises(UserError, match="no field but data_dir"):
        larq_igp.train(None, tmp_path / "run", resume=True, epochs=3)
    with pytest.raises(UserError, match="is not a run directory"):
        larq_igp.train(None, tmp_path / "run", resume=True)
    assert not list(tmp_path.iterdir())
