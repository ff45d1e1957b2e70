"""Train a network: from a recipe to a run directory, in one go or in several."""

import dataclasses
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from larq_igp.data import load_dataset, steps_per_epoch
from larq_igp.data.corrupt import CorruptImageError
from larq_igp.errors import UserError
from larq_igp.files import write_json
from larq_igp.models.weights import load_weights
from larq_igp.terminal import waiting_for
from larq_igp.training.cluster.devices import WORKER_TIMEOUT_SECONDS, Devices, open_devices, threads
from larq_igp.training.fit.answers import Answers
from larq_igp.training.fit.loop import Loop
from larq_igp.training.fit.measure import measure
from larq_igp.training.fit.prerequisites import (
    check_sources,
    copy_sources,
    has_initial,
    has_teacher,
)
from larq_igp.training.fit.session import Session, build_session
from larq_igp.training.fit.signals import StoppedError, StopRequest
from larq_igp.training.fit.stages import prepare
from larq_igp.training.fit.suggestion import too_large
from larq_igp.training.recipe import Recipe
from larq_igp.training.run.checkpoint import Checkpoint, keep_newest, list_checkpoints
from larq_igp.training.run.directory import Run, describe_run, open_run
from larq_igp.training.run.enter import enter_run
from larq_igp.training.run.feeding import fed
from larq_igp.training.run.layout import CHECKPOINTS, METRICS, STATUS, weights_path

CHECKPOINT_SECONDS = 120.0


@dataclass(frozen=True, kw_only=True)
class TrainingOptions:
    """What decides how a run is carried out, and not what comes out of it.

    Attributes:
        download: whether the data set may be fetched from the network.
        resume: resume the run that the folder holds; start one if there is none.
        strategy: one of ``strategy.STRATEGIES``.
        worker_timeout: seconds to wait for other workers.
        checkpoint_seconds: between two checkpoints within an epoch; there is one at each epoch's
            end. 0 is after every step.
        verbose: 0 silent, 1 a progress bar with the time left, 2 a line an epoch.
        announce: called by the chief with the recipe, every default written out, once nothing more
            can be refused.
    """

    download: bool = False
    resume: bool = False
    strategy: str = "auto"
    worker_timeout: float = WORKER_TIMEOUT_SECONDS
    checkpoint_seconds: float = CHECKPOINT_SECONDS
    verbose: int = 1
    announce: Callable[[Recipe], object] | None = None


def train(recipe: Recipe, run_dir: str | Path, **options) -> dict[str, Any]:
    """Train by a recipe and measure the best weights on the test split.

    Args:
        recipe: what to train, on what, how.
        run_dir: a folder that does not exist yet, or is empty; with ``resume`` also one that holds
            a run of the same recipe.
        **options: fields of ``TrainingOptions``.

    Returns:
        ``top1``, ``top5`` (shares from 0 to 1), ``loss`` and ``examples`` of the test split,
        ``epoch`` of the best weights, and the validation accuracy that chose it. The same is
        written as ``metrics.json``. A worker that is not the chief returns an empty dict.

    Raises:
        UserError: if the data set, the run directory, the recipe or the devices cannot be used, or
            the loss becomes non-finite.
        StoppedError: if a signal asked to stop; the run can be resumed.
    """
    settings = TrainingOptions(**options)
    devices = open_devices(settings.strategy, worker_timeout=settings.worker_timeout)
    with StopRequest() as stop:
        return _Training(settings, devices, stop).train(recipe, Path(run_dir))


def resume(run_dir: str | Path, **options) -> dict[str, Any]:
    """Resume a run by the recipe it was started with; arguments and results as for ``train``.

    Raises:
        UserError: if the folder holds no run, its files are damaged, or the data are others.
    """
    return train(open_run(run_dir).recipe, run_dir, **{**options, "resume": True})


@dataclass(frozen=True)
class _Training:
    """Trains a run, and what comes before it, on the same devices.

    Attributes:
        settings: how.
        devices: on what.
        stop: whether a signal asked to stop.
        inner: whether what it trains is part of another run.
    """

    settings: TrainingOptions
    devices: Devices
    stop: StopRequest
    inner: bool = False

    def train(self, recipe: Recipe, folder: Path) -> dict[str, Any]:
        # 1. Data, devices and the run directory: everything that can be refused is refused before
        # the first step.
        settings, devices = self.settings, self.devices
        with nullcontext() if settings.download else self._waiting_for("reading the data set"):
            dataset = load_dataset(
                recipe.dataset,
                data_dir=recipe.data_dir,
                download=settings.download,
                corrupt=recipe.corrupt,
            )
            dataset = fed(dataset, recipe)
            recipe = recipe.resolved(dataset.input_shape)
            steps = steps_per_epoch(dataset.split("train").examples, recipe.batch_size)
            devices.check_batch_size(recipe.batch_size)
            run = describe_run(folder, recipe, dataset)
        if not self._finished(run):
            is_new = not (settings.resume and list_checkpoints(folder / CHECKPOINTS))
            check_sources(
                run,
                teacher=not has_teacher(folder),
                initial_weights=is_new and not has_initial(folder),
            )
        with ExitStack() as held:
            checkpoint = enter_run(
                run, resume=settings.resume, inner=self.inner, is_chief=devices.is_chief, held=held
            )
            if checkpoint is None and (metrics := self._finished(run)):
                return metrics
            if settings.announce and devices.is_chief:
                settings.announce(recipe)
            try:
                fitted = self._prepare(run, has_checkpoint=checkpoint is not None)
                with self._waiting_for("building the training step"):
                    session = build_session(run, fitted, dataset, steps, devices)
                    loop = Loop(
                        session,
                        checkpoint_seconds=settings.checkpoint_seconds,
                        verbose=settings.verbose,
                    )
                return self._fit_and_measure(session, loop, checkpoint)
            except (UserError, StoppedError) as error:
                _write_status(run, error, devices)
                raise

    def _waiting_for(self, what: str) -> AbstractContextManager:
        is_shown = self.settings.verbose == 1 and self.devices.is_chief
        return waiting_for(what) if is_shown else nullcontext()

    def _finished(self, run: Run) -> dict[str, Any] | None:
        return run.metrics() if self.settings.resume else None

    def _prepare(self, run: Run, *, has_checkpoint: bool) -> Recipe:
        # 2. What comes first: copies of a teacher and initial weights, a twin, a first stage. On
        # resume, what is finished of them is not done again.
        if self.devices.is_chief and not self.inner:
            copy_sources(run, initial_weights=not has_checkpoint)
        self.devices.any(False)  # the others wait for the copies
        settings = dataclasses.replace(self.settings, resume=True)
        first = dataclasses.replace(self, settings=settings, inner=True)
        return prepare(
            run.recipe, run.folder, first.train, inner=self.inner, has_checkpoint=has_checkpoint
        )

    def _fit_and_measure(
        self, session: Session, loop: Loop, checkpoint: Checkpoint | None
    ) -> dict[str, Any]:
        # 3. Fit, from the start or from a checkpoint.
        settings, devices = self.settings, self.devices
        if checkpoint is not None:
            exact = loop.restore(checkpoint)
            if devices.is_chief and settings.verbose:
                print(
                    f"resuming at step {loop.position.step:,} of {session.total:,}"
                    f"{_what_differs(checkpoint, exact)}"
                )
        parameters = session.network.count_params()
        warning = too_large(parameters, session.dataset.split("train").examples)
        if warning and devices.is_chief:
            print(warning, file=sys.stderr)
        loop.fit(self.stop)

        # 4. Measure the weights that validation chose on images that chose nothing.
        metrics: dict[str, Any] = {}
        if devices.is_chief:
            with suppress(StoppedError), self._waiting_for("measuring the best weights"):
                metrics = self._measure(session, loop)
        (is_stopped,) = devices.any(devices.is_chief and not metrics)  # the others wait
        if is_stopped:
            loop.stop(self.stop)
        return metrics

    def _measure(self, session: Session, loop: Loop) -> dict[str, Any]:
        run = session.run

        def stop_if_asked() -> None:
            if self.stop.signal is not None:
                loop.stop(self.stop)

        load_weights(session.plain, weights_path(run.folder, "best"))
        answers = Answers(len(run.class_names))
        metrics = measure(
            session.plain.predict_on_batch,
            session.dataset,
            "test",
            run.preprocessing,
            answers=answers,
            before_each=stop_if_asked,
        )
        metrics |= {
            "split": "test",
            "epoch": loop.position.best_epoch,
            "validation_top1": loop.position.best_score[0],
        }
        answers.write(run.folder, run.class_names, session.dataset.split("test"))
        write_json(run.folder / METRICS, metrics)  # last: a run that has them is finished
        keep_newest(run.folder / CHECKPOINTS)
        return metrics


def _what_differs(checkpoint: Checkpoint, exact: bool) -> str:
    """Say why the digits will not be those of a run that was left alone; '' if they will."""
    before, now = checkpoint.state.get("threads"), threads()
    found = [] if exact else ["the number of replicas is another"]
    if before not in (None, now):  # versions before this did not keep it
        found.append(
            f"there are {now} threads and were {before} (set TF_NUM_INTRAOP_THREADS={before})"
        )
    return f"; {' and '.join(found)}, so the last digits will differ" if found else ""


def _write_status(run: Run, error: Exception, devices: Devices) -> None:
    """Leave a note for ``larq-igp runs`` and for the next attempt."""
    if devices.is_chief:
        status = {
            "state": "interrupted" if isinstance(error, StoppedError) else "failed",
            "reason": str(error),
            "corrupt_image": isinstance(error, CorruptImageError),
        }
        with suppress(UserError):  # a full disk is what the first error already says
            write_json(run.folder / STATUS, status)
