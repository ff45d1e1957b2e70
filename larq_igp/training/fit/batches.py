"""Batches of a run, shared out among its devices."""

from collections.abc import Iterator
from typing import Any

from larq_igp.data import Dataset, eval_batches, train_batches
from larq_igp.keras2 import tf
from larq_igp.training.cluster.devices import Devices
from larq_igp.training.run.directory import Run


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
        if context.num_replicas_in_sync == context.num_input_pipelines:
            return batches
        # Several devices of one worker.
        return batches.rebatch(context.get_per_replica_batch_size(recipe.batch_size))

    return iter(devices.strategy.distribute_datasets_from_function(of_worker))


def distributed_validation_batches(run: Run, dataset: Dataset, devices: Devices) -> Any:
    """Return every validation example once, in batches that are shared out among the replicas;
    every worker reads all of them.
    """
    split = dataset.split("validation")
    batches = eval_batches(split, run.preprocessing, batch_size=run.recipe.batch_size)
    if devices.replicas == 1:
        return batches
    options = tf.data.Options()
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
    return devices.strategy.experimental_distribute_dataset(batches.with_options(options))
