"""A run directory: the files of a training run, and how they are read. ``layout.py`` names them."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from larq_igp.architectures import UnknownNetworkError
from larq_igp.data import Dataset, Identity, Preprocessing
from larq_igp.errors import UserError
from larq_igp.files import read_json, write_json
from larq_igp.keras2 import tf
from larq_igp.models.weights import load_weights
from larq_igp.spelling import closest_file
from larq_igp.training.recipe import NewerRecipeError, Recipe
from larq_igp.training.run.format import FORMAT, LaterFormatError, check_format
from larq_igp.training.run.layout import (
    CONFIG,
    HISTORY,
    LOCK,
    METRICS,
    STATUS,
    resume_command,
    weights_path,
)
from larq_igp.training.run.network import build_network
from larq_igp.training.run.state import Count, Share
from larq_igp.versions import tool_versions

__all__ = [
    "CONFIG",
    "HISTORY",
    "METRICS",
    "Run",
    "RunError",
    "describe_run",
    "open_run",
    "weights_path",
]


DIGEST = "sha256"


class RunError(UserError):
    """A folder is not a run directory, or cannot become one."""


class Metrics(msgspec.Struct):
    """What ``metrics.json`` holds."""

    top1: Share
    top5: Share
    loss: float
    examples: Count
    epoch: Count
    validation_top1: Share


@dataclass(frozen=True)
class Run:
    """A run directory's configuration.

    Attributes:
        folder: the run directory.
        recipe: that it was trained by.
        data: that it was trained on. For runs of version 0.1.0, which kept little of it, the rest
            is None.
        preprocessing: from image to input.
    """

    folder: Path
    recipe: Recipe
    data: Identity
    preprocessing: Preprocessing

    @property
    def class_names(self) -> tuple[str, ...]:
        """Of the data set: output ``i`` means ``class_names[i]``."""
        return self.data.class_names or ()

    def build_model(self, precision: str = "float32") -> "tf.keras.Model":
        """Build the network with random initial weights; to train, with the recipe's precision."""
        return build_network(
            self.recipe, self.preprocessing.input_shape, len(self.class_names), precision=precision
        )

    def load_model(self, weights: str = "best") -> "tf.keras.Model":
        """Build the network with the ``best`` or the ``last`` weights.

        Raises:
            RunError: if the run has not saved them.
        """
        path = self.weights(weights)
        model = self.build_model()
        load_weights(model, path)
        return model

    def weights(self, name: str) -> Path:
        """Return the path of the ``best`` or the ``last`` weights.

        Raises:
            RunError: if the run has not saved them.
        """
        path = weights_path(self.folder, name)
        if not path.is_file():
            raise RunError(
                f"{self.folder} holds no {path.name}: the run has not finished an epoch."
            )
        return path

    def metrics(self) -> dict | None:
        """Return the final measurements, or None if the run did not come to its end."""
        path = self.folder / METRICS
        if not path.exists():
            return None
        metrics = read_json(path)
        try:
            epoch = msgspec.convert(metrics, Metrics).epoch
        except msgspec.ValidationError as error:
            raise RunError(f"{path} is damaged: {error}. Remove it to go without.") from error
        if not 1 <= epoch <= self.recipe.epochs:
            raise RunError(
                f"{path} is damaged: it is of epoch {epoch}, and the run has {self.recipe.epochs}. "
                "Remove it to go without."
            )
        return metrics


def describe_run(folder: Path, recipe: Recipe, dataset: Dataset) -> Run:
    """Return what a run will be; nothing is written."""
    preprocessing = dataset.preprocessing(recipe.input_shape)
    return Run(folder, recipe, dataset.identity(preprocessing.input_shape), preprocessing)


def _holds_something(path: Path) -> bool:
    """Not so what a process leaves that was killed before it wrote the configuration."""
    return path.name != LOCK and not path.name.startswith(".config-")


def make_folder(folder: Path) -> None:
    """Make the folder of a new run.

    Raises:
        RunError: if it already holds something, or cannot be made.
    """
    try:
        if folder.exists() and (
            not folder.is_dir() or any(map(_holds_something, folder.iterdir()))
        ):
            hint = (
                f", resume it with {resume_command(folder)}" if (folder / CONFIG).is_file() else ""
            )
            raise RunError(
                f"{folder} already exists and is not empty: name another with --run-dir{hint}, or "
                "remove it."
            )
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"run directory {folder} cannot be made: {error.strerror}.") from error


def write_config(run: Run) -> None:
    """Write the configuration of a run into its folder."""
    config = {
        "format": FORMAT,
        "recipe": run.recipe.to_json(),
        "data": run.data.to_json(),
        "preprocessing": run.preprocessing.to_json(),
        "versions": tool_versions(),
    }
    _write_config(run.folder, config)


def _write_config(folder: Path, config: dict[str, Any]) -> None:
    write_json(folder / CONFIG, config | {DIGEST: _digest(config)})


def _digest(config: dict[str, Any]) -> str:
    """Return the SHA-256 of all that a configuration says besides."""
    said = {name: value for name, value in config.items() if name != DIGEST}
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def read_status(folder: Path) -> dict[str, Any]:
    """Return why a run stopped before its end, if it could say so: ``state``, ``reason``, and
    ``corrupt_image``, whether the reason was an image that the user was asked to replace.
    """
    status = read_json(folder / STATUS) if (folder / STATUS).exists() else {}
    return status if isinstance(status, dict) else {}


def update_config(run: Run) -> None:
    """Write into the configuration of a run that is resumed where its data lie now, and what they
    are where images were replaced.
    """
    config = read_json(run.folder / CONFIG)
    recipe = config["recipe"] | {"data_dir": run.recipe.data_dir}
    data = {"data": run.data.to_json()} if "data" in config else {}
    if config != config | {"recipe": recipe} | data:
        _write_config(run.folder, config | {"recipe": recipe} | data)


def open_run(folder: str | Path) -> Run:
    """Read the configuration of a run directory.

    Raises:
        RunError: if it is not one, was written by a later version, or its configuration is
            damaged.
    """
    folder = Path(folder)
    if not (folder / CONFIG).is_file():
        why = f"it holds no {CONFIG}" if folder.exists() else "it does not exist"
        hint = closest_file(folder) if not folder.exists() else ""
        raise RunError(f"{folder} is not a run directory: {why}. {hint}".rstrip())
    config = read_json(folder / CONFIG)
    try:
        check_format(config.get("format", 1), folder / CONFIG)
        recipe = Recipe.from_json(config["recipe"])
        preprocessing = Preprocessing.from_json(config["preprocessing"])
        run = Run(folder, recipe, _read_identity(config, recipe, preprocessing), preprocessing)
        _check_feeding(run)
        if config.get(DIGEST) not in (None, _digest(config)):  # format 2 began without
            raise RunError("it was edited, as its checksum is another")
    except LaterFormatError:
        raise
    except NewerRecipeError as error:
        raise RunError(f"{folder / CONFIG}: {error}") from error
    except UnknownNetworkError as error:
        raise RunError(
            f"{folder} is of the network {config['recipe']['network']!r}, which is not known here: "
            "import the file that registers it first, with `larq-igp --import FILE`."
        ) from error
    except (KeyError, TypeError, AttributeError, ValueError, UserError) as error:
        raise RunError(f"{folder / CONFIG} is damaged: {_damage(error)}.") from error
    return run


def _check_feeding(run: Run) -> None:
    """Compare the two places that say what is done to an image.

    Raises:
        RunError: if they differ.
    """
    said = run.data.normalisation
    # Runs from before letterboxes do not speak of them.
    if said is not None and {"letterbox": False, **said} != run.preprocessing.normalisation():
        raise RunError("preprocessing and normalisation of the data differ")


def _damage(error: Exception) -> str:
    """Say what is wrong with a configuration that cannot be read."""
    if isinstance(error, UserError):
        return f"it does not describe a run ({str(error).rstrip('.')})"
    if isinstance(error, KeyError):
        return f"{error.args[0]} is missing"
    return "it does not describe a run"


def _read_identity(
    config: dict[str, Any], recipe: Recipe, preprocessing: Preprocessing
) -> Identity:
    """Return the identity of the data of a run; for version 0.1.0, what is known of it."""
    if "data" in config:
        return Identity.from_json(config["data"])
    known = {
        "dataset": recipe.dataset,
        "class_names": config["class_names"],
        "normalisation": preprocessing.normalisation(),
    }
    return Identity.from_json(known)
