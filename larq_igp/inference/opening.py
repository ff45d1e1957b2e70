"""Open the source of a command: a run directory, the name of a network or of a larq-zoo model, a
recipe file, a ``.tflite`` or a model that Keras has saved.
"""

import math
from pathlib import Path
from typing import Any

import numpy as np

from larq_igp.architectures import UnknownNetworkError
from larq_igp.architectures.checks import check_classes
from larq_igp.architectures.options import MOST_VALUES
from larq_igp.data import Preprocessing
from larq_igp.data.geometry import geometry_of
from larq_igp.deploy.card import card_path, read_card
from larq_igp.deploy.flatbuffer import read_bytes, read_content
from larq_igp.deploy.schema import FILE_IDENTIFIER
from larq_igp.deploy.structure import check_structure
from larq_igp.errors import UserError
from larq_igp.inference.cards import data_of, recipe_of
from larq_igp.inference.keras_file import load_keras_model, takes_pixels
from larq_igp.inference.kinds import WORDS, Kind, kind_of, leave_out
from larq_igp.inference.subject import Subject
from larq_igp.models.build import IMAGENET_SHAPE
from larq_igp.spelling import closest_file
from larq_igp.training.recipe import make_recipe
from larq_igp.training.recipe.sources import Layer, from_keywords, named
from larq_igp.training.run.directory import open_run

IMAGENET_CLASSES = 1000
OF_RUNS = ("best", "last")
"""Names of the weights of a run."""
OF_IMAGES = ("dataset", "data_dir", "corrupt")
"""Fields of a recipe that apply to every subject: the images to measure it on."""


def open_subject(source: str | Path, **options: Any) -> Subject:
    """Open the source of a command.

    Args:
        source: a run directory, the name of a network, ``larq_zoo:`` and a model of larq-zoo, a
            recipe file (``.toml``), a ``.tflite``, or a model that Keras has saved: ``.keras``,
            ``.h5`` or the folder of a SavedModel.
        **options: ``weights`` of a run, ``best`` or ``last``; for a network that is not trained
            here, ``weights`` is a weights file, and there are ``num_classes`` and fields of
            ``Recipe`` like ``bits=2`` or ``parameters={"filters": 8}``.

    Raises:
        UserError: if the source cannot be opened, or an option does not apply to it.
    """
    return open_layer(str(source), from_keywords(options))


def open_layer(source: str, options: Layer, *, for_images: bool = False) -> Subject:
    """Open the source of a command, with options that know where they come from.

    Args:
        source: see ``open_subject``.
        options: see ``open_subject``.
        for_images: whether images of a data set will be fed. Then a network by name is built for
            the data set of its recipe, by default the digits; otherwise for ImageNet.

    Raises:
        UserError: see ``open_subject``.
    """
    kind = kind_of(source)
    weights = options["weights"].value if "weights" in options else None
    is_built = kind in ("network", "larq_zoo", "recipe")
    if kind != "run" and (weights in OF_RUNS or not is_built):
        leave_out(options, ("weights",), f"{source} is not a run directory")
    if kind in ("run", "tflite", "keras"):
        others = [name for name in options if name not in (*OF_IMAGES, "weights")]
        leave_out(options, others, f"{source} is {WORDS[kind]} and knows its own")
    if kind == "tflite":
        return _open_tflite(source)
    if kind == "keras":
        return _open_keras(source)
    if kind == "run":
        if weights not in (None, *OF_RUNS):
            raise UserError(
                f"{source} is a run directory: its weights are best or last, not {weights}."
            )
        return _open_run(source, weights or "best")
    return _open_network(source, kind, options, for_images)


def _open_run(source: str, weights: str) -> Subject:
    run = open_run(source)
    return Subject(
        source=source,
        kind="run",
        recipe=run.recipe,
        input_shape=run.preprocessing.input_shape,
        classes=len(run.class_names),
        data=run.data,
        preprocessing=run.preprocessing,
        run=run,
        weights=weights,
    )


def _open_network(source: str, kind: Kind, options: Layer, for_images: bool) -> Subject:
    fields = {
        name: each for name, each in options.items() if name not in ("num_classes", "weights")
    }
    try:
        recipe = make_recipe(*named(source), fields)
    except UnknownNetworkError as error:
        if kind != "network":
            raise
        text = f"no run directory, no file and {error} {closest_file(Path(source))}"
        raise UnknownNetworkError(text.rstrip()) from error
    says_data = for_images or kind == "recipe" or "dataset" in fields
    shape, classes = IMAGENET_SHAPE, IMAGENET_CLASSES
    if says_data:
        shape, classes = geometry_of(recipe.dataset, recipe.data_dir)
    if "num_classes" in options:
        classes = options["num_classes"].value
        check_classes(classes)
    return Subject(
        source=source,
        kind=kind,
        recipe=recipe,
        input_shape=recipe.input_shape or shape,
        classes=classes,
        weights_file=options["weights"].value if "weights" in options else None,
    )


def _open_tflite(source: str) -> Subject:
    content = read_bytes(source)
    if content[4:8] != FILE_IDENTIFIER:
        raise UserError(
            f"{source} is not a .tflite file, a recipe or a model that Keras has saved, by its "
            "name and its first bytes."
        )
    check_structure(content, source, unknown_operators=True)
    file = read_content(content, source)
    if len(file.inputs) != 1 or len(file.outputs) != 1:
        raise UserError(f"{source} is not a classifier: it must have one input and one output.")
    source_shape, result = file.tensors[file.inputs[0]].shape, file.tensors[file.outputs[0]].shape
    if len(source_shape) != 4:
        raise UserError(f"{source} does not take images: the shape of its input is {source_shape}.")
    (_, height, width, channels), classes = source_shape, result[-1]
    shape = (height, width, channels)
    known: dict[str, Any] = {"source": source, "kind": "tflite", "content": content}
    known |= {"input_shape": shape, "classes": classes}
    known["takes_pixels"] = file.tensors[file.inputs[0]].dtype == np.uint8
    if not card_path(source).is_file():
        return Subject(**known, recipe=None)
    card = read_card(source, content)
    said = card.preprocessing
    preprocessing = None if said is None else Preprocessing.from_json(said)
    fed = preprocessing.input_shape if preprocessing else card.input_shape
    if {fed, card.input_shape} != {shape} or len(card.class_names) not in (0, classes):
        raise UserError(
            f"the card of {source} is of another network: the file takes {shape} and has {classes} "
            f"outputs, but its card says {fed} and lists {len(card.class_names)} classes."
        )
    known |= {"recipe": recipe_of(card), "data": data_of(card), "card": card}
    return Subject(**known, preprocessing=preprocessing)


def _open_keras(source: str) -> Subject:
    model = load_keras_model(source)
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        ends = ", ".join(map(repr, [*model.input_names, *model.output_names]))
        raise UserError(
            f"{source} has {len(model.inputs)} inputs and {len(model.outputs)} outputs ({ends}); "
            "one of each is needed."
        )
    shape = tuple(model.input_shape[1:])
    if len(shape) != 3 or None in shape:
        raise UserError(
            f"{source} does not take images of one size: the shape of its input is "
            f"{model.input_shape}, but (None, H, W, C) is needed."
        )
    if math.prod(shape) > MOST_VALUES:
        raise UserError(
            f"{source} takes images of {shape}; they must have at most {MOST_VALUES:,} values."
        )
    if len(model.output_shape) < 2 or model.output_shape[-1] is None:
        raise UserError(
            f"{source} does not have one output for each class: the shape of its output is "
            f"{model.output_shape}."
        )
    return Subject(
        source=source,
        kind="keras",
        recipe=None,
        input_shape=shape,
        classes=model.output_shape[-1],
        preprocessing=Preprocessing(shape, (0.0,), (1.0,)) if takes_pixels(model) else None,
        keras=model,
    )
