"""Train a network: from a recipe to a run directory."""

from functools import partial
from pathlib import Path
from typing import Any

from larq_igp.data import eval_batches, load_dataset, steps_per_epoch, train_batches
from larq_igp.files import write_json
from larq_igp.keras2 import tf
from larq_igp.training.assemble import compile_model
from larq_igp.training.callbacks import EpochFacts, History, SaveWeights, StopOnNonFiniteLoss
from larq_igp.training.evaluate import measure
from larq_igp.training.recipe import Recipe
from larq_igp.training.run import HISTORY, METRICS, TENSORBOARD, create_run
from larq_igp.training.stages import prepare


def train(recipe: Recipe, run_dir: str | Path, *, download: bool = False, verbose: int = 1) -> dict[str, Any]:
    """Train by a recipe and measure the best weights on the test split.

    Args:
        recipe: what to train, on what, how.
        run_dir: a folder that does not exist yet, or is empty.
        download: whether the data set may be fetched from the network.
        verbose: 0 silent, 1 a progress bar with the time left, 2 a line an epoch (as ``model.fit``).

    Returns:
        ``top1``, ``top5`` (shares from 0 to 1), ``loss`` and ``examples`` of the test split, ``epoch`` of the best weights, and the
        validation accuracy that chose it. The same is written as ``metrics.json``.

    Raises:
        UserError: if the data set, the run directory or the recipe cannot be used, or the loss becomes non-finite.
    """
    # 1. Data, and the run directory: everything that can be refused is refused before the first step.
    dataset = load_dataset(recipe.dataset, data_dir=recipe.data_dir, download=download)
    recipe = recipe.resolved(dataset.input_shape)
    steps = steps_per_epoch(dataset.split("train").examples, recipe.batch_size)

    # 2. What comes first: a teacher, a first stage.
    run = create_run(Path(run_dir), recipe, dataset)
    prepared = prepare(recipe, run_dir, partial(train, download=download, verbose=verbose))

    # 3. Model: weights drawn from the seed, kernels of TensorFlow that give the same sums every time.
    tf.keras.utils.set_random_seed(recipe.seed)
    tf.config.experimental.enable_op_determinism()
    model = compile_model(run.build_model(recipe.precision), prepared, steps)

    # 4. Fit
    save = SaveWeights(run)
    model.fit(
        train_batches(dataset, run.preprocessing, batch_size=recipe.batch_size, seed=recipe.seed),
        epochs=recipe.epochs,
        steps_per_epoch=steps,
        validation_data=eval_batches(dataset.split("validation"), run.preprocessing, batch_size=recipe.batch_size),
        callbacks=[
            StopOnNonFiniteLoss(),
            EpochFacts(),
            save,
            History(str(run.folder / HISTORY)),
            tf.keras.callbacks.TensorBoard(str(run.folder / TENSORBOARD), write_graph=False, profile_batch=0),
        ],
        verbose=verbose,
    )

    # 5. Measure the weights that validation chose on images that chose nothing.
    model = run.load_model("best")  # in float32, as it is deployed
    metrics = measure(model.predict_on_batch, dataset.split("test"), run.preprocessing)
    metrics |= {"split": "test", "epoch": save.best_epoch, "validation_top1": save.best[0]}
    write_json(run.folder / METRICS, metrics)
    return metrics
