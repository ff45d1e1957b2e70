"""Measure the accuracy of networks and files with the same input pipeline."""

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
        source: a source for ``open_subject``, or a subject.
        dataset: name of the data set; None for the one that the network was trained on.
        data_dir: folder of its files.
        corrupt: what to do with corrupt images, ``refuse`` or ``skip``; None for what the run did.
        download: whether it may be downloaded.
        split: ``train``, ``validation`` or ``test``.
        weights: ``best`` or ``last``, for a run.
        engine: engine for a ``.tflite``; None for the fastest that is installed.
        threads: number of threads of that engine; None is 1.
        unknown_operators: whether a ``.tflite`` may have operators that the check does not know.

    Returns:
        ``top1`` and ``top5`` as shares from 0 to 1, the mean cross-entropy ``loss`` in nats, the
        numbers of ``examples`` and ``classes``, and ``dataset``, ``split`` and ``engine``;
        ``by_class``, ``confusion`` and ``mistakes`` are lists, see ``Answers``.

    Raises:
        UserError: if the subject or the data set cannot be opened, or their classes differ.
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
    """Return a subject, which is opened if it is a source."""
    if isinstance(source, Subject):
        return source
    return open_subject(source, **({} if weights is None else {"weights": weights}))
