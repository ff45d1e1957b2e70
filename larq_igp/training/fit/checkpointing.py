"""When a checkpoint is due, what goes into it, and how training stands where it stood."""

import re
import time

import numpy as np

from larq_igp.errors import UserError
from larq_igp.training.cluster.devices import threads
from larq_igp.training.fit.position import Position
from larq_igp.training.fit.session import Session
from larq_igp.training.fit.variables import TrainingVariables
from larq_igp.training.run.checkpoint import Checkpoint, CheckpointError, write_checkpoint
from larq_igp.training.run.format import FORMAT
from larq_igp.training.run.layout import CHECKPOINTS, resume_command
from larq_igp.versions import tool_versions

SIGNS = "signs "
COUNTER = re.compile(r"\b(iteration|iter):0$")
"""Ends the names of the variables in which optimizers count their steps."""


class LostWorkerError(UserError):
    """Workers no longer answer, or no longer agree."""


class Checkpointing:
    """Writes the checkpoints of a session."""

    def __init__(self, session: Session, variables: TrainingVariables, seconds: float):
        """Prepare.

        Args:
            session: that is trained.
            variables: of its model.
            seconds: between two checkpoints.
        """
        self._session, self._variables, self._seconds = session, variables, seconds
        self.restart_clock()

    def restart_clock(self) -> None:
        """Count the time to the next checkpoint from now."""
        self._last = time.monotonic()

    @property
    def is_due(self) -> bool:
        """Whether enough time has passed since the last one."""
        return time.monotonic() - self._last >= self._seconds

    def write(
        self, position: Position, values: dict[str, np.ndarray], signs: dict[str, np.ndarray]
    ) -> None:
        """Write a checkpoint. All workers must call this together; the chief writes.

        Args:
            position: where the run stands.
            values: of the variables.
            signs: of the binary weights at the start of the epoch, by layer.

        Raises:
            CheckpointError: if it cannot be written.
            LostWorkerError: if the weights of the workers are no longer the same.
        """
        session = self._session
        digests = self._worker_digests(position, values)
        if session.devices.is_chief:
            state = position.to_json() | {
                "format": FORMAT,
                "recipe": session.recipe.to_json(),
                "data": session.run.data.to_json(),
                "steps_per_epoch": session.steps,
                "replicas": session.devices.replicas,
                "workers": session.devices.workers,
                "threads": threads(),
                "worker_digests": digests,
                "versions": tool_versions(),
            }
            arrays = values | {SIGNS + name: each for name, each in signs.items()}
            try:
                write_checkpoint(session.run.folder / CHECKPOINTS, Checkpoint(state, arrays))
            except CheckpointError as error:
                again = resume_command(session.run.folder)
                raise CheckpointError(f"{error} Make room, then resume with {again}.") from error
        self.restart_clock()

    def _worker_digests(self, position: Position, values: dict[str, np.ndarray]) -> list[int]:
        """Return a checksum of all variables for each worker: they must be the same."""
        digest = self._variables.digest(values)
        digests = [
            (int(high) << 16) + int(low)
            for high, low in self._session.devices.gather([digest >> 16, digest & 0xFFFF])
        ]
        if len(set(digests)) > 1:
            raise LostWorkerError(
                f"the workers' weights are no longer the same at step {position.step}: "
                "resume from the last checkpoint with --resume."
            )
        return digests


def signs_of(checkpoint: Checkpoint) -> dict[str, np.ndarray]:
    """Return the signs of binary weights that a checkpoint holds, by layer."""
    return {
        name.removeprefix(SIGNS): array
        for name, array in checkpoint.arrays.items()
        if name.startswith(SIGNS)
    }


def check_checkpoint(
    checkpoint: Checkpoint, session: Session, names: list[str], signs: dict[str, np.ndarray] | None
) -> None:
    """Compare a checkpoint with the model and the recipe that it is to be restored into.

    Args:
        checkpoint: the checkpoint.
        session: the model and the recipe.
        names: names of the variables of its model.
        signs: signs of its binary weights, by layer; None if they are not watched.

    Raises:
        CheckpointError: naming what is of another run.
    """
    state, of_layers = checkpoint.state, signs_of(checkpoint)
    is_scaled = session.recipe.precision == "mixed_float16"  # leaves out steps that overflow
    counts = [int(each) for name, each in checkpoint.arrays.items() if COUNTER.search(name)]
    kinds, held = (
        {name: (each.shape, each.dtype) for name, each in layers.items()}
        for layers in (signs or {}, of_layers)
    )
    fits = {
        "steps of an epoch": state["steps_per_epoch"] == session.steps,
        "steps": state["step"] <= session.total,
        "steps of its optimizer": all(
            count <= state["step"] if is_scaled else count == state["step"] for count in counts
        ),
        "signs of binary weights": signs is None or kinds == held,
        "arrays": len(checkpoint.arrays) == len(names) + len(of_layers),
    }
    wrong = [name for name, does_fit in fits.items() if not does_fit]
    if wrong:
        raise CheckpointError(
            f"the checkpoint at step {state['step']} in {session.run.folder} is of another run: it "
            f"has other {' and '.join(wrong)}. Remove it to resume from the one before."
        )
