"""Try a recipe: build the model and the pipeline, take a few steps, and leave nothing behind."""

import dataclasses
import math
import time
from pathlib import Path
from typing import Any

from larq_igp.data import corrupt_images_named, load_dataset, steps_per_epoch, train_indices
from larq_igp.training.cluster.devices import WORKER_TIMEOUT_SECONDS, open_devices
from larq_igp.training.fit.batches import distributed_train_batches
from larq_igp.training.fit.loop import NonFiniteLossError
from larq_igp.training.fit.prerequisites import check_sources
from larq_igp.training.fit.session import build_session
from larq_igp.training.fit.step import training_step
from larq_igp.training.recipe import TWIN, Recipe
from larq_igp.training.run.directory import describe_run
from larq_igp.training.run.feeding import fed

TIMED_STEPS = 3


def dry_run(
    recipe: Recipe,
    *,
    download: bool = False,
    strategy: str = "auto",
    worker_timeout: float = WORKER_TIMEOUT_SECONDS,
) -> dict[str, Any]:
    """Take one step of a run and a few more for their time.

    Args:
        recipe: to try.
        download: whether the data set may be fetched from the network.
        strategy: one of ``strategy.STRATEGIES``.
        worker_timeout: seconds to wait for other workers.

    Returns:
        ``network``, ``bits``, ``input_shape``, ``parameters``, ``dataset``, ``train_images``,
        ``steps_per_epoch``, ``steps``, ``batch_size``, ``replicas``, ``steps_run``, ``loss``,
        ``first_step_seconds`` and ``images_per_second``.

    Raises:
        UserError: if the run would be refused, or its loss is not finite.
    """
    devices = open_devices(strategy, worker_timeout=worker_timeout)
    dataset = load_dataset(
        recipe.dataset, data_dir=recipe.data_dir, download=download, corrupt=recipe.corrupt
    )
    dataset = fed(dataset, recipe)
    recipe = recipe.resolved(dataset.input_shape)
    images = dataset.split("train").examples
    steps = steps_per_epoch(images, recipe.batch_size)
    devices.check_batch_size(recipe.batch_size)
    run = describe_run(Path(), recipe, dataset)
    check_sources(run)
    # A twin and a first stage are separate runs.
    teacher = None if recipe.teacher == TWIN else recipe.teacher
    fitted = dataclasses.replace(recipe, first_stage_epochs=0, teacher=teacher)
    session = build_session(run, fitted, dataset, steps, devices)
    batches = distributed_train_batches(run, dataset, devices)
    step = training_step(session.model, session.preparation(), devices)
    times, loss = [time.perf_counter()], math.nan
    for number in range(1, 2 + TIMED_STEPS):
        indices = train_indices(
            dataset, batch_size=recipe.batch_size, seed=recipe.seed, steps=range(number - 1, number)
        )
        with corrupt_images_named(dataset, "train", indices):
            loss = float(step(batches)["loss"])
        times.append(time.perf_counter())
        if not math.isfinite(loss):
            raise NonFiniteLossError(f"the loss is {loss} at step {number}: lower --learning-rate.")
    return {
        "network": recipe.network,
        "bits": recipe.bits,
        "input_shape": list(run.preprocessing.input_shape),
        "parameters": session.network.count_params(),
        "dataset": dataset.name,
        "train_images": images,
        "steps_per_epoch": steps,
        "steps": recipe.epochs * steps,
        "batch_size": recipe.batch_size,
        "replicas": devices.replicas,
        "steps_run": 1 + TIMED_STEPS,
        "loss": loss,
        "first_step_seconds": times[1] - times[0],
        "images_per_second": TIMED_STEPS * recipe.batch_size / (times[-1] - times[1]),
    }
