"""What a run is made of: typed, checked, and read from files and command lines. No TensorFlow."""

from larq_igp.training.recipe.recipe import (
    LARQ_ZOO,
    OPTIMIZERS,
    PRECISIONS,
    SCHEDULES,
    TWIN,
    Recipe,
    RecipeError,
    check_names,
    check_seed,
    field_types,
    parse_settings,
)

__all__ = [
    "LARQ_ZOO",
    "OPTIMIZERS",
    "PRECISIONS",
    "SCHEDULES",
    "TWIN",
    "Recipe",
    "RecipeError",
    "check_names",
    "check_seed",
    "field_types",
    "parse_settings",
]
