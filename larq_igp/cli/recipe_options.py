"""Options that make up a recipe: one for each of its fields, and ``--set``."""

from collections.abc import Callable
from typing import Any

import click

from larq_igp.cli.options import OWN_OPTIONS, PARAMETERS, field_option, stack, typed
from larq_igp.training.recipe import Recipe, make_recipe
from larq_igp.training.recipe.sources import from_options, from_settings, named


def recipe_options(function: Callable) -> Callable:
    """Add an option for each field of a recipe, for each parameter of networks, and ``--set``."""
    fields = [field_option(name) for name in Recipe.fields() if name not in OWN_OPTIONS]
    settings = click.option(
        "--set",
        "settings",
        multiple=True,
        metavar="KEY=VALUE",
        help="Any field of the recipe, like label_smoothing=0.1 or parameters.filters=31; may "
        "be repeated.",
    )
    body = click.option(
        "--from",
        "--body-weights",
        "body_weights",
        metavar="RUN|WEIGHTS",
        default=None,
        help=Recipe.fields()["body_weights"].description,
    )
    return stack(*fields, body, *PARAMETERS.values(), settings)(function)


def typed_recipe(network: str, options: dict[str, Any]) -> Recipe:
    """Return the recipe that the command line describes.

    Args:
        network: a network's name, or a recipe file (``.toml``).
        options: those of ``recipe_options``; the ones that were typed come over the file, and
            ``--set`` over both.

    Raises:
        UserError: if the file cannot be read, or a value is not allowed.
    """
    settings = from_settings(options.pop("settings", ()))
    return make_recipe(*named(network), from_options(typed(options), PARAMETERS), settings)


def recipe_text(recipe: Recipe) -> str:
    """Format a recipe for a terminal: one field a line, those that are not the default."""
    defaults = {name: each.default for name, each in Recipe.fields().items()}
    fields = {
        name: value
        for name, value in recipe.to_json().items()
        if name == "network" or value != defaults[name]
    }
    width = max(map(len, fields))
    lines = [f"  {name:{width}}  {_text(value)}" for name, value in fields.items()]
    return "\n".join([*lines, "  (the rest is the default: all fields are in config.json)"])


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name}={_text(part)}" for name, part in value.items()) or "none"
    if isinstance(value, tuple):
        return ",".join(map(str, value)) or "none"
    return "none" if value is None else str(value)
