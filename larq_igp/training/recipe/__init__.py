"""What a run is made of: typed, checked, and read from files and command lines. No TensorFlow.

recipe.py     the fields, each declared once
fields.py     what a field takes: converted, checked, read from text
images.py     those of geometry and augmentation
older.py      what recipes of older versions mean
checks.py     what fields must be to each other
sources.py    values from files, options and keywords become a recipe; errors name where from
files.py      recipe files
"""

from larq_igp.training.recipe.fields import RecipeError
from larq_igp.training.recipe.recipe import LARQ_ZOO, TWIN, NewerRecipeError, Recipe
from larq_igp.training.recipe.sources import make_recipe

__all__ = ["LARQ_ZOO", "TWIN", "NewerRecipeError", "Recipe", "RecipeError", "make_recipe"]
