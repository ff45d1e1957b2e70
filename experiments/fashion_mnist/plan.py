"""The runs of the experiment, the most telling first, so that it can be stopped at any time."""

import statistics
from dataclasses import dataclass
from typing import Any

from experiments.fashion_mnist.networks import ABLATIONS, IGP_RESNETS, NETWORKS

EPOCHS, LONG_EPOCHS = 12, 36
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


def chosen_igp(rows: list[dict[str, Any]]) -> str | None:
    """Return the IGP-ResNet with the best mean validation accuracy at 1 bit.

    Returns:
        its name, or None until every IGP-ResNet has finished the seeds that all networks have.
    """
    accuracy = {row["run"]: float(row["validation_top1"]) for row in rows}
    names = {igp: [Run(igp, seed=seed).name for seed in SEEDS] for igp in IGP_RESNETS}
    if not all(name in accuracy for each in names.values() for name in each):
        return None
    return max(IGP_RESNETS, key=lambda igp: statistics.mean(accuracy[n] for n in names[igp]))


def runs_in_order(rows: list[dict[str, Any]]) -> list[Run]:
    """Return all runs, in the order in which they are trained.

    Args:
        rows: of the runs that are finished. Their validation accuracy chooses the IGP-ResNet of
            the longer, the 2-bit and the additional runs; until then only Bi-Real has these.
    """
    order = ["bireal", "igp3", "resnet", *ABLATIONS, "ebireal", "igp4", "dense", "igp_dense"]
    order += [name for name in NETWORKS if name not in order]
    first = ("bireal", "igp3", "resnet")
    rest = [name for name in order if name not in first]
    runs = [Run(name) for name in order]
    runs += [Run(name, seed=seed) for seed in SEEDS[1:] for name in first]
    runs += [Run(name, bits=32) for name in first]
    runs += [Run(name, learning_rate=r) for r in OTHER_LEARNING_RATES for name in first[:2]]
    runs += [Run(name, seed=seed) for seed in SEEDS[1:] for name in rest]
    igp = chosen_igp(rows)
    pair = ("bireal", igp) if igp else ("bireal",)
    runs += [Run(name, epochs=LONG_EPOCHS) for name in pair]
    runs += [Run(name, bits=2) for name in pair]
    runs += [Run(name, bits=32) for name in rest if name not in ABLATIONS]
    runs += [Run(name, seed=seed) for seed in MORE_SEEDS for name in ("resnet", *pair)]
    runs += [Run(name, bits=2, seed=seed) for seed in SEEDS[1:] for name in pair]
    runs += [Run(name, bits=32, seed=1) for name in ("resnet", *pair)]
    return list(dict.fromkeys(runs))
