"""What has to be trained before a run: the 32-bit twin as its teacher, and a first stage with real
weights. Each is an ordinary run directory inside it.

RUN/teacher         the network at 32 bits, for ``teacher = "twin"``
RUN/first_stage     binary activations, real weights, for ``first_stage_epochs``
"""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

from larq_igp.training.fit.prerequisites import has_initial
from larq_igp.training.recipe import TWIN, Recipe
from larq_igp.training.run.directory import open_run
from larq_igp.training.run.layout import CONFIG, FIRST_STAGE, TEACHER, weights_path


def prepare(
    recipe: Recipe,
    run_dir: str | Path,
    train: Callable[[Recipe, Path], Any],
    *,
    inner: bool = False,
    has_checkpoint: bool = False,
) -> Recipe:
    """Train what a run needs first, and return the recipe to fit with: its teacher and initial
    weights are files in the run then, wherever the run lies now.

    The recipe that is written into the run stays the one that was given; what is returned is for
    ``compile_model``. Called again, as on resume, it trains only what is not finished.

    Args:
        recipe: of the run.
        run_dir: of the run; the runs that come first are made inside.
        train: trains a recipe into a folder, or resumes where that was interrupted.
        inner: whether this is one of those that come first: its teacher is in the outer one.
        has_checkpoint: whether the run has trained already, and starts from no other weights.
    """
    folder = Path(run_dir).absolute()
    if recipe.teacher and not inner:
        if recipe.teacher == TWIN:
            _finish(recipe.teacher_recipe(), folder / TEACHER, train)
        recipe = dataclasses.replace(recipe, teacher=str(folder / TEACHER))
    if has_checkpoint:
        starts: dict[str, Any] = {
            "first_stage_epochs": 0,
            "initial_weights": None,
            "body_weights": None,
        }
        return dataclasses.replace(recipe, **starts)
    if recipe.first_stage_epochs:
        _finish(recipe.first_stage(), folder / FIRST_STAGE, train)
        start = str(folder / FIRST_STAGE)
        return dataclasses.replace(recipe, first_stage_epochs=0, initial_weights=start)
    if has_initial(folder):
        which = "body_weights" if recipe.body_weights else "initial_weights"
        copied: dict[str, Any] = {which: str(weights_path(folder, "initial"))}
        return dataclasses.replace(recipe, **copied)
    return recipe


def _finish(recipe: Recipe, folder: Path, train: Callable[[Recipe, Path], Any]) -> None:
    is_finished = (folder / CONFIG).is_file() and open_run(folder).metrics() is not None
    if not is_finished:
        train(recipe, folder)
