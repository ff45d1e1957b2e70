"""The kinds of sources of commands, recognised by name and content."""

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from larq_igp.architectures import ZOO
from larq_igp.errors import UserError
from larq_igp.spelling import closest_file
from larq_igp.training.recipe import LARQ_ZOO
from larq_igp.training.recipe.files import is_recipe_file
from larq_igp.training.recipe.sources import Layer

Kind = Literal["run", "network", "larq_zoo", "recipe", "keras", "tflite"]
SAVED_MODEL = "saved_model.pb"
WRITTEN_FOR_KERAS = (".h5", ".keras")
"""Suffixes of files that ``convert`` writes for Keras."""
KERAS_SUFFIXES = (*WRITTEN_FOR_KERAS, ".hdf5")
WORDS: dict[Kind, str] = {
    "run": "a run directory",
    "network": "the name of a network",
    "larq_zoo": "a model of larq-zoo",
    "recipe": "a recipe file",
    "keras": "a model that Keras has saved",
    "tflite": "a .tflite file",
}


def kind_of(source: str) -> Kind:
    """Return the kind of a source, by its name and its content.

    Raises:
        UserError: if it names a file that does not exist.
    """
    path = Path(source)
    if (path / SAVED_MODEL).is_file() or (path.suffix in KERAS_SUFFIXES and path.is_file()):
        return "keras"
    if path.is_dir():
        return "run"
    if source not in ZOO and Path(f"{source.removesuffix('.index')}.index").is_file():
        raise UserError(
            f"{source} is a checkpoint of TensorFlow, which holds only weights: load them in "
            "Python with load_weights of their network, save that as .h5, and name the .h5."
        )
    if is_recipe_file(source):
        return "recipe"
    if path.is_file():
        return "tflite"
    if source.startswith(LARQ_ZOO):
        return "larq_zoo"
    if not source or len(path.parts) > 1 or path.suffix:
        named = f"{source or 'a source without a name'} does not exist: {_needed()}."
        raise UserError(f"{named} {closest_file(path)}".rstrip())
    return "network"


def _needed() -> str:
    *first, last = WORDS.values()
    return f"{', '.join(first)} or {last} is needed"


def leave_out(options: Layer, names: Iterable[str], reason: str) -> None:
    """Refuse options that do not apply to the source."""
    given = [options[name].source or name for name in names if name in options]
    if given:
        raise UserError(f"leave out {', '.join(given)}: {reason}.")
