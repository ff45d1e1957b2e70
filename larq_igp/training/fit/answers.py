"""What a network answers on a split: the confusion matrix, recalls, the worst mistakes."""

import csv
import heapq
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from larq_igp.data import Split
from larq_igp.files import write_atomically
from larq_igp.training.run.layout import CONFUSION, MISTAKES

MOST_MISTAKES = 100
"""That are kept, the most confident ones."""


@dataclass(frozen=True, order=True)
class Mistake:
    """An example that was classified wrong; the more confident answer is the larger mistake.

    Attributes:
        probability: of the answer.
        later: minus the example's index, so that of equal ones the first comes first.
        truth: label of the example.
        answer: label that the network gave.
    """

    probability: float
    later: int
    truth: int
    answer: int

    @property
    def index(self) -> int:
        """Of the example in its split."""
        return -self.later


class Answers:
    """Counts the answers to the examples of a split, in constant memory.

    Attributes:
        counts: ``(classes, classes)`` int64: examples by their label and the answer to them.
    """

    def __init__(self, classes: int, most_mistakes: int = MOST_MISTAKES):
        self.counts = np.zeros((classes, classes), np.int64)
        self._most, self._done = most_mistakes, 0
        self._worst: list[Mistake] = []

    def add(self, probabilities: np.ndarray, labels: np.ndarray) -> None:
        """Add the next examples, in the order of the split.

        Args:
            probabilities: ``(N, classes)``.
            labels: ``(N,)``.
        """
        answers = probabilities.argmax(axis=-1)
        np.add.at(self.counts, (labels, answers), 1)
        for row in np.flatnonzero(answers != labels).tolist():
            answer = int(answers[row])
            place = -(self._done + row)
            mistake = Mistake(float(probabilities[row, answer]), place, int(labels[row]), answer)
            if len(self._worst) < self._most:
                heapq.heappush(self._worst, mistake)
            else:
                heapq.heappushpop(self._worst, mistake)
        self._done += len(labels)

    def worst(self) -> list[Mistake]:
        """Return the mistakes that are kept, the most confident first."""
        return sorted(self._worst, reverse=True)

    def mistakes(self, names: Sequence[str], split: Split) -> list[dict[str, Any]]:
        """Return the worst mistakes, the most confident first: ``image``, its ``class``, the
        ``answer`` and its ``probability``.
        """
        return [
            {
                "image": split.name(each.index),
                "class": names[each.truth],
                "answer": names[each.answer],
                "probability": each.probability,
            }
            for each in self.worst()
        ]

    def by_class(self, names: Sequence[str]) -> list[dict[str, Any]]:
        """Return for each class its ``examples``, how many are ``right``, its ``recall`` (None
        without examples), and what it is ``taken_for`` most often (None if for nothing).
        """
        rows = []
        for label, counts in enumerate(self.counts):
            examples, right = int(counts.sum()), int(counts[label])
            wrong = np.where(np.arange(len(counts)) == label, 0, counts)
            most = int(wrong.argmax())
            rows.append(
                {
                    "class": names[label],
                    "examples": examples,
                    "right": right,
                    "recall": right / examples if examples else None,
                    "taken_for": names[most] if wrong[most] else None,
                }
            )
        return rows

    def confusion(self, names: Sequence[str]) -> list[dict[str, Any]]:
        """Return the counts that are not 0: ``class``, ``answer`` and ``count``."""
        return [
            {
                "class": names[truth],
                "answer": names[answer],
                "count": int(self.counts[truth, answer]),
            }
            for truth, answer in zip(*self.counts.nonzero(), strict=True)
        ]

    def write(self, folder: Path, names: Sequence[str], split: Split) -> None:
        """Write ``confusion.csv``, a row for each class with the counts of every answer and the
        recall, and ``mistakes.csv``.
        """
        recalls = [each["recall"] for each in self.by_class(names)]
        rows = [
            (name, *counts.tolist(), "" if recall is None else round(recall, 6))
            for name, counts, recall in zip(names, self.counts, recalls, strict=True)
        ]
        _write(folder / CONFUSION, ("class", *names, "recall"), rows)
        header = ("image", "class", "answer", "probability")
        mistakes = [tuple(each[name] for name in header) for each in self.mistakes(names, split)]
        _write(folder / MISTAKES, header, mistakes)


def _write(path: Path, header: Sequence[str], rows: list[tuple]) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(header)
    writer.writerows(rows)
    write_atomically(path, text.getvalue().encode(errors="surrogateescape"))
