"""Whether what is asked for now is what the run was started with."""

import hashlib
import json
from typing import Any

from larq_igp.errors import UserError
from larq_igp.training.recipe import Recipe

NOT_COMPARED = {"data_dir"}
"""Where files lie is not what they hold."""


class OtherRecipeError(UserError):
    """A run is to go on with another recipe than it was started with."""


def recipe_hash(recipe: dict[str, Any]) -> str:
    """Return the SHA-256 of a recipe as JSON."""
    compared = {name: value for name, value in recipe.items() if name not in NOT_COMPARED}
    return hashlib.sha256(json.dumps(compared, sort_keys=True).encode()).hexdigest()


def differences(before: dict[str, Any], now: dict[str, Any], prefix: str = "") -> list[str]:
    """Return a phrase for each field in which two recipes differ."""
    found = []
    for name in dict.fromkeys([*before, *now]):
        old, new = before.get(name), now.get(name)
        if isinstance(old, dict) and isinstance(new, dict):
            found += differences(old, new, f"{prefix}{name}.")
        elif old != new and name not in NOT_COMPARED:
            found.append(f"{prefix}{name} is {new!r} and was {old!r}")
    return found


def _plain(recipe: dict[str, Any]) -> dict[str, Any]:
    """JSON has lists where recipes have tuples."""
    return json.loads(json.dumps(recipe))


def check_same_recipe(before: dict[str, Any], recipe: Recipe, where: str) -> None:
    """Refuse to go on with another recipe.

    Args:
        before: recipe as JSON that the run was started with.
        recipe: that is asked for, resolved.
        where: the run, for the message.

    Raises:
        OtherRecipeError: with the difference, field by field.
    """
    found = differences(_plain(before), _plain(recipe.to_json()))
    if found:
        raise OtherRecipeError(
            f"{where} was started with another recipe: {'; '.join(found)}. Name another --run-dir."
        )
