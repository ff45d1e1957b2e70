"""What a network misreads on the test images of its data set."""

import base64
from collections.abc import Sequence
from html import escape
from typing import Any

from larq_igp.data import DatasetError
from larq_igp.inference.predictor import open_predictor
from larq_igp.inference.subject import Subject
from larq_igp.keras2 import tf
from larq_igp.report.charts import Matrix, slug
from larq_igp.report.page import Section
from larq_igp.training.fit.answers import Answers
from larq_igp.training.fit.measure import measure

IMAGES_SHOWN = 24
MOST_NUMBERS, MOST_NAMES = 26, 60
"""Classes whose counts, and whose names, can be read in a confusion matrix."""


def mistakes_section(label: str, subject: Subject) -> Section:
    """Confusion matrix on the test split, and some images that were misread.

    Raises:
        UserError: if the data set is not the one that the network was trained for.
    """
    title = f"Mistakes of {label}"
    try:
        dataset = subject.load_data()
    except DatasetError as error:  # the page shows what it can
        return Section(title, f"Left out: {error}")
    answers, names = Answers(subject.classes, IMAGES_SHOWN), subject.class_names
    predict, preprocessing = open_predictor(subject).predict, subject.preprocessing_of(dataset)
    examples = measure(predict, dataset, "test", preprocessing, answers=answers)["examples"]
    wrong = examples - int(answers.counts.trace())
    chart = confusion_chart(f"confusion-{slug(label)}", answers.counts.tolist(), names)
    split, shown = dataset.split("test"), answers.mistakes(names, dataset.split("test"))
    pictures = "".join(
        _picture(split, mistake.index, row)
        for mistake, row in zip(answers.worst(), shown, strict=True)
    )
    text = f"{wrong} of {examples} test images are misread by {subject.source}."
    if shown:
        text += f" Its {len(shown)} most confident mistakes: truth → answer, with its probability."
    return Section(title, text, (chart,), beside=f'<div class="images">{pictures}</div>')


def confusion_chart(name: str, counts: Sequence[Sequence[int]], names: tuple[str, ...]) -> Matrix:
    """Return the chart of a confusion matrix: counts by truth and answer, and the recall of each
    class.

    Args:
        name: of the chart.
        counts: rows are truths, columns answers.
        names: of the classes.
    """
    shown = names if len(names) <= MOST_NAMES else ()
    recalls = [row[i] / sum(row) if sum(row) else 0.0 for i, row in enumerate(counts)]
    has_numbers = len(counts) <= MOST_NUMBERS
    return Matrix(
        name=name,
        title="Confusion matrix",
        note="Rows are truths; a shade is the share of the row.",
        x_label="answer",
        y_label="truth",
        columns=shown,
        rows=shown,
        shades=tuple(tuple(count / max(1, sum(row)) for count in row) for row in counts),
        texts=tuple(tuple(str(count) if count else "" for count in row) for row in counts)
        if has_numbers
        else (),
        beside=tuple(f"{recall:.0%}" for recall in recalls) if has_numbers else (),
        beside_label="recall",
        is_square=True,
    )


def _picture(split: Any, index: int, row: dict[str, Any]) -> str:
    image, _ = split.load(tf.constant(index, tf.int64))
    data = base64.b64encode(tf.io.encode_png(image).numpy()).decode()
    words = escape(f"{row['class']} → {row['answer']}, {row['probability']:.0%}")
    name = escape(str(row["image"]))
    return (
        f'<figure><img alt="{name}" src="data:image/png;base64,{data}"><figcaption>{words}<br>'
        f"{name}</figcaption></figure>"
    )
