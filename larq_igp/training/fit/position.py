"""Where a run stands."""

import math
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass
class Position:
    """Where a run stands: plain values, written into its checkpoints.

    Attributes:
        step: optimizer steps that are done.
        history: rows of the epochs that are done, validation included.
        layers: their rows of ``layers.csv``.
        best_score: ``(validation top-1, -validation loss)`` of the best epoch.
        best_epoch: counted from 1; 0 is none.
        seconds: spent so far in the steps of the epoch that is running.
    """

    step: int = 0
    history: list[dict[str, Any]] = field(default_factory=list)
    layers: list[dict[str, Any]] = field(default_factory=list)
    best_score: tuple[float, float] = (-1.0, -math.inf)
    best_epoch: int = 0
    seconds: float = 0.0

    @property
    def epochs(self) -> int:
        """Epochs that are done, validation included."""
        return len(self.history)

    def is_over(self, epochs: int, patience: int) -> bool:
        """Tell whether a run of this many epochs is complete, or has not improved for ``patience``
        epochs; a patience of 0 is unlimited.
        """
        without_better = self.epochs - self.best_epoch
        return self.epochs >= epochs or (patience > 0 and without_better >= patience)

    def to_json(self) -> dict[str, Any]:
        """Return plain values; JSON has no infinity."""
        return asdict(self) | {"best_score": list(self.best_score) if self.best_epoch else None}

    @classmethod
    def from_json(cls, state: dict[str, Any]) -> "Position":
        """Return what ``to_json`` wrote."""
        values = {name: state[name] for name in cls.__dataclass_fields__ if name in state}
        values["best_score"] = (
            tuple(values["best_score"]) if values["best_score"] else cls.best_score
        )
        return cls(**values)

    def add_epoch(self, row: dict[str, Any], layers: list[dict[str, Any]]) -> None:
        """Add the rows of an epoch; ``row`` holds ``epoch``, ``val_top1`` and ``val_loss``."""
        score = (row["val_top1"], -row["val_loss"])
        if score > self.best_score:
            self.best_score, self.best_epoch = score, row["epoch"]
        self.history.append(row)
        self.layers += layers
        self.seconds = 0.0
