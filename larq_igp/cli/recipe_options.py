"""Options that make up a recipe, and where its values come from:

a file, the options, ``--set``; the later wins.
"""

from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from larq_igp.cli.options import network_options, pop_parameters, seed_option, stack
from larq_igp.errors import UserError

DATASETS = ("digits", "fashion_mnist", "cifar10", "cifar100", "imagenet2012", "folder")
dataset_help = f"Data set: {', '.join(DATASETS)}."

recipe_options = stack(
    network_options,
    click.option("--dataset", default="digits", show_default=True, help=dataset_help),
    click.option(
        "--epochs",
        type=click.IntRange(1),
        default=30,
        show_default=True,
        help="Passes over the training images.",
    ),
    click.option(
        "--batch-size",
        type=click.IntRange(1),
        default=64,
        show_default=True,
        help="Images in a step.",
    ),
    click.option(
        "--optimizer",
        type=click.Choice(["adam", "adamw", "sgd", "bop"]),
        default="adam",
        show_default=True,
        help="bop: Bop on binary kernels, Adam on the rest.",
    ),
    click.option(
        "--learning-rate", type=float, default=4e-3, show_default=True, help="At its highest."
    ),
    click.option(
        "--schedule",
        type=click.Choice(["constant", "linear", "cosine", "steps"]),
        default="cosine",
        show_default=True,
        help="Of the learning rate.",
    ),
    click.option(
        "--teacher",
        help="Distil from this run directory, or from `twin`, the network "
        "at 32 bits, trained first.",
    ),
    click.option(
        "--precision",
        type=click.Choice(["float32", "mixed_float16", "mixed_bfloat16"]),
        default="float32",
        show_default=True,
        help="Of the arithmetic in training.",
    ),
    seed_option,
    click.option(
        "--set",
        "settings",
        multiple=True,
        metavar="KEY=VALUE",
        help="Any field of the recipe, like label_smoothing=0.1 or "
        "parameters.filters=31; again for more.",
    ),
)


def make_recipe(network: str, options: dict[str, Any]):
    """Return the recipe that the command line describes.

    Args:
        network: a network's name, or a recipe file (``.toml``).
        options: those of ``recipe_options`` and ``--data-dir``. Over a file, only those that were
            typed count.

    Raises:
        UserError: if the file cannot be read, or a value is not allowed; ``--set`` comes last.
    """
    from larq_igp.training.recipe import Recipe, parse_settings
    from larq_igp.training.recipe.files import is_recipe_file, read_recipe_file

    values: dict[str, Any] = {"network": network}
    parameters = pop_parameters(options)
    settings = parse_settings(options.pop("settings", ()))
    if is_recipe_file(network):
        values = read_recipe_file(network)
        options = {name: value for name, value in options.items() if _was_typed(name)}
    typed = _over({**options, "parameters": parameters}, settings)
    try:
        return Recipe.from_json(_over(values, typed))
    except UserError as error:
        network_alone = {"network": values.get("network")}
        is_typed = str(error) == _refusal(network_alone | typed) and str(error) != _refusal(
            network_alone
        )
        if is_typed or not is_recipe_file(network):
            raise
        raise UserError(f"{network}: {error}") from error


def _refusal(values: dict[str, Any]) -> str | None:
    """Say what is wrong with some fields alone, which tells errors of the command line from those
    of a file.
    """
    from larq_igp.training.recipe import Recipe

    try:
        Recipe.from_json(values)
    except UserError as error:
        return str(error)
    return None


def _was_typed(option: str) -> bool:
    return click.get_current_context().get_parameter_source(option) is not ParameterSource.DEFAULT


def _over(*layers: dict[str, Any]) -> dict[str, Any]:
    """Lay one set of fields over another; those of ``parameters`` one by one."""
    merged: dict[str, Any] = {}
    for layer in layers:
        below, above = merged.get("parameters", {}), layer.get("parameters", {})
        is_table = isinstance(below, dict) and isinstance(above, dict)
        merged |= {
            **layer,
            "parameters": below | above if is_table else below or above,
        }  # what is no table is refused later
    return merged


def run_name(network: str) -> str:
    """Return what a run of this network, or of this recipe file, is called:

    a name that can be a folder's.
    """
    return Path(network).stem if network.endswith(".toml") else network.replace(":", "_")


def recipe_text(recipe: Any) -> str:
    """Format a recipe for a terminal: one field a line."""
    fields = recipe.to_json()
    width = max(map(len, fields))
    return "\n".join(f"  {name:{width}}  {_text(value)}" for name, value in fields.items())


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name}={_text(part)}" for name, part in value.items()) or "none"
    if isinstance(value, tuple):
        return ",".join(map(str, value)) or "none"
    return "none" if value is None else str(value)
