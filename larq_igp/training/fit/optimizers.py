"""Optimizers by the names of recipes."""

from typing import Any

import larq as lq

from larq_igp.graph import read_graph
from larq_igp.keras2 import tf
from larq_igp.training.recipe import Recipe


class BopWithAdam(lq.optimizers.CaseOptimizer):
    """Bop for binary kernels, which have no latent weights then, and Adam for all else (arXiv
    1906.02107).

    Larq's pair of optimizers, with the step and the learning rate where callbacks look for them:
    Adam's.

    Args:
        learning_rate: of Adam, a number or a schedule.
        threshold: of Bop: how large the averaged gradient must be to flip a weight.
        gamma: of Bop: how fast the average follows.
    """

    def __init__(self, learning_rate: Any, threshold: float, gamma: float):
        super().__init__(
            (
                lq.optimizers.Bop.is_binary_variable,
                lq.optimizers.Bop(threshold=threshold, gamma=gamma),
            ),
            default_optimizer=tf.keras.optimizers.legacy.Adam(learning_rate),
        )

    @property
    def iterations(self):
        """Steps taken."""
        return self.default.iterations

    @property
    def learning_rate(self) -> Any:
        """The number, or the schedule."""
        return self.default._get_hyper("learning_rate")


def make_optimizer(recipe: Recipe, learning_rate: Any, model: "tf.keras.Model") -> Any:
    """Return the optimizer of a recipe.

    Args:
        recipe: names it.
        learning_rate: a number or a schedule.
        model: whose variables it will update: quantized kernels, biases and BatchNorm are exempt
            from weight decay.
    """
    if recipe.optimizer == "bop":
        return BopWithAdam(learning_rate, recipe.bop_threshold, recipe.bop_gamma)
    decay = recipe.weight_decay or None
    ema = {"use_ema": True, "ema_momentum": recipe.ema} if recipe.ema else {}
    optimizers = {
        "adam": lambda: tf.keras.optimizers.Adam(learning_rate, **ema),
        "adamw": lambda: tf.keras.optimizers.AdamW(
            learning_rate, weight_decay=recipe.weight_decay, **ema
        ),
        "sgd": lambda: tf.keras.optimizers.SGD(
            learning_rate, momentum=recipe.momentum, weight_decay=decay, **ema
        ),
    }
    optimizer = optimizers[recipe.optimizer]()
    if decay:
        optimizer.exclude_from_weight_decay(var_list=exempt_from_decay(model))
    return optimizer


def exempt_from_decay(model: "tf.keras.Model") -> list["tf.Variable"]:
    """List the variables that weight decay leaves alone: all but kernels in full precision.

    The network sees a latent weight's sign, not its size: shrinking it would only make it flip more
    easily.
    """
    decaying = {id(k.weights) for k in read_graph(model).kernels().values() if not k.quantizer}
    return [variable for variable in model.trainable_variables if id(variable) not in decaying]


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
