"""What a network misreads on the test images of its data set."""

import base64
from html import escape
from typing import Any

import numpy as np

from larq_igp.data import DatasetError, eval_arrays
from larq_igp.inference.predictor import open_predictor
from larq_igp.keras2 import tf
from larq_igp.report.charts import Chart
from larq_igp.report.facts import Facts
from larq_igp.report.page import Section

IMAGES_SHOWN = 24


def mistakes_section(facts: Facts) -> Section:
    """Confusion matrix on the test split, and some images that were misread.

    Raises:
        UserError: if the data set is not the one that the network was trained for.
    """
    subject, title = facts.subject, f"Mistakes of {facts.name}"
    try:
        dataset = subject.load_data()
    except DatasetError as error:  # the page shows what it can
        return Section(title, f"Left out: {error}")
    predict, preprocessing = open_predictor(subject).predict, subject.preprocessing_of(dataset)
    classes, names = subject.classes, subject.class_names
    matrix, wrong, place = np.zeros((classes, classes), int), [], 0
    for images, labels in eval_arrays(dataset, "test", preprocessing, batch_size=100):
        guesses = predict(images).argmax(axis=-1)
        np.add.at(matrix, (labels, guesses), 1)
        indices = np.flatnonzero(labels != guesses).tolist()
        wrong += [(place + i, labels[i], guesses[i]) for i in indices]
        place += len(labels)
    cells = tuple(tuple(int(n) for n in row) for row in matrix)
    slug = "".join(letter if letter.isalnum() else "-" for letter in facts.name)
    chart = Chart(
        f"confusion-{slug}", "Confusion matrix", "answer", "truth", matrix=cells, ticks=names
    )
    pictures = "".join(
        _picture(dataset.split("test"), index, names[truth], names[guess])
        for index, truth, guess in wrong[:IMAGES_SHOWN]
    )
    text = (
        f"{len(wrong)} of {place} test images are misread; the first "
        f"{min(len(wrong), IMAGES_SHOWN)} are shown as truth → answer."
    )
    return Section(title, text, (chart,), f'<div class="images">{pictures}</div>')


def _picture(split: Any, index: int, truth: str, guess: str) -> str:
    image, _ = split.load(tf.constant(index, tf.int64))
    data = base64.b64encode(tf.io.encode_png(image).numpy()).decode()
    words = escape(f"{truth} → {guess}")
    return (
        f'<figure><img alt="{words}" '
        f'src="data:image/png;base64,{data}"><figcaption>{words}</figcaption></figure>'
    )
