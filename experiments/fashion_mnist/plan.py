"""The runs of the experiment, the most telling first, so that it can be stopped at any time."""

import statistics
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from experiments.fashion_mnist.networks import ABLATIONS, IGP_RESNETS, NETWORKS

EPOCHS, LONGER = 12, 3
"""Of a run; the longer runs have ``LONGER`` times as many."""
BATCH_SIZE, LEARNING_RATE = 128, 4e-3
OTHER_LEARNING_RATES = (2e-3, 8e-3)
SEEDS, MORE_SEEDS = (0, 1, 2), (3, 4)


@dataclass(frozen=True)
class Run:
    """One training run: everything that differs between runs."""

    network: str
    bits: int = 1
    seed: int = 0
    epochs: int = EPOCHS
    learning_rate: float = LEARNING_RATE

    @property
    def name(self) -> str:
        """The key of the run's row, and the name of its folder."""
        rate = "" if self.learning_rate == LEARNING_RATE else f"-lr{self.learning_rate:g}"
        return f"{self.network}-{self.bits}bit-{self.epochs}epochs{rate}-seed{self.seed}"


def chosen_igp(rows: list[dict[str, Any]], epochs: int = EPOCHS) -> str | None:
    """Return the IGP-ResNet with the best mean validation accuracy at 1 bit.

    Returns:
        its name, or None until every IGP-ResNet has finished the seeds that all networks have.
    """
    accuracy = {row["run"]: float(row["validation_top1"]) for row in rows}
    names = {
        igp: [Run(igp, seed=seed, epochs=epochs).name for seed in SEEDS] for igp in IGP_RESNETS
    }
    if not all(name in accuracy for each in names.values() for name in each):
        return None
    return max(IGP_RESNETS, key=lambda igp: statistics.mean(accuracy[n] for n in names[igp]))


def main_pair(rows: list[dict[str, Any]]) -> tuple[str, str]:
    """Return Bi-Real and the IGP-ResNet that it is compared with: 3 columns until one is chosen."""
    return "bireal", chosen_igp(rows) or IGP_RESNETS[0]


def runs_in_order(rows: list[dict[str, Any]], epochs: int = EPOCHS) -> list[Run]:
    """Return all runs, in the order in which they are trained.

    Args:
        rows: of the runs that are finished. Their validation accuracy chooses the IGP-ResNet of
            the longer, the 2-bit and the additional runs; until then only Bi-Real has these.
        epochs: of a run; another number is a trial.
    """
    order = ["bireal", "igp3", "resnet", *ABLATIONS, "ebireal", "igp4", "dense", "igp_dense"]
    order += [name for name in NETWORKS if name not in order]
    first = ("bireal", "igp3", "resnet")
    rest = [name for name in order if name not in first]
    pair = ("bireal", *filter(None, [chosen_igp(rows, epochs)]))
    one = Run(order[0], epochs=epochs)

    def several(names: Iterable[str], seeds: Iterable[int] = SEEDS[:1], **fields) -> list[Run]:
        return [replace(one, network=n, seed=s, **fields) for s in seeds for n in names]

    runs = several(order)
    runs += several(first, SEEDS[1:])
    runs += several(first, bits=32)
    runs += [r for rate in OTHER_LEARNING_RATES for r in several(first[:2], learning_rate=rate)]
    runs += several(rest, SEEDS[1:])
    runs += several(pair, epochs=LONGER * epochs)
    runs += several(pair, bits=2)
    runs += several([name for name in rest if name not in ABLATIONS], bits=32)
    runs += several(("resnet", *pair), MORE_SEEDS)
    runs += several(pair, SEEDS[1:], bits=2)
    runs += several(("resnet", *pair), SEEDS[1:2], bits=32)
    return list(dict.fromkeys(runs))
