"""The training loop: one optimizer step after another, and between any two of them the run can stop
and be resumed later.

Order, augmentation and learning rate are functions of the seed and the step. So a checkpoint
between two steps, with all variables, determines every digit of what follows.
"""

import math
import signal
import time
from collections.abc import Iterator
from typing import Any, NoReturn

import numpy as np

from larq_igp.data import DatasetError, corrupt_images_named, eval_arrays, train_indices
from larq_igp.errors import UserError
from larq_igp.keras2 import tf
from larq_igp.training.fit.averages import averaged
from larq_igp.training.fit.batches import distributed_train_batches
from larq_igp.training.fit.binary_layers import LayerWatch
from larq_igp.training.fit.checkpointing import (
    Checkpointing,
    LostWorkerError,
    check_checkpoint,
    signs_of,
)
from larq_igp.training.fit.optimizers import learning_rate
from larq_igp.training.fit.position import Position
from larq_igp.training.fit.progress import Progress
from larq_igp.training.fit.save_weights import save_weights
from larq_igp.training.fit.session import Session
from larq_igp.training.fit.signals import StoppedError, StopRequest
from larq_igp.training.fit.step import training_step
from larq_igp.training.fit.tables import write_tables
from larq_igp.training.fit.tensorboard import Events
from larq_igp.training.fit.validation import Validation
from larq_igp.training.fit.variables import TrainingVariables
from larq_igp.training.run.checkpoint import Checkpoint
from larq_igp.training.run.layout import resume_command

AGREE_EVERY_STEPS = 10
"""Between two times that workers agree on stopping or a checkpoint; one process looks each step."""


class NonFiniteLossError(UserError):
    """The loss became NaN or infinite."""


class Loop:
    """Trains a session's model and writes into its run directory."""

    def __init__(self, session: Session, *, checkpoint_seconds: float, verbose: int):
        """Trace the step, so that every variable exists.

        Args:
            session: what is trained, on what.
            checkpoint_seconds: between two checkpoints.
            verbose: as ``Progress``.
        """
        self.session, self.position, self._verbose = session, Position(), verbose
        run, dataset, devices = session.run, session.dataset, session.devices
        prepare = session.preparation()
        self._step_function = training_step(session.model, prepare, devices)
        self._frozen_step = training_step(session.model, prepare, devices, session.body_layers())
        # What a step returns are metrics of all replicas already: with "auto", Keras adds them up
        # once more over workers.
        session.model.distribute_reduction_method = "first"
        self._validation = Validation(session)
        with devices.strategy.scope():
            self._step_function.get_concrete_function(
                distributed_train_batches(run, dataset, devices)
            )
        self._variables = TrainingVariables(devices.strategy, session.network, session.model)
        self._checkpointing = Checkpointing(session, self._variables, checkpoint_seconds)
        self._layers = LayerWatch(session.plain, self._first_images()) if devices.is_chief else None
        self._signs = self._layers.signs() if self._layers else {}
        self._events = Events(run.folder)

    def _first_images(self) -> np.ndarray:
        session = self.session
        batches = eval_arrays(
            session.dataset,
            "validation",
            session.run.preprocessing,
            batch_size=session.recipe.batch_size,
        )
        return next(batches)[0]

    def restore(self, checkpoint: Checkpoint) -> bool:
        """Stand where a checkpoint stood, and write again the files that people read.

        Returns:
            whether every digit is what it was.

        Raises:
            UserError: if it is not a checkpoint of this run.
        """
        signs = self._signs if self._layers else None
        check_checkpoint(checkpoint, self.session, self._variables.names(), signs)
        self.position = Position.from_json(checkpoint.state)
        exact = self._variables.write(checkpoint.arrays)
        self._set_plain()
        self._signs = signs_of(checkpoint)
        epochs = self.position.epochs
        if self.session.devices.is_chief and epochs:
            self._write_tables()
            if self.position.step == epochs * self.session.steps:
                self._publish_weights()
        return exact

    def fit(self, stop: StopRequest) -> None:
        """Train from where the run stands to its end.

        Raises:
            NonFiniteLossError: at the step whose loss is NaN or infinite.
            StoppedError: if a signal asked to stop; a checkpoint is written first.
            CheckpointError: if one cannot be written.
            LostWorkerError: if workers no longer answer.
            CorruptImageError: if an image cannot be decoded.
        """
        session, position = self.session, self.position
        self._progress = Progress(
            verbose=self._verbose if session.devices.is_chief else 0,
            epochs=session.recipe.epochs,
            steps=session.steps,
            batch_size=session.recipe.batch_size,
            step=position.step,
        )
        self._checkpointing.restart_clock()
        try:
            self._fit(stop)
        except DatasetError as error:
            again = resume_command(session.run.folder)
            raise type(error)(f"{error} Once they are replaced, resume with {again}.") from error
        except tf.errors.OpError as error:
            if session.devices.workers == 1:
                raise
            raise LostWorkerError(
                f"a worker was lost at step {position.step} ({type(error).__name__}): start all "
                "again with --resume."
            ) from error
        finally:
            self._progress.close()
            self._events.close()

    def _fit(self, stop: StopRequest) -> None:
        session, position = self.session, self.position
        if position.step < session.total:
            batches = distributed_train_batches(
                session.run, session.dataset, session.devices, position.step
            )
        while not self._is_over:
            end = (position.epochs + 1) * session.steps
            if position.step < end:
                self._step(batches)
            if position.step == end:
                self._end_epoch(stop)
            else:
                self._checkpoint_if_due(stop)

    @property
    def _is_over(self) -> bool:
        recipe = self.session.recipe
        return self.position.is_over(recipe.epochs, recipe.early_stopping)

    def _step(self, batches: Iterator) -> None:
        start = time.perf_counter()
        position, recipe = self.position, self.session.recipe
        dataset, steps = self.session.dataset, range(position.step, position.step + 1)
        indices = train_indices(
            dataset, batch_size=recipe.batch_size, seed=recipe.seed, steps=steps
        )
        step = self._frozen_step if position.epochs < recipe.freeze_epochs else self._step_function
        with corrupt_images_named(dataset, "train", indices):
            logs = {name: float(value) for name, value in step(batches).items()}
        position.step += 1
        position.seconds += time.perf_counter() - start
        if not math.isfinite(logs["loss"]):
            raise NonFiniteLossError(self._non_finite(logs["loss"]))
        self._progress.step(position.step, logs)

    def _non_finite(self, loss: float) -> str:
        weights = self.session.network.weights
        broken = (
            [v.name for v in weights if not np.isfinite(v.numpy()).all()]
            if self.session.devices.workers == 1
            else []
        )
        cause = (
            f"{len(broken)} of {len(weights)} weights are no longer finite, the first {broken[0]}"
            if broken
            else "the weights are still finite"
        )
        return (
            f"the loss became {loss} at step {self.position.step} (epoch "
            f"{self.position.epochs + 1}), {cause}: lower --learning-rate. "
            "The weights of the last whole epoch are kept."
        )

    def _end_epoch(self, stop: StopRequest) -> None:
        """Validate, and write what an epoch gives; the steps are done."""
        session, position, epoch = self.session, self.position, self.position.epochs + 1
        trained = self._variables.read()
        asked, due = self._wishes(stop)
        if asked or due:
            self._checkpoint(trained)
        if asked:
            self.stop(stop)
        self._progress.validating()
        row = self._row_of_training(epoch)
        with averaged(session):
            figures = self._validation.measure(
                lambda number: self._looks(number) and self._wishes(stop)[0]
            )
        if figures is None:
            self._checkpoint(trained)
            self.stop(stop)
        row |= {f"val_{name}": value for name, value in figures.items()}
        values = self._variables.read()
        self._set_plain()
        layers = self._layers.rows(epoch, self._signs) if self._layers else []
        self._signs = self._layers.signs() if self._layers else {}
        position.add_epoch(row, layers)
        # The checkpoint comes first: all that is written after it can be written again from it.
        self._checkpoint(values)
        if self.session.devices.is_chief:
            self._write_tables()
            self._publish_weights()
            self._events.write(row, layers)
        self._progress.epoch(row)

    def _row_of_training(self, epoch: int) -> dict[str, Any]:
        """Return what the steps of an epoch give to its row of the history."""
        seconds, model = self.position.seconds, self.session.model
        images = self.session.steps * self.session.recipe.batch_size
        return {
            "epoch": epoch,
            **{metric.name: float(metric.result()) for metric in model.metrics},
            "learning_rate": learning_rate(model.optimizer),
            "seconds": round(seconds, 3),
            "images_per_second": round(images / max(seconds, 1e-9), 1),
        }

    def _looks(self, number: int) -> bool:
        return self.session.devices.workers == 1 or number % AGREE_EVERY_STEPS == 0

    def _wishes(self, stop: StopRequest) -> tuple[bool, bool]:
        """Return whether to stop, and whether a checkpoint is due: the same on all workers."""
        asked, due = self.session.devices.any(stop.signal is not None, self._checkpointing.is_due)
        return asked, due

    def _checkpoint_if_due(self, stop: StopRequest) -> None:
        if not self._looks(self.position.step):
            return
        asked, due = self._wishes(stop)
        if asked or due:
            self._checkpoint(self._variables.read())
        if asked:
            self.stop(stop)

    def _checkpoint(self, values: dict[str, np.ndarray]) -> None:
        self._checkpointing.write(self.position, values, self._signs)

    def stop(self, stop: StopRequest) -> NoReturn:
        """End the run where it stands; a checkpoint has been written.

        Raises:
            StoppedError: always, with the command that resumes it.
        """
        number, step = stop.signal or signal.SIGTERM, self.position.step
        epochs = self.session.recipe.epochs
        raise StoppedError(
            f"stopped by {signal.Signals(number).name} at step {step:,} of "
            f"{self.session.total:,} (epoch {min(step // self.session.steps + 1, epochs)} of "
            f"{epochs}): resume with {resume_command(self.session.run.folder)}.",
            number,
        )

    def _set_plain(self) -> None:
        """Bring the network as it is saved to the values of the one that is trained. All workers
        must call this together.
        """
        session = self.session
        if session.plain is session.network:
            return
        with averaged(session):
            values = self._variables.read()
        if session.devices.is_chief:
            session.plain.set_weights(self._variables.network_weights(values))

    def _write_tables(self) -> None:
        write_tables(self.session.run.folder, self.position.history, self.position.layers)

    def _publish_weights(self) -> None:
        folder, plain = self.session.run.folder, self.session.plain
        save_weights(folder, plain, "last")
        if self.position.best_epoch == self.position.epochs:
            save_weights(folder, plain, "best")
