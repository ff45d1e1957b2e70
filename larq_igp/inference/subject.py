"""What an analysis looks at:

a run directory with its weights and images, or a named network with random ones.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

import larq_igp
from larq_igp.cli.options import pop_parameters
from larq_igp.data import Dataset, Preprocessing, load_dataset
from larq_igp.errors import UserError
from larq_igp.keras2 import tf
from larq_igp.training.recipe import Recipe
from larq_igp.training.run.directory import open_run


def _typed(options: dict[str, Any]) -> list[str]:
    """Return those options that were typed on the command line."""
    context = click.get_current_context()
    source = click.core.ParameterSource.COMMANDLINE
    return [
        f"--{name.replace('_', '-')}"
        for name in options
        if context.get_parameter_source(name) is source
    ]


@dataclass(frozen=True)
class Subject:
    """A network with images to feed it.

    Attributes:
        model: with its weights.
        bits: width of its convolutions.
        data: the images.
        preprocessing: from image to input.
        twin: builds the same network at 32 bits, with random weights.
    """

    model: "tf.keras.Model"
    bits: int
    data: Dataset
    preprocessing: Preprocessing
    twin: Callable[[], "tf.keras.Model"]


def open_subject(
    source: str,
    *,
    dataset: str | None,
    data_dir: str | None,
    download: bool,
    weights: str,
    seed: int,
    **options: Any,
) -> Subject:
    """Open a run directory, or build a network by name.

    Args:
        source: a folder, or a name of the registry.
        dataset: None is the run's own, or the digits for a name.
        data_dir: folder of its files.
        download: whether it may be fetched from the network.
        weights: ``best`` or ``last``, of a run.
        seed: of the weights of a named network.
        **options: of ``network_options``, for a named network; a run has its own.

    Raises:
        UserError: if the run, the network or the data set cannot be had, or do not belong together.
    """
    Recipe.fields()["seed"].convert(seed)
    is_run = Path(source).is_dir()
    if not is_run and len(Path(source).parts) > 1:
        raise UserError(
            f"{source} does not exist: a run directory or the name of a network is needed."
        )
    if is_run and (typed := _typed(options)):
        raise UserError(f"{source} is a run and has its own network: leave out {', '.join(typed)}.")
    parameters = pop_parameters(options)
    if is_run:
        run = open_run(source)
        data = load_dataset(
            dataset or run.recipe.dataset,
            data_dir=data_dir or run.recipe.data_dir,
            download=download,
        )
        if len(data.class_names) != len(run.class_names):
            raise UserError(
                f"{data.name} has {len(data.class_names)} classes, the run {len(run.class_names)}."
            )
        name, build_options, preprocessing = (
            run.recipe.network,
            run.recipe.build_options(),
            run.preprocessing,
        )
    else:
        data = load_dataset(dataset or "digits", data_dir=data_dir, download=download)
        preprocessing = data.preprocessing(options.pop("input_shape", None))
        name, build_options = (
            source,
            {key: value for key, value in options.items() if value is not None} | parameters,
        )

    def build(**replaced: Any) -> "tf.keras.Model":
        shape, classes = preprocessing.input_shape, len(data.class_names)
        return larq_igp.build(
            name, input_shape=shape, num_classes=classes, **{**build_options, **replaced}
        )

    if is_run:
        return Subject(
            run.load_model(weights), run.recipe.bits, data, preprocessing, lambda: build(bits=32)
        )
    tf.keras.utils.set_random_seed(seed)
    return Subject(build(), build_options["bits"], data, preprocessing, lambda: build(bits=32))
