"""How the images of a data set are fed by a recipe."""

import dataclasses
from typing import Any

from larq_igp.data import Dataset
from larq_igp.training.recipe import Recipe

WHOLE = 1.0


def fed(dataset: Dataset, recipe: Recipe) -> Dataset:
    """Return a data set whose geometry and augmentation are those of a recipe, where it names
    any.
    """
    crop: dict[str, Any] = {"crop": recipe.centre_crop or dataset.crop or WHOLE, "letterbox": False}
    geometries: dict[str | None, dict[str, Any]] = {
        None: {} if recipe.centre_crop is None else crop,
        "crop": crop,
        "letterbox": {"crop": None, "letterbox": True},
        "stretch": {"crop": None, "letterbox": False},
    }
    augmentation: dict[str, Any] = {
        "flip": recipe.mirror,
        "crop_area": recipe.crop_area,
        "colour_jitter": recipe.colour_jitter,
        "cut_out": recipe.cut_out,
    }
    named = {name: value for name, value in augmentation.items() if value is not None}
    return dataclasses.replace(dataset, **geometries[recipe.geometry], **named)
