"""From a recipe's network to a Keras model: this package's own, or larq-zoo's for comparison."""

from collections.abc import Callable

from larq_igp.architectures import UnknownNetworkError
from larq_igp.architectures.zoo import closest
from larq_igp.errors import UserError
from larq_igp.keras2 import tf
from larq_igp.models import build
from larq_igp.training.fit.precision import computing_in
from larq_igp.training.recipe import LARQ_ZOO, Recipe


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
            return _build_larq_zoo(recipe.network, input_shape, num_classes)
        return build(
            recipe.network,
            input_shape=input_shape,
            num_classes=num_classes,
            **recipe.build_options(),
        )


def larq_zoo_models() -> dict[str, Callable]:
    """Return the functions of larq-zoo that build a model, by name."""
    import larq_zoo as lqz

    return {
        name: getattr(part, name)
        for part in (lqz.literature, lqz.sota)
        for name in dir(part)
        if name[0].isupper() and callable(getattr(part, name))
    }


def _build_larq_zoo(
    network: str, input_shape: tuple[int, int, int], num_classes: int
) -> "tf.keras.Model":
    name, models = network.removeprefix(LARQ_ZOO), larq_zoo_models()
    if name not in models:
        hint = closest(name, list(models)) or f"It has {', '.join(models)}. "
        raise UnknownNetworkError(f"larq-zoo has no model {name!r}. {hint}".rstrip())
    try:
        return models[name](input_shape=input_shape, num_classes=num_classes, weights=None)
    except ValueError as error:
        shape = "x".join(map(str, input_shape))
        raise UserError(
            f"{network} cannot be built for images of {shape}: {str(error).strip().splitlines()[0]}"
        ) from error
