"""Means, paired differences and rank correlations of the errors in the CSV."""

from dataclasses import dataclass
from typing import Any

from scipy.stats import spearmanr

from experiments.fashion_mnist.plan import Run
from larq_igp.tables import Sample

Row = dict[str, Any]


def errors(rows: list[Row], like: Run, split: str = "test") -> dict[int, float]:
    """Return the error in per cent of each seed that has finished.

    Args:
        rows: of the CSV.
        like: a run; its seed is ignored.
        split: ``test``, or ``validation``, of the same weights.
    """
    wanted = (like.network, like.bits, like.epochs, like.learning_rate)
    return {
        int(row["seed"]): 100 * (1 - float(row[f"{split}_top1"])) for row in rows
        if (row["network"], int(row["bits"]), int(row["epochs"]), float(row["learning_rate"]))
        == wanted
    }  # fmt: skip


def sample(values: dict[int, float]) -> Sample | None:
    """Return the sample of all seeds, or None if there are none."""
    return Sample(tuple(values[seed] for seed in sorted(values))) if values else None


def paired(first: dict[int, float], second: dict[int, float]) -> Sample | None:
    """Return ``first - second`` for each seed that both have; None if they share none.

    A seed decides the order of the images and their augmentation, so runs of one seed see the same
    images.
    """
    return sample({seed: first[seed] - second[seed] for seed in first.keys() & second.keys()})


@dataclass(frozen=True)
class Correlation:
    """Spearman's rank correlation of ``n`` pairs; ``p`` is two-sided, of no correlation."""

    rho: float
    p: float
    n: int


def rank_correlation(pairs: list[tuple[float, float]]) -> Correlation | None:
    """Return the rank correlation; None of fewer than three pairs, or if one side is constant."""
    if len(pairs) < 3 or any(len(set(side)) < 2 for side in zip(*pairs, strict=True)):
        return None
    found = spearmanr(*zip(*pairs, strict=True))
    return Correlation(float(found.statistic), float(found.pvalue), len(pairs))
