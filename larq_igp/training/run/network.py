"""From a recipe's network to a Keras model: this package's own, or larq-zoo's for comparison."""

from larq_igp.keras2 import tf
from larq_igp.models import build
from larq_igp.models.larq_zoo import build_larq_zoo, larq_zoo_models
from larq_igp.training.recipe import LARQ_ZOO, Recipe
from larq_igp.training.run.precision import computing_in

__all__ = ["build_network", "larq_zoo_models"]


def build_network(
    recipe: Recipe,
    input_shape: tuple[int, int, int],
    num_classes: int,
    *,
    precision: str = "float32",
) -> "tf.keras.Model":
    """Build the network of a recipe with random initial weights.

    Args:
        recipe: names the network and its quantization.
        input_shape: ``(H, W, C)``.
        num_classes: width of the classifier.
        precision: of the arithmetic. Weights are float32 in each, so that those of one fit the
            other; to train, give the recipe's.

    Returns:
        A model from ``(N, H, W, C)`` to probabilities ``(N, num_classes)`` in float32.

    Raises:
        UserError: if the network does not exist, or is not defined for this input.
    """
    with computing_in(precision):
        if recipe.is_larq_zoo:
            name = recipe.network.removeprefix(LARQ_ZOO)
            return build_larq_zoo(name, input_shape=input_shape, num_classes=num_classes)
        return build(
            recipe.network,
            input_shape=input_shape,
            num_classes=num_classes,
            **recipe.build_options(),
        )
