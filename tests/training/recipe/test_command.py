"""The command on a card trains the recipe again."""

import shlex

import pytest

from larq_igp.cli.options import PARAMETERS
from larq_igp.cli.recipe_options import typed_recipe
from larq_igp.cli.train import train
from larq_igp.training.recipe import Recipe
from larq_igp.training.recipe.command import command_of

RECIPES = [
    Recipe(network="igp_resnet_tiny"),
    Recipe(
        network="igp_resnet21_53",
        parameters={"filters": 21, "blocks": (1, 1, 1), "join": "sum", "identity": "block"},
        dataset="fashion_mnist",
        input_shape=(28, 28, 1),
        stem="strided",
        seed=3,
        learning_rate=2e-3,
        synchronized_batchnorm=True,
    ),
    Recipe(
        network="binary_densenet_tiny",
        parameters={"transition_filters": (24, 24)},
        bits=32,
        optimizer="sgd",
        momentum=0.5,
        schedule="steps",
        boundaries=(3, 5),
        epochs=8,
    ),
]


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.network)
def test_the_command_is_of_the_same_recipe(recipe):
    program, command, *typed = shlex.split(command_of(recipe))
    assert (program, command) == ("larq-igp", "train")
    values = train.make_context("train", typed).params
    options = {name: values[name] for name in values if name in {*Recipe.fields(), *PARAMETERS}}
    assert typed_recipe(values["network"], options | {"settings": ()}) == recipe


def test_the_folder_of_the_data_is_not_told():
    assert "/home/me" not in command_of(Recipe(network="igp_resnet_tiny", data_dir="/home/me/x"))
