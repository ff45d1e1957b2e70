"""Recipes on the command line: files, options over them, ``--set`` over both."""

import json
import subprocess
import sys

import click
import pytest

from larq_igp.cli.train import train
from larq_igp.training.recipe import Recipe
from tests.conftest import HANGS_SECONDS

FILE = (
    'network = "resnet_tiny"\nepochs = 3\nbatch_size = 300\nlabel_smoothing = '
    "0.1\n[parameters]\nfilters = 8\nblocks = [1]\n"
)


def test_each_field_of_a_recipe_is_an_option_that_tells_its_default():
    options = {option.name: option for option in train.params if isinstance(option, click.Option)}
    for name, default in Recipe(network="igp_resnet_tiny").to_json().items():
        if name in ("network", "parameters"):
            continue
        assert options[name].default is None, name  # what is not typed is the recipe's
        if default not in (None, (), False):
            assert options[name].help.endswith(f"[default: {default}]")


def test_options_come_over_the_file_and_set_over_both(igp, tmp_path):
    path = tmp_path / "my experiment.toml"
    path.write_text(FILE)
    result = igp(
        "train",
        path,
        "--run-dir",
        tmp_path / "run",
        "--epochs",
        2,
        "--set",
        "epochs=1",
        "--set",
        "parameters.filters=4",
        "--seed",
        7,
        "--quiet",
        "--json",
    )
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["examples"] == 360
    recipe = json.loads((tmp_path / "run" / "config.json").read_text())["recipe"]
    assert (recipe["epochs"], recipe["batch_size"], recipe["seed"], recipe["label_smoothing"]) == (
        1,
        300,
        7,
        0.1,
    )
    assert recipe["parameters"] == {"filters": 4, "blocks": [1]}


@pytest.mark.parametrize(
    "arguments, message",
    [
        (
            ["igp_resnet_tiny", "--set", "epoch=3"],
            "unknown field epoch of a recipe. Did you mean epochs",
        ),
        (["igp_resnet_tiny", "--pad-values", "none"], "--set pad_values=none takes back what"),
        (["igp_resnet_tiny", "--set", "=3"], "--set takes key=value; got '=3'"),
        (
            ["igp_resnet_tiny", "--set", "epochs=few"],
            "--set epochs=few: epochs must be a positive integer; got 'few'",
        ),
        (
            ["igp_resnet_tiny", "--set", "parameters.filter=3"],
            "filter is not a parameter of igp_resnet",
        ),
        (["none.toml"], "recipe none.toml does not exist"),
        (["igp_resnet_tiny", "--optimizer", "bop", "--bits", "2"], "bop flips weights"),
        (["larq_zoo:BiRealNet", "--bits", "2"], "bits cannot be chosen for it"),
    ],
)
def test_bad_recipes_are_one_sentence(refused, arguments, message, tmp_path):
    assert message in refused("train", *arguments, "--run-dir", tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_errors_of_a_recipe_file_name_it(refused, tmp_path):
    path = tmp_path / "my experiment.toml"
    for line, message in (
        ("epochs = 0", "epochs must be a positive integer; got 0."),
        ("epoch = 3", "unknown field epoch of a recipe."),
        ('network = "igp_resnet_tinny"', "no network is named 'igp_resnet_tinny'."),
        ('epochs = "few"', "epochs must be a positive integer; got 'few'."),
    ):
        path.write_text(line if "network" in line else f'network = "igp_resnet_tiny"\n{line}\n')
        assert f"Error: {path}: {message}" in refused("train", path, "--dry-run")
    path.write_text('network = "igp_resnet_tiny"\nepochs = 0\nbatch_size = 0\n')
    message = f"Error: {path}: batch_size must be a positive integer; got 0."
    assert message in refused("train", path, "--dry-run", "--set", "epochs=1")
    path.write_text('network = "igp_resnet_tiny"\n')
    message = "Error: --set epochs=0: epochs must be a positive integer; got 0."
    assert message in refused("train", path, "--dry-run", "--set", "epochs=0")
    path.write_text('extends = "a\\u0000b"\n')
    assert "must be the name of a file" in refused("train", path, "--dry-run")


def test_a_network_may_be_named_by_an_option(igp, refused, tmp_path):
    options = ["--filters", 4, "--blocks", 1, "--input-shape", "28,28,1", "--dry-run", "--json"]
    facts = [
        json.loads(igp("train", *name, *options).stdout)
        for name in (["resnet_tiny"], ["--model", "resnet_tiny"])
    ]
    assert facts[0]["loss"] == facts[1]["loss"]
    errors = refused("train", "resnet_tiny", "--model", "igp_resnet_tiny")
    assert (
        "resnet_tiny and --model igp_resnet_tiny both name a network: give one of them." in errors
    )
    assert "name a network, like `larq-igp train igp_resnet_tiny`" in refused("train")
    assert "larq-zoo has no model 'BinaryDenseNet82'" in refused(
        "train", "--model", "larq_zoo:BinaryDenseNet82", "--dry-run"
    )
    assert "leave out --epochs, or name the network too" in refused(
        "train", "--resume", tmp_path, "--epochs", 3
    )
    assert "leave out --strategy" in refused(
        "launch", "--workers", 2, "resnet_tiny", "--strategy=mirrored"
    )
    command = [
        sys.executable,
        "-m",
        "larq_igp",
        "launch",
        "--workers",
        "1",
        "--model",
        "larq_zoo:BiReal",
        "--dry-run",
    ]
    launched = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=HANGS_SECONDS
    )
    assert launched.returncode == 2
    assert "larq-zoo has no model 'BiReal'. Did you mean" in launched.stderr


@pytest.mark.slow
def test_a_model_of_larq_zoo_takes_the_steps_of_a_run(igp, tmp_path):
    result = igp("train", "larq_zoo:QuickNetSmall", "--dry-run", "--json")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["network"] == "larq_zoo:QuickNetSmall"
