"""What has to be trained before a run: its teacher, and a first stage with real weights. Each is an ordinary run directory inside it.

RUN/teacher         the network at 32 bits, for ``teacher = "twin"``
RUN/first_stage     binary activations, real weights, for ``first_stage_epochs``
"""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

from larq_igp.keras2 import tf
from larq_igp.models.build import load_weights
from larq_igp.training.recipe import TWIN, Recipe
from larq_igp.training.run import CONFIG, open_run, weights_path

TEACHER, FIRST_STAGE = "teacher", "first_stage"


def prepare(recipe: Recipe, run_dir: str | Path, train: Callable[[Recipe, Path], Any]) -> Recipe:
    """Train what a run needs first, and return the recipe to fit with: its teacher and initial weights are files then.

    The recipe that is written into the run stays the one that was given; what is returned is for ``compile_model``. Called again, as on
    resume, it trains only what is not finished.

    Args:
        recipe: of the run.
        run_dir: of the run; the runs that come first are made inside.
        train: trains a recipe into a folder, or goes on where that was interrupted.
    """
    folder = Path(run_dir).absolute()
    if recipe.teacher == TWIN:
        _finish(recipe.teacher_recipe(), folder / TEACHER, train)
        recipe = dataclasses.replace(recipe, teacher=str(folder / TEACHER))
    if recipe.first_stage_epochs:
        _finish(recipe.first_stage(), folder / FIRST_STAGE, train)
        recipe = dataclasses.replace(recipe, first_stage_epochs=0, initial_weights=str(folder / FIRST_STAGE))
    return recipe


def _finish(recipe: Recipe, folder: Path, train: Callable[[Recipe, Path], Any]) -> None:
    is_finished = (folder / CONFIG).is_file() and open_run(folder).metrics() is not None
    if not is_finished:
        train(recipe, folder)


def load_initial_weights(model: "tf.keras.Model", source: str) -> None:
    """Load weights to start from, strictly: every layer must find its own.

    Args:
        model: that gets them.
        source: a weights file, or a run directory, whose best weights are taken.

    Raises:
        UserError: if there are none, or they do not fit.
    """
    path = Path(source)
    load_weights(model, weights_path(open_run(path).folder, "best") if path.is_dir() else path)
