"""What the state of a checkpoint must be, by itself: a checksum says that it is what was written,
not who wrote it.
"""

import math
from typing import Annotated, Any, TypedDict

import msgspec

Count = Annotated[int, msgspec.Meta(ge=1)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]


class Row(TypedDict):
    """An epoch of the history, as far as it decides anything; there are other figures."""

    epoch: Count
    val_top1: Share
    val_loss: float


class LayerRow(TypedDict):
    """A binary layer in an epoch."""

    epoch: Count
    layer: str
    flip_ratio: float | None
    saturated: float | None


class State(msgspec.Struct):
    """Plain values of a run, see ``Position`` and ``Checkpointing``."""

    step: Annotated[int, msgspec.Meta(ge=0)]
    history: list[Row]
    layers: list[LayerRow]
    best_score: tuple[float, float] | None
    best_epoch: Annotated[int, msgspec.Meta(ge=0)]
    seconds: Annotated[float, msgspec.Meta(ge=0)]
    recipe: dict[str, Any]
    steps_per_epoch: Count
    replicas: Count
    workers: Count
    data: dict[str, Any] | None = None
    train_images: Count | None = None
    threads: Count | None = None


def check_state(state: Any) -> None:
    """Check the types of a state, and that its values can be those of one run.

    Raises:
        ValueError: in words, which is wrong.
    """
    held = msgspec.convert(state, State)  # its error is a ValueError
    epochs, steps = len(held.history), held.steps_per_epoch
    _require(held.data or held.train_images, "it does not say on what data")
    _require(
        [row["epoch"] for row in held.history] == list(range(1, epochs + 1)),
        "its epochs are not counted from 1",
    )
    _require(
        epochs * steps <= held.step <= (epochs + 1) * steps,
        f"step {held.step} is not that of {epochs} epochs of {steps}",
    )
    _require(
        all(row["epoch"] <= epochs for row in held.layers), "it has layers of an epoch to come"
    )
    best = (-1.0, -math.inf), 0
    for row in held.history:
        _require(math.isfinite(row["val_loss"]), "a loss is not finite")
        best = max(best, ((row["val_top1"], -row["val_loss"]), row["epoch"]), key=lambda b: b[0])
    score = held.best_score if epochs else (held.best_score or best[0])
    _require((score, held.best_epoch) == best, "its best epoch is not the best of its history")


def _require(condition: object, fault: str) -> None:
    if not condition:
        raise ValueError(fault)
