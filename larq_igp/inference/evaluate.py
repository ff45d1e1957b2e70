"""Measure the accuracy of whatever classifies images, by one input pipeline."""

from pathlib import Path
from typing import Any

from larq_igp.inference.opening import open_subject
from larq_igp.inference.predictor import open_predictor
from larq_igp.inference.subject import Subject
from larq_igp.training.fit.answers import Answers
from larq_igp.training.fit.measure import measure


def evaluate(
    source: str | Path | Subject,
    *,
    dataset: str | None = None,
    data_dir: str | None = None,
    corrupt: str | None = None,
    download: bool = False,
    split: str = "test",
    weights: str | None = None,
    engine: str | None = None,
    threads: int | None = None,
    unknown_operators: bool = False,
) -> dict[str, Any]:
    """Measure accuracy on a split of a data set.

    Args:
        source: what ``open_subject`` opens, or has opened.
        dataset: name of the images; None is the data set that it was trained on.
        data_dir: folder of their files.
        corrupt: what is done with corrupt images, ``refuse`` or ``skip``; None is what the run did.
        download: whether they may be fetched from the network.
        split: ``train``, ``validation`` or ``test``.
        weights: ``best`` or ``last``, of a run.
        engine: that runs a ``.tflite``; None takes the fastest that is installed.
        threads: of that engine; None is 1.
        unknown_operators: whether a ``.tflite`` may have operators that the check does not know.

    Returns:
        ``top1`` and ``top5`` as shares from 0 to 1, the mean cross-entropy ``loss`` in nats, of how
        many ``examples`` and ``classes`` they are, and ``dataset``, ``split`` and ``engine``;
        ``by_class``, ``confusion`` and ``mistakes`` are lists as of ``Answers``.

    Raises:
        UserError: if the subject or the data set cannot be had, or the network's answers do not
            mean the labels of the data set.
    """
    subject = opened(source, weights)
    images = subject.load_data(dataset, data_dir=data_dir, download=download, corrupt=corrupt)
    predictor = open_predictor(
        subject, engine=engine, threads=threads, unknown_operators=unknown_operators
    )
    answers, names = Answers(subject.classes), subject.class_names
    preprocessing = subject.preprocessing_of(images)
    metrics = measure(predictor.predict, images, split, preprocessing, answers=answers)
    return {
        **metrics,
        "dataset": images.name,
        "split": split,
        "engine": predictor.engine,
        "by_class": answers.by_class(names),
        "confusion": answers.confusion(names),
        "mistakes": answers.mistakes(names, images.split(split)),
    }


def opened(source: str | Path | Subject, weights: str | None) -> Subject:
    """Return a subject, opened if it is not yet."""
    if isinstance(source, Subject):
        return source
    return open_subject(source, **({} if weights is None else {"weights": weights}))
