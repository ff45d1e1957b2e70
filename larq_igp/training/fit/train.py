"""Train a network: from a recipe to a run directory, in one go or in several."""

import dataclasses
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from larq_igp.data import Dataset, load_dataset, steps_per_epoch
from larq_igp.errors import UserError
from larq_igp.files import write_json
from larq_igp.keras2 import tf
from larq_igp.models.build import load_weights
from larq_igp.training.cluster.devices import WORKER_TIMEOUT_SECONDS, Devices, open_devices
from larq_igp.training.fit.batchnorm import synchronize_batchnorm
from larq_igp.training.fit.compile import compile_model
from larq_igp.training.fit.loop import Loop
from larq_igp.training.fit.measure import measure
from larq_igp.training.fit.signals import StoppedError, StopRequest
from larq_igp.training.fit.stages import check_sources, prepare
from larq_igp.training.recipe import Recipe
from larq_igp.training.run.checkpoint import Checkpoint, clean, keep_newest, latest_checkpoint
from larq_igp.training.run.directory import Run, describe_run, make_folder, open_run, write_config
from larq_igp.training.run.layout import CHECKPOINTS, CONFIG, METRICS, STATUS, weights_path
from larq_igp.training.run.lock import locked
from larq_igp.training.run.same_recipe import check_same_recipe

CHECKPOINT_SECONDS = 120.0


@dataclass(frozen=True, kw_only=True)
class TrainingOptions:
    """What decides how a run is carried out, and not what comes out of it.

    Attributes:
        download: whether the data set may be fetched from the network.
        resume: go on in a folder that holds a run; start one if there is none.
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
        StoppedError: if SIGTERM or Ctrl-C asked to stop; the run can be gone on with.
    """
    settings = TrainingOptions(**options)
    devices = open_devices(settings.strategy, worker_timeout=settings.worker_timeout)
    with StopRequest() as stop:
        return _train(recipe, Path(run_dir), settings, devices, stop)


def resume(run_dir: str | Path, **options) -> dict[str, Any]:
    """Go on with a run by the recipe it was started with; arguments and results as for ``train``.

    Raises:
        UserError: if the folder holds no run, or its files are damaged.
    """
    return train(open_run(run_dir).recipe, run_dir, **{**options, "resume": True})


def _train(
    recipe: Recipe, folder: Path, settings: TrainingOptions, devices: Devices, stop: StopRequest
) -> dict[str, Any]:
    # 1. Data, devices and the run directory: everything that can be refused is refused before the
    # first step.
    dataset = load_dataset(recipe.dataset, data_dir=recipe.data_dir, download=settings.download)
    recipe = recipe.resolved(dataset.input_shape)
    steps = steps_per_epoch(dataset.split("train").examples, recipe.batch_size)
    devices.check_batch_size(recipe.batch_size)
    run = describe_run(folder, recipe, dataset)
    if not _finished(run, settings.resume):
        check_sources(run)
    with ExitStack() as held:
        checkpoint = _enter_folder(run, dataset, steps, settings.resume, devices, held)
        if checkpoint is None and (metrics := _finished(run, settings.resume)):
            return metrics
        if settings.announce and devices.is_chief:
            settings.announce(recipe)
        try:
            # 2. What comes first: a teacher, a first stage. On resume, what is finished of them is
            # not trained again.
            inner = dataclasses.replace(settings, resume=True)
            fitted = prepare(
                recipe, folder, lambda part, where: _train(part, where, inner, devices, stop)
            )
            return _fit_and_measure(
                run, fitted, dataset, steps, checkpoint, settings, devices, stop
            )
        except (UserError, StoppedError) as error:
            _write_status(run, error, devices)
            raise


def _enter_folder(
    run: Run, dataset: Dataset, steps: int, resume: bool, devices: Devices, held: ExitStack
) -> Checkpoint | None:
    """Lock the folder, and return what to go on from, or None to start. Only the chief writes."""
    goes_on = resume and (run.folder / CONFIG).is_file()
    if devices.is_chief:
        if not goes_on:
            make_folder(run.folder)
        held.enter_context(locked(run.folder))
    if not goes_on:
        if devices.is_chief:
            write_config(run)
        return None
    check_same_recipe(open_run(run.folder).recipe.to_json(), run.recipe, str(run.folder))
    if devices.is_chief:
        clean(run.folder)
        clean(run.folder / CHECKPOINTS)
        (run.folder / STATUS).unlink(missing_ok=True)
    if (run.folder / METRICS).is_file():
        return None
    checkpoint = latest_checkpoint(run.folder / CHECKPOINTS)
    if checkpoint is None and weights_path(run.folder, "last").is_file():
        raise UserError(
            f"{run.folder} has trained, and holds no checkpoint to go on from: start a new run "
            "with another --run-dir."
        )
    if checkpoint is not None:
        check_same_recipe(checkpoint.state["recipe"], run.recipe, f"the checkpoint in {run.folder}")
        images = dataset.split("train").examples
        if checkpoint.state["train_images"] != images:
            raise UserError(
                f"{run.folder} was trained on {checkpoint.state['train_images']:,} images, and "
                f"{dataset.name} has {images:,} now: "
                "it can only go on with the same."
            )
    return checkpoint


def _finished(run: Run, resume: bool) -> dict[str, Any] | None:
    return run.metrics() if resume else None


def build_to_fit(run: Run, recipe: Recipe, steps: int, devices: Devices) -> tuple[Any, Any, Any]:
    """Return the network, the model to fit, and the network on one device in float32, as it is
    saved and deployed.

    Args:
        run: whose network is built.
        recipe: of the run, as ``prepare`` returns it: teacher and initial weights are there.
        steps: of an epoch.
        devices: to train on.
    """
    tf.keras.utils.set_random_seed(recipe.seed)
    tf.config.experimental.enable_op_determinism()
    with devices.strategy.scope():
        network = run.build_model(recipe.precision)
        if recipe.synchronized_batchnorm and devices.replicas > 1:
            network = synchronize_batchnorm(network)
        model = compile_model(network, recipe, steps)
    is_plain = devices.replicas == 1 and recipe.precision == "float32"
    plain = network if is_plain else run.build_model()
    if not is_plain:
        # Flips in the first epoch are counted from the weights that are trained.
        plain.set_weights(network.get_weights())
    return network, model, plain


def _fit_and_measure(
    run: Run,
    fitted: Recipe,
    dataset: Dataset,
    steps: int,
    checkpoint: Checkpoint | None,
    settings: TrainingOptions,
    devices: Devices,
    stop: StopRequest,
) -> dict[str, Any]:
    # 3. Model: weights drawn from the seed, kernels of TensorFlow that give the same sums every
    # time.
    recipe = run.recipe
    network, model, plain = build_to_fit(run, fitted, steps, devices)

    # 4. Fit, from the start or from a checkpoint.
    loop = Loop(
        run=run,
        recipe=recipe,
        dataset=dataset,
        steps=steps,
        devices=devices,
        network=network,
        model=model,
        plain=plain,
        checkpoint_seconds=settings.checkpoint_seconds,
        verbose=settings.verbose,
    )
    if checkpoint is not None:
        exact = loop.restore(checkpoint)
        if devices.is_chief and settings.verbose:
            note = (
                ""
                if exact
                else "; the number of replicas is another, so the last digits will differ"
            )
            print(f"going on at step {loop.position.step:,} of {loop.total:,}{note}")
    loop.fit(stop)

    # 5. Measure the weights that validation chose on images that chose nothing.
    metrics: dict[str, Any] = {}
    if devices.is_chief:
        load_weights(plain, weights_path(run.folder, "best"))
        metrics = measure(plain.predict_on_batch, dataset, "test", run.preprocessing)
        position = loop.position
        metrics |= {
            "split": "test",
            "epoch": position.best_epoch,
            "validation_top1": position.best_score[0],
        }
        write_json(run.folder / METRICS, metrics)
        keep_newest(run.folder / CHECKPOINTS)
    devices.any(False)  # the others wait until the chief has done
    return metrics


def _write_status(run: Run, error: Exception, devices: Devices) -> None:
    """Leave a note for ``larq-igp runs``."""
    if devices.is_chief:
        state = "interrupted" if isinstance(error, StoppedError) else "failed"
        with suppress(UserError):  # a full disk is what the first error already says
            write_json(run.folder / STATUS, {"state": state, "reason": str(error)})
