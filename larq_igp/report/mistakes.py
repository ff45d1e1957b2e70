"""What a network misreads on the test images of its data set."""

import base64
from collections.abc import Sequence
from html import escape
from typing import Any

from larq_igp.data import DatasetError
from larq_igp.inference.predictor import open_predictor
from larq_igp.keras2 import tf
from larq_igp.report.charts import Chart
from larq_igp.report.facts import Facts
from larq_igp.report.page import Section
from larq_igp.training.fit.answers import Answers
from larq_igp.training.fit.measure import measure

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
    answers, names = Answers(subject.classes, IMAGES_SHOWN), subject.class_names
    predict, preprocessing = open_predictor(subject).predict, subject.preprocessing_of(dataset)
    examples = measure(predict, dataset, "test", preprocessing, answers=answers)["examples"]
    wrong = examples - int(answers.counts.trace())
    slug = "".join(letter if letter.isalnum() else "-" for letter in facts.name)
    chart = confusion_chart(f"confusion-{slug}", answers.counts.tolist(), names)
    shown = answers.worst()
    pictures = "".join(
        _picture(dataset.split("test"), each.index, names[each.truth], names[each.answer])
        for each in shown
    )
    text = (
        f"{wrong} of {examples} test images are misread; the {len(shown)} most confident answers "
        "of them are shown as truth → answer."
    )
    return Section(title, text, (chart,), f'<div class="images">{pictures}</div>')


def confusion_chart(name: str, counts: Sequence[Sequence[int]], names: tuple[str, ...]) -> Chart:
    """Return the chart of a confusion matrix: counts by truth and answer."""
    cells = tuple(map(tuple, counts))
    return Chart(name, "Confusion matrix", "answer", "truth", matrix=cells, ticks=names)


def _picture(split: Any, index: int, truth: str, guess: str) -> str:
    image, _ = split.load(tf.constant(index, tf.int64))
    data = base64.b64encode(tf.io.encode_png(image).numpy()).decode()
    words = escape(f"{truth} → {guess}")
    return (
        f'<figure><img alt="{words}" '
        f'src="data:image/png;base64,{data}"><figcaption>{words}</figcaption></figure>'
    )
