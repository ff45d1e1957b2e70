"""Whether the recipe and the data that are asked for now are what a run was started with."""

import json
from collections.abc import Collection, Mapping
from typing import Any

from larq_igp.data import Identity, require_same_data
from larq_igp.data.identity import EVERYTHING, PREPARED, OtherDataError
from larq_igp.errors import UserError
from larq_igp.training.recipe import Recipe
from larq_igp.training.run.checkpoint import Checkpoint
from larq_igp.training.run.directory import Run

NOT_COMPARED = frozenset({"data_dir"})
"""Where files lie is not what they hold."""


class OtherRecipeError(UserError):
    """A run is to be resumed by another recipe than it was started with."""


def check_same_recipe(
    before: Recipe, now: Recipe, where: str, *, not_compared: Collection[str] = NOT_COMPARED
) -> None:
    """Refuse to resume a run by another recipe.

    Args:
        before: that the run was started with.
        now: that is asked for, resolved.
        where: the run, for the message.
        not_compared: fields that may differ.

    Raises:
        OtherRecipeError: with the difference, field by field.
    """
    found = differences(before, now, not_compared)
    if found:
        raise OtherRecipeError(
            f"{where} was started with another recipe: {'; '.join(found)}. Name another --run-dir."
        )


def differences(before: Recipe, now: Recipe, not_compared: Collection[str] = ()) -> list[str]:
    """Return in words in which fields two recipes differ, but for some that are not compared."""
    # JSON has lists where recipes have tuples.
    old, new = (json.loads(json.dumps(each.to_json())) for each in (before, now))
    return _differences(old, new, not_compared)


def _differences(
    before: Mapping[str, Any], now: Mapping[str, Any], not_compared: Collection[str]
) -> list[str]:
    found = []
    for name in dict.fromkeys([*before, *now]):
        old, new = before.get(name), now.get(name)
        if isinstance(old, dict) and isinstance(new, dict):
            found += [f"{name}.{each}" for each in _differences(old, new, ())]
        elif old != new and name not in not_compared:
            found.append(f"{name} is {new!r} and was {old!r}")
    return found


def check_same_run(
    run: Run, stored: Run, checkpoint: Checkpoint | None, *, inner: bool, images_replaced: bool
) -> None:
    """Refuse to resume a run by another recipe or on other data.

    Args:
        run: as it is asked for now.
        stored: as it was started.
        checkpoint: that is going to be resumed from.
        inner: whether it is part of another run, which has been checked: that one says where its
            teacher is.
        images_replaced: whether contents of files may differ: an image that could not be decoded
            stopped the run, so it had no influence yet, and the user was asked to replace it.

    Raises:
        OtherRecipeError: if the recipe differs.
        OtherDataError: if the data do.
    """
    folder = run.folder
    free = NOT_COMPARED | {"teacher"} if inner else NOT_COMPARED
    check_same_recipe(stored.recipe, run.recipe, str(folder), not_compared=free)
    what = f"{folder} cannot be resumed on other data than it was started on"
    but_contents = [name for name in EVERYTHING if name != "contents"]
    aspects = but_contents if images_replaced else EVERYTHING
    require_same_data(run.data, stored.data, what=what, aspects=aspects)
    if checkpoint is None:
        return
    recipe = Recipe.from_json(checkpoint.state["recipe"])
    check_same_recipe(recipe, run.recipe, f"the checkpoint in {folder}", not_compared=free)
    data = _data_of(checkpoint)
    # Those of the configuration are newer where images were replaced.
    aspects = aspects if stored.data.contents is None else but_contents
    require_same_data(run.data, data, what=what, aspects=aspects)
    if data.split_rule is None and stored.data.split_rule is None:
        _check_old_split(run)


def _data_of(checkpoint: Checkpoint) -> Identity:
    if "data" in checkpoint.state:
        return Identity.from_json(checkpoint.state["data"])
    return Identity(examples={"train": checkpoint.state["train_images"]})


def _check_old_split(run: Run) -> None:
    """Refuse what version 0.1.0 split in another way."""
    if (run.data.dataset, run.data.source) == ("imagenet2012", PREPARED):
        raise OtherDataError(
            f"{run.folder} was started by larq-igp 0.1.0, which held out other validation images "
            "of what tensorflow-datasets prepared: resume it with that version, or start a new run."
        )
