"""Learning rates over steps. Epochs become steps in ``total_steps`` and nowhere else."""

from collections.abc import Callable, Sequence
from typing import Any

from larq_igp.keras2 import tf


def total_steps(epochs: float, steps_per_epoch: int) -> int:
    """Return the optimizer's steps of so many epochs."""
    return round(epochs * steps_per_epoch)


def learning_rate_schedule(
    name: str,
    learning_rate: float,
    steps: int,
    *,
    warmup: int = 0,
    boundaries: Sequence[int] = (),
    factor: float = 0.1,
) -> Any:
    """Return a learning rate for Keras: a number, or a schedule over the ``steps`` of a run.

    Args:
        name: ``constant``; ``linear`` or ``cosine``, which reach zero after ``steps``; ``steps``,
            which multiplies at ``boundaries``.
        learning_rate: at its highest.
        steps: of the whole run, warm-up included.
        warmup: first steps, over which the rate rises in a line to ``learning_rate``; ``linear``
            and ``cosine`` fall over the rest.
        boundaries: steps of the run at which the schedule ``steps`` multiplies by ``factor``.
        factor: see ``boundaries``.

    Raises:
        KeyError: if a recipe has no such schedule.
    """
    rest = steps - warmup
    values = [learning_rate * factor**power for power in range(len(boundaries) + 1)]
    library = tf.keras.optimizers.schedules
    schedules: dict[str, Callable[[], Any]] = {
        "constant": lambda: learning_rate,
        "linear": lambda: library.PolynomialDecay(learning_rate, rest, end_learning_rate=0.0),
        "cosine": lambda: library.CosineDecay(learning_rate, rest),
        # Keras keeps a value up to and including its boundary: one less makes the change fall on
        # the boundary itself.
        "steps": lambda: library.PiecewiseConstantDecay(
            [step - 1 - warmup for step in boundaries], values
        ),
    }
    schedule = schedules[name]()
    return Warmup(schedule, learning_rate, warmup) if warmup else schedule


@tf.keras.utils.register_keras_serializable("larq_igp")
class Warmup(tf.keras.optimizers.schedules.LearningRateSchedule):
    """Rises in a line over the first ``steps`` (the first of them at ``learning_rate / steps``),
    then follows another schedule.

    Args:
        schedule: what follows, counting from 0 again; a number stays.
        learning_rate: that the last step of the warm-up has.
        steps: of the warm-up.
    """

    def __init__(self, schedule: Any, learning_rate: float, steps: int):
        super().__init__()
        self.schedule, self.learning_rate, self.steps = schedule, learning_rate, steps

    def __call__(self, step):  # noqa: D102  documented by its class
        step = tf.cast(step, tf.float32)
        rising = self.learning_rate * (step + 1) / self.steps
        rest = tf.maximum(step - self.steps, 0)
        after = self.schedule(rest) if callable(self.schedule) else self.learning_rate
        return tf.where(step < self.steps, rising, after)

    def get_config(self):
        """Return what ``from_config`` takes."""
        is_number = not callable(self.schedule)
        schedule = (
            self.schedule if is_number else tf.keras.optimizers.schedules.serialize(self.schedule)
        )
        return {"schedule": schedule, "learning_rate": self.learning_rate, "steps": self.steps}

    @classmethod
    def from_config(cls, config):
        """Return what ``get_config`` described."""
        schedule = config["schedule"]
        is_number = not isinstance(schedule, dict)
        return cls(
            **{
                **config,
                "schedule": schedule
                if is_number
                else tf.keras.optimizers.schedules.deserialize(schedule),
            }
        )
