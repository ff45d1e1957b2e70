"""One interface to classify images with a Keras model or an engine with a ``.tflite``."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from larq_igp.deploy.device.scores import gives_probabilities
from larq_igp.deploy.engines import Child, open_engine
from larq_igp.errors import UserError
from larq_igp.inference.subject import Subject

Predict = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Predictor:
    """Classifies images.

    Attributes:
        predict: maps inputs ``(N, H, W, C)`` to probabilities ``(N, classes)``.
        engine: ``keras``, or the engine of a ``.tflite``.
    """

    predict: Predict
    engine: str


def open_predictor(
    subject: Subject,
    *,
    engine: str | None = None,
    threads: int | None = None,
    unknown_operators: bool = False,
) -> Predictor:
    """Return a predictor for a subject.

    Args:
        subject: the network.
        engine: engine for a ``.tflite``; None for the fastest that is installed.
        threads: number of threads of that engine; None is 1.
        unknown_operators: whether a ``.tflite`` may have operators that the check does not know.

    Raises:
        UserError: if no engine can run the file, there are no weights, an engine is named for a
            Keras model, or the only output is a logit.
    """
    if subject.kind == "tflite":
        opened = open_engine(
            subject.content,
            threads=threads or 1,
            engine=engine,
            child=Child(),
            unknown_operators=unknown_operators,
            name=subject.source,
        )
        gives_logits = subject.card is not None and subject.card.scores == "logits"
        predict = _as_probabilities(opened.predict, subject) if gives_logits else opened.predict
        return Predictor(predict, opened.name)
    options = {"engine": engine, "threads": threads, "unknown-operators": unknown_operators}
    given = [f"--{name}" for name, each in options.items() if each]
    if given:
        raise UserError(f"leave out {', '.join(given)}: {subject.source} is not a .tflite file.")
    model = subject.model()
    predict = model.predict_on_batch
    if not gives_probabilities(model):
        predict = _as_probabilities(predict, subject)
    return Predictor(predict, "keras")


def _as_probabilities(predict: Predict, subject: Subject) -> Predict:
    if subject.classes == 1:
        raise UserError(
            f"{subject.source} has one output without a sigmoid, which is not a probability."
        )

    def probabilities(images: np.ndarray) -> np.ndarray:
        logits = predict(images).astype(np.float64)
        powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
        return (powers / powers.sum(axis=-1, keepdims=True)).astype(np.float32)

    return probabilities
