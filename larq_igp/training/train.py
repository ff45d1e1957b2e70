"""Train from Python: a network by name, a recipe file or a recipe, with its fields as keywords."""

import dataclasses
import inspect
from collections.abc import Iterator
from contextlib import suppress
from itertools import count, takewhile
from pathlib import Path
from typing import Any

from larq_igp.data import Dataset, register_dataset
from larq_igp.errors import UserError
from larq_igp.training.fit.train import TrainingOptions
from larq_igp.training.fit.train import train as train_by
from larq_igp.training.recipe import Recipe, make_recipe
from larq_igp.training.recipe.files import SUFFIX
from larq_igp.training.recipe.sources import from_keywords, named
from larq_igp.training.run.directory import Run, open_run
from larq_igp.training.run.listing import describe
from larq_igp.training.run.same_run import differences

OPTIONS = {each.name: each for each in dataclasses.fields(TrainingOptions)}


def train(
    network: str | Path | Recipe | None,
    run_dir: str | Path | None = None,
    *,
    resume: bool = False,
    **fields: Any,
) -> dict[str, Any]:
    """Train a network and measure its best weights on the test split.

        larq_igp.train("igp_resnet_tiny", epochs=60)
        larq_igp.train("experiments/table1/bireal_1bit.toml", "runs/a", data_dir="/data/cifar")
        larq_igp.train("igp_resnet_tiny", dataset=larq_igp.from_arrays((images, labels)))
        larq_igp.train(None, "runs/a", resume=True)

    Args:
        network: a network's name, ``larq_zoo:`` and a model of larq-zoo, a recipe file (``.toml``)
            or a ``Recipe``; None resumes ``run_dir`` by its own recipe, with ``data_dir`` if its
            data were moved.
        run_dir: a folder that does not exist yet; None is the first of ``runs/NAME-DATASET``,
            ``runs/NAME-DATASET-2``, ... that does not.
        resume: resume the run in ``run_dir``; start it if there is none. Without ``run_dir``, the
            newest unfinished run of the same recipe in ``runs/``.
        **fields: fields of the recipe, which come over those of ``network``, and how the run is
            carried out: fields of ``larq_igp.training.fit.train.TrainingOptions``. ``dataset`` may
            be a data set itself, which is then registered by its name.

    Returns:
        ``run_dir``; ``top1``, ``top5`` (shares from 0 to 1), ``loss`` and ``examples`` of the test
        split; ``epoch`` of the best weights and ``validation_top1``, which chose it. A worker that
        is not the chief returns ``run_dir`` alone.

    Raises:
        UserError: if the recipe, the data set, the run directory or the devices cannot be used, or
            the loss becomes non-finite.
        StoppedError: if a signal asked to stop; the run can be resumed.
    """
    options = {name: fields.pop(name) for name in OPTIONS if name in fields}
    if isinstance(fields.get("dataset"), Dataset):
        data = fields["dataset"]
        register_dataset(data.name, data)
        fields["dataset"] = data.name
    if network is None:
        if not resume or run_dir is None or fields.keys() - {"data_dir", "dataset"}:
            raise UserError(
                "name a network, or give run_dir and resume=True, and no field but data_dir."
            )
        recipe = recipe_of_run(run_dir, fields.get("data_dir"))
    else:
        recipe = _recipe(network, fields)
    if run_dir is None:
        run_dir = default_run_dir(run_name(network), images_name(recipe), resume=resume)
        if resume:
            run_dir = unfinished_run(run_name(network), recipe) or run_dir
    metrics = train_by(recipe, run_dir, resume=resume, **options)
    return {"run_dir": str(run_dir), **metrics}


def _signature() -> inspect.Signature:
    """Show every field in ``help(larq_igp.train)``, with the defaults that are written once."""
    own = inspect.signature(train)
    shown = [each for each in own.parameters.values() if each.kind is not each.VAR_KEYWORD]
    taken = {each.name for each in shown}
    defaults = {name: each.default for name, each in Recipe.fields().items()}
    defaults |= {name: each.default for name, each in OPTIONS.items()}
    shown += [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default)
        for name, default in defaults.items()
        if name not in taken
    ]
    return own.replace(parameters=shown)


train.__signature__ = _signature()  # type: ignore[attr-defined]


def recipe_of_run(run_dir: str | Path, data_dir: str | None) -> Recipe:
    """Return the recipe of a run, for data that may have been moved to another folder.

    Raises:
        UserError: if the folder holds no run.
    """
    recipe = open_run(run_dir).recipe
    return recipe if data_dir is None else dataclasses.replace(recipe, data_dir=data_dir)


def _recipe(network: str | Path | Recipe, fields: dict[str, Any]) -> Recipe:
    if isinstance(network, Recipe):
        return dataclasses.replace(network, **fields)
    return make_recipe(*named(str(network)), from_keywords(fields))


def run_name(network: str | Path | Recipe | None) -> str:
    """Return what a run of this network, or of this recipe file, is called: a name that can be a
    folder's.
    """
    name = network.network if isinstance(network, Recipe) else str(network)
    return Path(name).stem if name.endswith(SUFFIX) else name.replace(":", "_")


def images_name(recipe: Recipe) -> str:
    """Return a name for the images of a recipe: its data set, or the user's folder."""
    if recipe.dataset == "folder" and recipe.data_dir:
        return Path(recipe.data_dir).name.replace(" ", "_") or recipe.dataset
    return recipe.dataset


def default_run_dir(network: str, images: str, *, resume: bool = False) -> Path:
    """Return ``runs/NETWORK-IMAGES``, or the first of it, ``...-2``, ``...-3`` that does not
    exist.

    Args:
        network: as ``run_name`` returns it.
        images: as ``images_name`` returns it.
        resume: whether a run that is there already is meant.
    """
    names = _run_dirs(network, images)
    return next(path for path in names if resume or not path.exists())


def _run_dirs(network: str, images: str) -> Iterator[Path]:
    base = Path("runs") / f"{network}-{images}"
    yield base
    yield from (base.with_name(f"{base.name}-{number}") for number in count(2))


def unfinished_run(network: str, recipe: Recipe) -> Path | None:
    """Return the newest interrupted run of a recipe under its usual names that no process trains
    now.

    Args:
        network: as ``run_name`` returns it.
        recipe: the recipe that the run must have.
    """
    taken = takewhile(Path.exists, _run_dirs(network, images_name(recipe)))
    for folder in reversed(list(taken)):
        with suppress(UserError):  # a damaged run is not offered
            if describe(folder)["state"] == "interrupted" and _is_of(open_run(folder), recipe):
                return folder
    return None


def _is_of(run: Run, recipe: Recipe) -> bool:
    now = recipe.resolved(run.preprocessing.input_shape)
    return not differences(run.recipe, now)
