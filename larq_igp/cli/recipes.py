"""Options that make up a recipe."""

from typing import Any

import click

from larq_igp.cli.options import network_options, pop_parameters, seed_option, stack

DATASETS = ("digits", "fashion_mnist", "cifar10", "cifar100", "imagenet2012", "folder")
dataset_help = f"Data set: {', '.join(DATASETS)}."

recipe_options = stack(
    network_options,
    click.option("--dataset", default="digits", show_default=True, help=dataset_help),
    click.option("--epochs", type=click.IntRange(1), default=30, show_default=True, help="Passes over the training images."),
    click.option("--batch-size", type=click.IntRange(1), default=64, show_default=True, help="Images in a step."),
    click.option("--learning-rate", type=float, default=4e-3, show_default=True, help="Of Adam, at its highest."),
    click.option("--schedule", type=click.Choice(["constant", "linear", "cosine"]), default="cosine", show_default=True,
                 help="Of the learning rate."),
    seed_option,
)  # fmt: skip


def make_recipe(network: str, options: dict[str, Any]):
    """Return the recipe that the command line describes; ``options`` are those of ``recipe_options`` and ``--data-dir``."""
    from larq_igp.training.recipe import Recipe

    parameters = pop_parameters(options)
    return Recipe(network=network, parameters=parameters, **options)
