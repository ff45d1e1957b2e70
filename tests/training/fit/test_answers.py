import csv
import json

import numpy as np
import pytest

from larq_igp.cli.answers import answers_text, metrics_text
from larq_igp.data import load_dataset
from larq_igp.data.dataset import in_memory_split
from larq_igp.inference.evaluate import evaluate
from larq_igp.training.fit.answers import Answers

NAMES = ("cat", "dog", "owl")
# Truth, answer, probability of the answer; the rest is shared by the others.
GIVEN = [(0, 0, 0.9), (0, 1, 0.6), (1, 1, 0.5), (0, 1, 0.8), (1, 0, 0.8), (0, 0, 0.7)]


@pytest.fixture()
def answers() -> Answers:
    found = Answers(3, most_mistakes=2)
    probabilities = np.array([[(1 - p) / 2] * 3 for _, _, p in GIVEN], np.float32)
    for row, (_, answer, probability) in enumerate(GIVEN):
        probabilities[row, answer] = probability
    labels = np.array([truth for truth, _, _ in GIVEN])
    found.add(probabilities[:4], labels[:4])
    found.add(probabilities[4:], labels[4:])
    return found


def test_counts_recall_and_the_worst_mistakes(answers):
    assert answers.counts.tolist() == [[2, 2, 0], [1, 1, 0], [0, 0, 0]]
    cat, dog, owl = answers.by_class(NAMES)
    assert cat == {"class": "cat", "examples": 4, "right": 2, "recall": 0.5, "taken_for": "dog"}
    assert dog["taken_for"] == "cat"
    assert (owl["recall"], owl["taken_for"]) == (None, None)
    split = in_memory_split(np.zeros((6, 2, 2, 1), np.uint8), np.zeros(6, int))
    found = [(each["image"], each["answer"]) for each in answers.mistakes(NAMES, split)]
    assert found == [("3", "dog"), ("4", "cat")]  # of equal ones the first comes first
    assert {"class": "dog", "answer": "cat", "count": 1} in answers.confusion(NAMES)


def test_many_classes_are_printed_as_the_worst_of_them():
    found = Answers(30)
    labels = np.arange(30)
    found.add(np.eye(30)[np.where(labels < 3, labels + 1, labels)], labels)
    names = tuple(f"class {label}" for label in labels)
    split = in_memory_split(np.zeros((30, 2, 2, 1), np.uint8), labels)
    text = answers_text(
        {
            "by_class": found.by_class(names),
            "confusion": found.confusion(names),
            "mistakes": found.mistakes(names, split),
        }
    )
    lines = text.splitlines()
    assert lines[1] == "the 20 worst of 30 classes:"
    assert lines[3].split() == ["class", "0", "0", "of", "1", "0.0%", "class", "1"]
    assert "class 29" not in text


@pytest.mark.parametrize("classes, shown", [(2, False), (5, False), (6, True)])
def test_the_first_five_of_five_are_not_printed(classes, shown):
    metrics = {"top1": 0.5, "top5": 1.0, "examples": 8, "split": "test", "classes": classes}
    assert ("top-5" in metrics_text(metrics)) == shown


def test_a_run_holds_its_confusion_and_mistakes(run_dir, igp):
    with open(run_dir / "confusion.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    counts = np.array([[int(row[str(answer)]) for answer in range(10)] for row in rows])
    labels = load_dataset("digits").split("test").labels
    assert counts.sum(axis=1).tolist() == np.bincount(labels).tolist()
    metrics = json.loads((run_dir / "metrics.json").read_text())
    assert counts.trace() == round(metrics["top1"] * metrics["examples"])
    recalls = [float(row["recall"]) for row in rows]
    assert recalls == pytest.approx(counts.diagonal() / counts.sum(axis=1), abs=1e-6)
    with open(run_dir / "mistakes.csv", encoding="utf-8", newline="") as file:
        mistakes = list(csv.DictReader(file))
    assert len(mistakes) == min(100, counts.sum() - counts.trace())
    assert all(labels[int(each["image"])] == int(each["class"]) for each in mistakes)
    probabilities = [float(each["probability"]) for each in mistakes]
    assert probabilities == sorted(probabilities, reverse=True)
    found = evaluate(run_dir)
    assert [each["right"] for each in found["by_class"]] == counts.diagonal().tolist()
    assert [each["image"] for each in found["mistakes"]] == [each["image"] for each in mistakes]
    printed = igp("evaluate", run_dir).stdout
    assert f"{recalls[0]:.1%}" in printed
    assert mistakes[0]["image"] in printed
