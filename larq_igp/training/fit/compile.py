"""From a recipe to a model that can be fitted:

optimizer, loss, teacher, and the metrics by the names that are used everywhere.
"""

from larq_igp.errors import UserError
from larq_igp.keras2 import tf
from larq_igp.training.fit.distillation import Distilled
from larq_igp.training.fit.losses import make_loss, make_metrics
from larq_igp.training.fit.optimizers import make_optimizer
from larq_igp.training.fit.prerequisites import load_body, load_initial_weights, load_teacher
from larq_igp.training.fit.schedules import learning_rate_schedule, total_steps
from larq_igp.training.recipe import Recipe


def refuse_random_layers(model: "tf.keras.Model") -> None:
    """Refuse layers like Dropout: the state of their random numbers is in no checkpoint, so a run
    could not be resumed with the same digits.

    Raises:
        UserError: naming them.
    """
    names = [
        each.name
        for each in model.submodules
        if isinstance(each, tf.keras.__internal__.layers.BaseRandomLayer)
    ]
    if names:
        raise UserError(
            f"{model.name} draws random numbers while it trains, in {', '.join(names)}: an "
            "interrupted run could not be repeated; "
            "build it without these layers."
        )


def compile_model(
    model: "tf.keras.Model", recipe: Recipe, steps_per_epoch: int
) -> "tf.keras.Model":
    """Return the model to fit, compiled. It shares its layers and weights with the one that was
    given.

    Args:
        model: maps ``(N, H, W, C)`` to probabilities ``(N, classes)``.
        recipe: of the run, as ``larq_igp.training.fit.stages.prepare`` returns it.
        steps_per_epoch: optimizer steps of an epoch.

    Raises:
        UserError: if the initial weights or the teacher cannot be read, or do not fit, or layers
            draw random numbers.
    """
    refuse_random_layers(model)
    if recipe.initial_weights:
        load_initial_weights(recipe.initial_weights, model, recipe)
    if recipe.body_weights:
        load_body(recipe.body_weights, model, recipe)
    if recipe.teacher:
        teacher = load_teacher(recipe.teacher, model)
        model = Distilled.of(
            model, teacher, weight=recipe.distillation_weight, temperature=recipe.temperature
        )
    rate = learning_rate_schedule(
        recipe.schedule,
        recipe.learning_rate,
        total_steps(recipe.epochs, steps_per_epoch),
        warmup=total_steps(recipe.warmup_epochs, steps_per_epoch),
        boundaries=[total_steps(epoch, steps_per_epoch) for epoch in recipe.boundaries],
        factor=recipe.factor,
    )
    optimizer = make_optimizer(recipe, rate, model)
    if recipe.precision == "mixed_float16":
        optimizer = tf.keras.mixed_precision.LossScaleOptimizer(optimizer)
    model.compile(
        optimizer=optimizer,
        loss=make_loss(recipe.label_smoothing, mixed=bool(recipe.mixup)),
        metrics=make_metrics(mixed=bool(recipe.mixup)),
    )
    return model
