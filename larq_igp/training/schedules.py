"""Learning rates over steps. Epochs become steps in ``total_steps`` and nowhere else."""

from collections.abc import Callable
from typing import Any

SCHEDULES = ("constant", "linear", "cosine")


def total_steps(epochs: int, steps_per_epoch: int) -> int:
    """Return the optimizer's steps of a whole run."""
    return epochs * steps_per_epoch


def learning_rate_schedule(name: str, learning_rate: float, steps: int) -> Any:
    """Return a learning rate for Keras: a number, or a schedule that reaches zero after ``steps``.

    Args:
        name: one of ``SCHEDULES``.
        learning_rate: at the first step.
        steps: of the whole run.

    Raises:
        KeyError: if the name is none of ``SCHEDULES``.
    """
    from larq_igp.keras2 import tf

    schedules: dict[str, Callable[[], Any]] = {
        "constant": lambda: learning_rate,
        "linear": lambda: tf.keras.optimizers.schedules.PolynomialDecay(learning_rate, steps, end_learning_rate=0.0),
        "cosine": lambda: tf.keras.optimizers.schedules.CosineDecay(learning_rate, steps),
    }
    return schedules[name]()
