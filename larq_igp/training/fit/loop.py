"""The training loop: one optimizer step after another, and between any two of them the run can stop
and go on later.

Order, augmentation and learning rate are functions of the seed and the step. So a checkpoint
between two steps, with all variables, determines every digit of what follows.
"""

import math
import signal
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from larq_igp.data import (
    Dataset,
    DatasetError,
    Split,
    corrupt_images_named,
    eval_arrays,
    eval_batches,
    train_batches,
    train_indices,
)
from larq_igp.errors import UserError
from larq_igp.keras2 import tf
from larq_igp.training.cluster.devices import Devices
from larq_igp.training.fit.binary_layers import LayerWatch
from larq_igp.training.fit.history import (
    Events,
    save_weights,
    signs_from_arrays,
    signs_to_arrays,
    write_tables,
)
from larq_igp.training.fit.progress import Progress
from larq_igp.training.fit.signals import StoppedError, StopRequest
from larq_igp.training.fit.step import training_step
from larq_igp.training.fit.variables import TrainingVariables
from larq_igp.training.recipe import Recipe
from larq_igp.training.run.checkpoint import Checkpoint, CheckpointError, write_checkpoint
from larq_igp.training.run.directory import Run
from larq_igp.training.run.layout import CHECKPOINTS, resume_command
from larq_igp.training.run.same_recipe import recipe_hash
from larq_igp.versions import tool_versions

AGREE_EVERY_STEPS = 10
"""Several workers agree so often whether to stop or to write a checkpoint; a single process looks
after each step.
"""


class NonFiniteLossError(UserError):
    """The loss became NaN or infinite."""


class LostWorkerError(UserError):
    """Workers no longer answer, or no longer agree."""


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

    def to_json(self) -> dict[str, Any]:
        """Return plain values; JSON has no infinity."""
        return asdict(self) | {"best_score": list(self.best_score) if self.best_epoch else None}

    @classmethod
    def from_json(cls, state: dict[str, Any]) -> "Position":
        """Return what ``to_json`` wrote."""
        values = {name: state[name] for name in cls.__dataclass_fields__}
        values["best_score"] = (
            tuple(values["best_score"]) if values["best_score"] else cls.best_score
        )
        return cls(**values)


def distributed_eval_batches(split: Split, run: Run, devices: Devices) -> Any:
    """Return every example of a split once, in batches that are shared out among the replicas;
    every worker reads all of them.
    """
    batches = eval_batches(split, run.preprocessing, batch_size=run.recipe.batch_size)
    if devices.replicas == 1:
        return batches
    options = tf.data.Options()
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
    return devices.strategy.experimental_distribute_dataset(batches.with_options(options))


def distributed_train_batches(
    run: Run, dataset: Dataset, devices: Devices, first_step: int = 0
) -> Iterator:
    """Return an endless iterator over the batches of a run from a step on; each worker reads its
    own share of them.
    """
    recipe = run.recipe

    def of_worker(context: "tf.distribute.InputContext") -> "tf.data.Dataset":
        batches = train_batches(
            dataset,
            run.preprocessing,
            batch_size=recipe.batch_size,
            seed=recipe.seed,
            first_step=first_step,
            share=(context.input_pipeline_id, context.num_input_pipelines),
        )
        several = (
            context.num_replicas_in_sync > context.num_input_pipelines
        )  # devices of one worker
        return (
            batches.rebatch(context.get_per_replica_batch_size(recipe.batch_size))
            if several
            else batches
        )

    return iter(devices.strategy.distribute_datasets_from_function(of_worker))


class Loop:
    """Trains a compiled model in a run directory."""

    def __init__(
        self,
        *,
        run: Run,
        recipe: Recipe,
        dataset: Dataset,
        steps: int,
        devices: Devices,
        network: "tf.keras.Model",
        model: "tf.keras.Model",
        plain: "tf.keras.Model",
        checkpoint_seconds: float,
        verbose: int,
    ):
        """Trace the step, so that every variable exists.

        Args:
            run: its directory.
            recipe: by which the model was compiled.
            dataset: to train on.
            steps: of an epoch.
            devices: to compute on.
            network: whose weights are the result.
            model: the network, or one that shares its layers, compiled.
            plain: the network on one device: the same object, or another with weights of its own.
            checkpoint_seconds: between two checkpoints.
            verbose: as ``Progress``.
        """
        self.run, self.recipe, self.dataset, self.steps, self.devices = (
            run,
            recipe,
            dataset,
            steps,
            devices,
        )
        self.network, self.model, self.plain = network, model, plain
        self.checkpoint_seconds, self.verbose = checkpoint_seconds, verbose
        self.position = Position()
        self.total = recipe.epochs * steps
        self._step_function = training_step(model, run.preprocessing, devices)
        # What a step returns are metrics of all replicas already: with "auto", Keras adds them up
        # once more over workers.
        model.distribute_reduction_method = "first"
        self._test_function = model.make_test_function()
        self._validation = distributed_eval_batches(dataset.split("validation"), run, devices)
        with devices.strategy.scope():
            self._step_function.get_concrete_function(
                distributed_train_batches(run, dataset, devices)
            )
        self.variables = TrainingVariables(devices.strategy, network, model)
        self.watch = LayerWatch(plain, self._first_images()) if devices.is_chief else None
        self._signs: dict[str, np.ndarray] = self.watch.signs() if self.watch else {}
        self._events = Events(run.folder)

    def _first_images(self) -> np.ndarray:
        batch_size = self.recipe.batch_size
        return next(
            eval_arrays(self.dataset, "validation", self.run.preprocessing, batch_size=batch_size)
        )[0]

    # Going on

    def restore(self, checkpoint: Checkpoint) -> bool:
        """Stand where a checkpoint stood, and write again the files that people read.

        Returns:
            whether every digit is what it was.
        """
        self.position = Position.from_json(checkpoint.state)
        exact = self.variables.write(checkpoint.arrays)
        self._set_plain(checkpoint.arrays)
        self._signs = signs_from_arrays(checkpoint.arrays)
        epochs = len(self.position.history)
        if self.devices.is_chief and epochs:
            write_tables(self.run.folder, self.position.history, self.position.layers)
            if self.position.step == epochs * self.steps:
                self._publish_weights()
        return exact

    def fit(self, stop: StopRequest) -> None:
        """Train from where the run stands to its end.

        Raises:
            NonFiniteLossError: at the step whose loss is NaN or infinite.
            StoppedError: if a signal asked to stop; a checkpoint is written first.
            CheckpointError: if one cannot be written.
            LostWorkerError: if workers no longer answer.
            DatasetError: if an image is corrupt.
        """
        position = self.position
        self._progress = Progress(
            verbose=self.verbose if self.devices.is_chief else 0,
            epochs=self.recipe.epochs,
            steps=self.steps,
            batch_size=self.recipe.batch_size,
            step=position.step,
        )
        self._last_checkpoint = time.monotonic()
        try:
            if position.step < self.total:
                batches = distributed_train_batches(
                    self.run, self.dataset, self.devices, position.step
                )
            while len(position.history) < self.recipe.epochs:
                if position.step < (len(position.history) + 1) * self.steps:
                    self._step(batches)
                if position.step == (len(position.history) + 1) * self.steps:
                    self._end_epoch(stop)
                else:
                    self._checkpoint_if_due(stop)
        except DatasetError as error:
            again = resume_command(self.run.folder)
            raise DatasetError(f"{error} Once they are replaced, go on with {again}.") from error
        except tf.errors.OpError as error:
            if self.devices.workers == 1:
                raise
            raise LostWorkerError(
                f"a worker was lost at step {position.step} ({type(error).__name__}): start all "
                "again with --resume."
            ) from error
        finally:
            self._progress.close()
            self._events.close()

    # One step, one epoch

    def _step(self, batches: Iterator) -> None:
        start = time.perf_counter()
        position, recipe = self.position, self.recipe
        steps = range(position.step, position.step + 1)
        indices = train_indices(
            self.dataset, batch_size=recipe.batch_size, seed=recipe.seed, steps=steps
        )
        with corrupt_images_named(self.dataset, "train", indices):
            logs = {name: float(value) for name, value in self._step_function(batches).items()}
        position.step += 1
        position.seconds += time.perf_counter() - start
        if not math.isfinite(logs["loss"]):
            raise NonFiniteLossError(self._non_finite(logs["loss"]))
        self._progress.step(position.step, logs)

    def _non_finite(self, loss: float) -> str:
        step, epoch = self.position.step, len(self.position.history) + 1
        broken = (
            [v.name for v in self.network.weights if not np.isfinite(v.numpy()).all()]
            if self.devices.workers == 1
            else []
        )
        cause = (
            f"{len(broken)} of {len(self.network.weights)} weights are no longer finite, the "
            f"first {broken[0]}"
            if broken
            else "the weights are still finite"
        )
        return (
            f"the loss became {loss} at step {step} (epoch {epoch}), {cause}: lower "
            "--learning-rate. "
            "The weights of the last whole epoch are kept."
        )

    def _end_epoch(self, stop: StopRequest) -> None:
        """Validate, and write what an epoch gives; the steps are done."""
        position, epoch = self.position, len(self.position.history) + 1
        trained = self.variables.read()
        asked, due = self._wishes(stop)
        if asked or due:
            self._checkpoint(trained)
        if asked:
            self._stop(stop)
        row = {"epoch": epoch} | {
            metric.name: float(metric.result()) for metric in self.model.metrics
        }
        row["learning_rate"] = learning_rate(self.model.optimizer)
        row["seconds"] = round(position.seconds, 3)
        row["images_per_second"] = round(
            self.steps * self.recipe.batch_size / max(position.seconds, 1e-9), 1
        )
        figures = self._validate(stop)
        if figures is None:
            self._checkpoint(trained)
            self._stop(stop)
        row |= {f"val_{name}": value for name, value in figures.items()}
        score = (row["val_top1"], -row["val_loss"])
        if score > position.best_score:
            position.best_score, position.best_epoch = score, epoch
        values = self.variables.read()
        self._set_plain(values)
        rows = self.watch.rows(epoch, self._signs) if self.watch else []
        self._signs = self.watch.signs() if self.watch else {}
        position.history.append(row)
        position.layers += rows
        position.seconds = 0.0
        # The checkpoint comes first: all that is written after it can be written again from it.
        self._checkpoint(values)
        if self.devices.is_chief:
            write_tables(self.run.folder, position.history, position.layers)
            self._publish_weights()
            self._events.write(row, rows)
        self._progress.epoch(row)
        self._progress.restart_clock(position.step)

    def _validate(self, stop: StopRequest) -> dict[str, float] | None:
        """Return the metrics of the validation split, or None if asked to stop; the running ones
        start from zero again.
        """
        self.model.reset_metrics()
        batches = iter(self._validation)
        logs: dict[str, Any] = {}
        examples, batch_size = self.dataset.split("validation").examples, self.recipe.batch_size
        for number, first in enumerate(range(0, examples, batch_size)):
            if self._looks(number) and self._wishes(stop)[0]:
                return None
            with corrupt_images_named(
                self.dataset, "validation", range(first, min(first + batch_size, examples))
            ):
                logs = self._test_function(batches)
        figures = {name: float(value) for name, value in logs.items()}
        self.model.reset_metrics()
        return figures

    # Stopping and checkpoints

    def _looks(self, number: int) -> bool:
        return self.devices.workers == 1 or number % AGREE_EVERY_STEPS == 0

    def _wishes(self, stop: StopRequest) -> tuple[bool, bool]:
        """Return whether to stop, and whether a checkpoint is due: the same on all workers."""
        due = time.monotonic() - self._last_checkpoint >= self.checkpoint_seconds
        return self.devices.any(stop.signal is not None, due)

    def _checkpoint_if_due(self, stop: StopRequest) -> None:
        if not self._looks(self.position.step):
            return
        asked, due = self._wishes(stop)
        if asked or due:
            self._checkpoint(self.variables.read())
        if asked:
            self._stop(stop)

    def _checkpoint(self, values: dict[str, np.ndarray]) -> None:
        position = self.position
        digests = self._worker_digests(values)
        if self.devices.is_chief:
            recipe = self.run.recipe.to_json()
            state = position.to_json() | {
                "recipe": recipe,
                "recipe_sha256": recipe_hash(recipe),
                "steps_per_epoch": self.steps,
                "train_images": self.dataset.split("train").examples,
                "replicas": self.devices.replicas,
                "workers": self.devices.workers,
                "worker_digests": digests,
                "versions": tool_versions(),
            }
            try:
                write_checkpoint(
                    self.run.folder / CHECKPOINTS,
                    Checkpoint(state, values | signs_to_arrays(self._signs)),
                )
            except CheckpointError as error:
                raise CheckpointError(
                    f"{error} Make room, then go on with {resume_command(self.run.folder)}."
                ) from error
        self._last_checkpoint = time.monotonic()
        self._progress.restart_clock(position.step)

    def _worker_digests(self, values: dict[str, np.ndarray]) -> list[int]:
        """Return a checksum of all variables for each worker: they must be the same."""
        digest = self.variables.digest(values)
        digests = [
            (int(high) << 16) + int(low)
            for high, low in self.devices.gather([digest >> 16, digest & 0xFFFF])
        ]
        if len(set(digests)) > 1:
            raise LostWorkerError(
                f"the workers' weights are no longer the same at step {self.position.step}: go on "
                "from the last checkpoint "
                "with --resume."
            )
        return digests

    def _stop(self, stop: StopRequest) -> None:
        number = stop.signal or signal.SIGTERM
        position, epoch = (
            self.position,
            min(self.position.step // self.steps + 1, self.recipe.epochs),
        )
        raise StoppedError(
            f"stopped by {signal.Signals(number).name} at step {position.step:,} of "
            f"{self.total:,} (epoch {epoch} of "
            f"{self.recipe.epochs}): go on with {resume_command(self.run.folder)}.",
            number,
        )

    # What is left behind

    def _set_plain(self, values: dict[str, np.ndarray]) -> None:
        """Bring the network on one device to the values of the one that is trained on several."""
        if self.plain is not self.network and self.devices.is_chief:
            self.plain.set_weights(self.variables.network_weights(values))

    def _publish_weights(self) -> None:
        save_weights(self.run.folder, self.plain, "last")
        if self.position.best_epoch == len(self.position.history):
            save_weights(self.run.folder, self.plain, "best")


def learning_rate(optimizer: Any) -> float:
    """Return the learning rate of the step that was taken last; of several optimizers in one, that
    of the default.
    """
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    if not hasattr(optimizer, "learning_rate"):
        optimizer = optimizer.optimizers[-1]
    rate = optimizer.learning_rate
    rate = rate(optimizer.iterations) if callable(rate) else rate
    return float(tf.keras.backend.get_value(rate))
