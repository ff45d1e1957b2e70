"""One face for whatever can classify images:

a run directory with its Keras weights, or a ``.tflite`` with its card.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from larq_igp.data import Dataset, Preprocessing
from larq_igp.errors import UserError
from larq_igp.training.fit.measure import measure
from larq_igp.training.run.directory import open_run


@dataclass(frozen=True)
class Predictor:
    """Classifies images.

    Attributes:
        predict: maps inputs ``(N, H, W, C)`` float32 to probabilities ``(N, classes)``.
        preprocessing: from stored image to input.
        class_names: of the probabilities.
        dataset: that it was trained on, or None.
        data_dir: where that was found, or None for its usual place.
        engine: what computes: ``keras``, or the engine of a ``.tflite``.
    """

    predict: Callable[[np.ndarray], np.ndarray]
    preprocessing: Preprocessing
    class_names: tuple[str, ...]
    dataset: str | None
    data_dir: str | None
    engine: str

    def evaluate(self, dataset: Dataset, split: str) -> dict[str, Any]:
        """Measure accuracy on a split of a data set; see ``larq_igp.training.fit.measure.measure``.

        Raises:
            UserError: if the data set has no such split, or another number of classes.
        """
        classes = len(dataset.class_names)
        if classes != len(self.class_names):
            raise UserError(
                f"{dataset.name} has {classes} classes, and this network tells "
                f"{len(self.class_names)} apart."
            )
        metrics = measure(self.predict, dataset, split, self.preprocessing)
        return {**metrics, "dataset": dataset.name, "split": split, "engine": self.engine}


def open_predictor(
    path: str | Path,
    *,
    weights: str | None = None,
    engine: str | None = None,
    threads: int | None = None,
) -> Predictor:
    """Open a run directory or a ``.tflite`` file.

    Args:
        path: of either.
        weights: of a run directory, ``best`` or ``last``; None is ``best``.
        engine: that runs a ``.tflite``; None takes the fastest that is installed.
        threads: of that engine; None is 1.

    Raises:
        UserError: if the path is missing, neither of the two, or damaged; or an argument is for the
            other of the two.
    """
    path = Path(path)
    if path.is_dir():
        if engine or threads:
            raise UserError(
                f"{path} is a run directory, which Keras runs: --engine and --threads are for a "
                ".tflite file."
            )
        return _open_run(path, weights or "best")
    if not path.exists():
        raise UserError(f"{path} does not exist: a run directory or a .tflite file is needed.")
    if weights:
        raise UserError(f"{path} holds its weights: --weights is for a run directory.")
    return _open_tflite(path, engine, threads or 1)


def _open_run(folder: Path, weights: str) -> Predictor:
    run = open_run(folder)
    model = run.load_model(weights)
    return Predictor(
        predict=model.predict_on_batch,
        preprocessing=run.preprocessing,
        class_names=run.class_names,
        dataset=run.recipe.dataset,
        data_dir=run.recipe.data_dir,
        engine="keras",
    )


def _open_tflite(path: Path, engine_name: str | None, threads: int) -> Predictor:
    from larq_igp.deploy.card import read_card
    from larq_igp.deploy.engines import open_engine

    engine = open_engine(path, threads=threads, engine=engine_name)
    card = read_card(path)
    preprocessing = Preprocessing.from_json(card.preprocessing)
    takes, tells = engine.input_shape[1:], engine.output_shape[-1]
    if preprocessing.input_shape != takes or len(card.class_names) != tells:
        raise UserError(
            f"the card of {path} is of another network: the file takes {takes} and tells {tells} "
            "classes apart, "
            f"the card says {preprocessing.input_shape} and {len(card.class_names)}."
        )
    return Predictor(
        predict=engine.predict,
        preprocessing=preprocessing,
        class_names=card.class_names,
        dataset=card.dataset,
        data_dir=None,  # a file may be anywhere, and so may its data set
        engine=engine.name,
    )
