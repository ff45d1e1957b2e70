"""What ``convert`` converts: a run with its weights, or a named network with random ones."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from larq_igp.architectures import get_spec
from larq_igp.data import Dataset, Preprocessing, eval_arrays, load_dataset
from larq_igp.deploy.about import About
from larq_igp.keras2 import tf
from larq_igp.models import build
from larq_igp.training.recipe import Recipe
from larq_igp.training.run.directory import open_run

FEW_IMAGES, MANY_IMAGES = 24, 256
SMALL_SIDE = 64


@dataclass(frozen=True)
class Convertible:
    """A model, what its card will say, and the data set whose test images verify the file."""

    model: "tf.keras.Model"
    about: About
    images_of: Dataset

    def images(self, count: int | None = None) -> np.ndarray:
        """Return the first test images as inputs ``(N, H, W, C)``; by default 256 of up to 64 px,
        24 of larger ones.
        """
        preprocessing = self.about.preprocessing
        is_small = max(preprocessing.input_shape[:2]) <= SMALL_SIDE
        count = count or (MANY_IMAGES if is_small else FEW_IMAGES)
        return next(eval_arrays(self.images_of, "test", preprocessing, batch_size=count))[0]


def subject_from_run(
    folder: str | Path, *, weights: str = "best", data_dir: str | None = None
) -> Convertible:
    """Return a trained network.

    Raises:
        UserError: if the run or its data set cannot be read.
    """
    run = open_run(folder)
    recipe, metrics = run.recipe, run.metrics()
    options = {"bits": recipe.bits, "pad_values": recipe.pad_values, "stem": recipe.stem}
    about = About(
        network=recipe.network,
        bits=recipe.bits,
        preprocessing=run.preprocessing,
        parameters=dataclasses.asdict(recipe.spec) | options,
        class_names=run.class_names,
        dataset=recipe.dataset,
        accuracy=metrics["top1"] if metrics is not None and weights == "best" else None,
    )
    images_of = load_dataset(recipe.dataset, data_dir=data_dir or recipe.data_dir)
    return Convertible(run.load_model(weights), about, images_of)


def subject_from_name(
    name: str,
    *,
    parameters: dict[str, Any],
    input_shape: tuple[int, int, int] | None,
    num_classes: int | None,
    seed: int,
    **options,
) -> Convertible:
    """Return a named network with random initial weights, for measuring what does not depend on
    them.

    Raises:
        UserError: if the name or a parameter is not allowed.
    """
    digits = load_dataset("digits")
    Recipe.fields()["seed"].convert(seed)
    tf.keras.utils.set_random_seed(seed)
    model = build(
        name,
        input_shape=input_shape,
        num_classes=1000 if num_classes is None else num_classes,
        **options,
        **parameters,
    )
    about = About(
        network=name,
        bits=options["bits"],
        preprocessing=Preprocessing(model.input_shape[1:], digits.mean, digits.deviation),
        parameters=dataclasses.asdict(get_spec(name, **parameters)) | options,
        class_names=tuple(str(number) for number in range(model.output_shape[-1])),
    )
    return Convertible(model, about, digits)
