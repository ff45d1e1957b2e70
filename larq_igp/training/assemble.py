"""From a recipe to a model that can be fitted: optimizer, loss, and the metrics by the names that are used everywhere."""

from larq_igp.keras2 import tf
from larq_igp.training.recipe import Recipe
from larq_igp.training.schedules import learning_rate_schedule, total_steps


def compile_model(model: "tf.keras.Model", recipe: Recipe, steps_per_epoch: int) -> "tf.keras.Model":
    """Return the model to fit, compiled. It shares its layers and weights with the one that was given.

    Args:
        model: maps ``(N, H, W, C)`` to probabilities ``(N, classes)``.
        recipe: of the run.
        steps_per_epoch: optimizer steps of an epoch.
    """
    rate = learning_rate_schedule(recipe.schedule, recipe.learning_rate, total_steps(recipe.epochs, steps_per_epoch))
    model.compile(
        optimizer=tf.keras.optimizers.Adam(rate),
        loss=tf.keras.losses.SparseCategoricalCrossentropy(),
        metrics=[
            tf.keras.metrics.SparseCategoricalAccuracy("top1"),
            tf.keras.metrics.SparseTopKCategoricalAccuracy(5, "top5"),
        ],
    )
    return model
