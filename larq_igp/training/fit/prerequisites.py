"""What a run takes from elsewhere: a teacher, initial weights.

They are checked before anything is written, and then copied into the run, so that it can be resumed
where they have been moved or removed:

RUN/teacher/            configuration, measurements and best weights of the teacher
RUN/initial.weights.h5
"""

import shutil
from pathlib import Path
from typing import Any

from larq_igp.data import require_same_data
from larq_igp.data.identity import FILES, INPUTS_AND_CLASSES
from larq_igp.errors import UserError
from larq_igp.files import atomic_path
from larq_igp.keras2 import tf
from larq_igp.models.features import features
from larq_igp.models.weights import load_weights
from larq_igp.training.recipe import TWIN, Recipe
from larq_igp.training.run.directory import Run, open_run
from larq_igp.training.run.layout import CONFIG, METRICS, TEACHER, weights_path


def check_sources(run: Run, *, teacher: bool = True, initial_weights: bool = True) -> None:
    """Refuse what a recipe names and cannot serve, while nothing is written yet: a teacher, initial
    weights, a model of larq-zoo.

    Args:
        run: that is started or resumed.
        teacher: whether its teacher is needed from where the recipe says.
        initial_weights: whether they are.

    Raises:
        UserError: naming them.
    """
    recipe = run.recipe
    source = recipe.teacher if teacher and recipe.teacher != TWIN else None
    initial = recipe.initial_weights if initial_weights else None
    body = recipe.body_weights if initial_weights else None
    if not (recipe.is_larq_zoo or source or initial or body):
        return  # the recipe itself was checked when it was made
    model = run.build_model()
    if source:
        _check_teacher_data(run, open_run(source))
        load_teacher(source, model)
    if body:
        load_body(body, model, recipe)
    if initial:
        load_initial_weights(initial, model, recipe)
        if Path(initial).is_dir():
            _check_initial_data(run, open_run(initial))


def _check_teacher_data(run: Run, teacher: Run) -> None:
    """Refuse a teacher whose answers say nothing about the student's images.

    It must have learnt the same data set, for the classes are in the same order then and the images
    normalised in the same way. It must not have been trained on images that are held out from the
    student: so the rule of the split must be the same, and the files as well. Files of two kinds of
    sources cannot be compared; then the rule is enough.

    Raises:
        OtherDataError: with what differs.
    """
    aspects = ["dataset", *INPUTS_AND_CLASSES, "split_rule"]
    if run.data.source == teacher.data.source:
        aspects += FILES
    what = f"the student learns other data than teacher {run.recipe.teacher} was trained on"
    require_same_data(run.data, teacher.data, what=what, aspects=aspects)


def _check_initial_data(run: Run, donor: Run) -> None:
    """Refuse weights that other values go into or other classes come out of, and those that were
    trained on images that are held out of this run. Other images, or more of them, may follow.
    """
    same_name = run.data.dataset == donor.data.dataset
    aspects = [*INPUTS_AND_CLASSES, *(["split_rule"] if same_name else [])]
    source = run.recipe.initial_weights
    what = f"initial weights {source} are of other data than this run learns"
    require_same_data(run.data, donor.data, what=what, aspects=aspects)


def has_teacher(folder: Path) -> bool:
    """Whether a run has a copy of its teacher, or its twin."""
    return (folder / TEACHER / CONFIG).is_file()


def has_initial(folder: Path) -> bool:
    """Whether a run has a copy of its initial weights."""
    return weights_path(folder, "initial").is_file()


def copy_sources(run: Run, *, initial_weights: bool) -> None:
    """Copy into a run what its recipe names, and what is not there yet.

    Args:
        run: that is started or resumed.
        initial_weights: whether they are needed: not, if there is a checkpoint.

    Raises:
        UserError: if something cannot be read or written.
    """
    folder, recipe = run.folder, run.recipe
    if recipe.teacher and recipe.teacher != TWIN and not has_teacher(folder):
        teacher = open_run(recipe.teacher)
        (folder / TEACHER).mkdir(exist_ok=True)
        _copy(teacher.weights("best"), weights_path(folder / TEACHER, "best"))
        if (teacher.folder / METRICS).is_file():
            _copy(teacher.folder / METRICS, folder / TEACHER / METRICS)
        # Last: where it is, all is.
        _copy(teacher.folder / CONFIG, folder / TEACHER / CONFIG)
    start = recipe.initial_weights or recipe.body_weights
    if initial_weights and start and not has_initial(folder):
        _copy(weights_of(start), weights_path(folder, "initial"))


def _copy(source: Path, to: Path) -> None:
    with atomic_path(to) as temporary:
        shutil.copyfile(source, temporary)


def load_teacher(folder: str, student: "tf.keras.Model") -> "tf.keras.Model":
    """Return the network of a run with its best weights, frozen, to teach a student.

    Raises:
        UserError: if it is not a run with weights, or has another input or other classes than
            the student.
    """
    teacher = open_run(folder).load_model("best")
    for what, of_teacher, of_student in (
        ("takes images of", teacher.input_shape[1:], student.input_shape[1:]),
        ("has outputs:", teacher.output_shape[1:], student.output_shape[1:]),
    ):
        if of_teacher != of_student:
            sizes = ["x".join(map(str, shape)) for shape in (of_teacher, of_student)]
            raise UserError(f"teacher {folder} {what} {sizes[0]}, and the student {sizes[1]}.")
    teacher.trainable = False
    return teacher


def load_initial_weights(source: str, model: "tf.keras.Model", recipe: Recipe) -> None:
    """Load the weights that a run starts from, strictly: every layer must find its own.

    Args:
        source: a weights file, or a run directory, whose best weights are taken.
        model: that gets them.
        recipe: of the run.

    Raises:
        UserError: if there are none, or they do not fit, or the run is one of another network.
    """
    _check_network(source, recipe)
    load_weights(model, weights_of(source))


def load_body(source: str, model: "tf.keras.Model", recipe: Recipe) -> None:
    """Load the weights that a run starts from into a model, except its classifier.

    Arguments and errors are those of ``load_initial_weights``, but the classes may differ.
    """
    _check_network(source, recipe)
    load_weights(body_of(model), weights_of(source))


def body_of(model: "tf.keras.Model") -> "tf.keras.Model":
    """Return all of a network of this package but its classifier; the layers are the same."""
    return tf.keras.Model(model.inputs, features(model)["pre_logits"], name=model.name)


def _check_network(source: str, recipe: Recipe) -> None:
    # Only a run says what network it is of: the file of another may hold arrays of the same shapes.
    if Path(source).is_dir():
        donor = open_run(source).recipe
        if _topology(donor) != _topology(recipe):
            raise UserError(
                f"initial weights {source} are of {donor.network_text}, and this is "
                f"{recipe.network_text}."
            )


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
