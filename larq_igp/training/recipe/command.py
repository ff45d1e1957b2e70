"""A recipe as the command that trains it."""

import shlex
from typing import Any

from larq_igp.architectures.zoo import as_typed, option_words
from larq_igp.training.recipe.recipe import Recipe


def command_of(recipe: Recipe) -> str:
    """Return the `larq-igp train` command of a recipe, with the options that are not defaults.

    The folder of the data set is left out: it is this machine's, and changes nothing.
    """
    typed = ["larq-igp", "train", recipe.network]
    for name, field in Recipe.fields().items():
        value = getattr(recipe, name)
        if name == "parameters":
            typed += option_words(value)
        elif name not in ("network", "data_dir") and value != field.default:
            typed += _option(field.option, value)
    return shlex.join(typed)


def _option(option: str, value: Any) -> list[str]:
    if isinstance(value, bool):
        return [option if value else f"--no-{option.removeprefix('--')}"]
    return [option, as_typed(value)]
