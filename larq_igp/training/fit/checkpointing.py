"""When a checkpoint is due, what goes into it, and how training stands where it stood."""

import time

import numpy as np

from larq_igp.errors import UserError
from larq_igp.training.fit.position import Position
from larq_igp.training.fit.session import Session
from larq_igp.training.fit.variables import TrainingVariables
from larq_igp.training.run.checkpoint import Checkpoint, CheckpointError, write_checkpoint
from larq_igp.training.run.format import FORMAT
from larq_igp.training.run.layout import CHECKPOINTS, resume_command
from larq_igp.versions import tool_versions

SIGNS = "signs "


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
