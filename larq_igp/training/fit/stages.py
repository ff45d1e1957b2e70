"""What has to be trained before a run: its teacher, and a first stage with real weights. Each is an
ordinary run directory inside it.

RUN/teacher         the network at 32 bits, for ``teacher = "twin"``
RUN/first_stage     binary activations, real weights, for ``first_stage_epochs``
"""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

from larq_igp.errors import UserError
from larq_igp.keras2 import tf
from larq_igp.models.build import load_weights
from larq_igp.training.fit.distillation import load_teacher
from larq_igp.training.recipe import TWIN, Recipe
from larq_igp.training.run.directory import CONFIG, Run, open_run

TEACHER, FIRST_STAGE = "teacher", "first_stage"


def prepare(recipe: Recipe, run_dir: str | Path, train: Callable[[Recipe, Path], Any]) -> Recipe:
    """Train what a run needs first, and return the recipe to fit with: its teacher and initial
    weights are files then.

    The recipe that is written into the run stays the one that was given; what is returned is for
    ``compile_model``. Called again, as on resume, it trains only what is not finished.

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
        recipe = dataclasses.replace(
            recipe, first_stage_epochs=0, initial_weights=str(folder / FIRST_STAGE)
        )
    return recipe


def check_sources(run: Run) -> None:
    """Refuse what a recipe names and cannot serve, while nothing is written yet: a teacher, initial
    weights, a model of larq-zoo.

    Raises:
        UserError: naming them.
    """
    recipe = run.recipe
    teacher = None if recipe.teacher == TWIN else recipe.teacher
    if not (recipe.is_larq_zoo or teacher or recipe.initial_weights):
        return  # the recipe itself was checked when it was made
    model = run.build_model()
    if teacher:
        load_teacher(recipe, model)
    if recipe.initial_weights:
        load_initial_weights(model, recipe)


def _finish(recipe: Recipe, folder: Path, train: Callable[[Recipe, Path], Any]) -> None:
    is_finished = (folder / CONFIG).is_file() and open_run(folder).metrics() is not None
    if not is_finished:
        train(recipe, folder)


def load_initial_weights(model: "tf.keras.Model", recipe: Recipe) -> None:
    """Load the weights that a recipe starts from, strictly: every layer must find its own.

    Args:
        model: that gets them.
        recipe: names a weights file, or a run directory, whose best weights are taken.

    Raises:
        UserError: if there are none, or they do not fit, or the run is one of another network.
    """
    source = recipe.initial_weights
    # Only a run says what network it is of: the file of another may hold arrays of the same shapes.
    if Path(source).is_dir():
        donor = open_run(source).recipe
        if _topology(donor) != _topology(recipe):
            raise UserError(
                f"initial weights {source} are of {donor.network_text}, and this is "
                f"{recipe.network_text}."
            )
    load_weights(model, weights_of(source))


def _topology(recipe: Recipe) -> Any:
    return recipe.network if recipe.is_larq_zoo else recipe.spec


def weights_of(source: str) -> Path:
    """Return the path of a weights file, or of the best weights of a run directory.

    Raises:
        UserError: if there are none.
    """
    path = Path(source)
    if path.is_dir():
        return open_run(path).weights("best")
    if not path.is_file():
        raise UserError(f"weights file {path} does not exist.")
    return path
