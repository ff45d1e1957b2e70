"""Models of larq-zoo, for comparison."""

from collections.abc import Callable

from larq_igp.architectures import UnknownNetworkError
from larq_igp.errors import UserError
from larq_igp.keras2 import tf
from larq_igp.spelling import closest


def larq_zoo_models() -> dict[str, Callable]:
    """Return the functions of larq-zoo that build a model, by name."""
    import larq_zoo

    return {
        name: getattr(part, name)
        for part in (larq_zoo.literature, larq_zoo.sota)
        for name in dir(part)
        if name[0].isupper() and callable(getattr(part, name))
    }


def build_larq_zoo(
    name: str, *, input_shape: tuple[int, int, int], num_classes: int
) -> "tf.keras.Model":
    """Build a model of larq-zoo with random initial weights.

    Args:
        name: of the model, like ``BinaryDenseNet28``.
        input_shape: ``(H, W, C)``.
        num_classes: width of the classifier.

    Raises:
        UnknownNetworkError: if larq-zoo has no such model; the message offers the nearest.
        UserError: if the model is not defined for this input.
    """
    models = larq_zoo_models()
    if name not in models:
        hint = closest(name, list(models)) or f"It has {', '.join(models)}. "
        raise UnknownNetworkError(f"larq-zoo has no model {name!r}. {hint}".rstrip())
    try:
        return models[name](input_shape=input_shape, num_classes=num_classes, weights=None)
    except ValueError as error:
        shape = "x".join(map(str, input_shape))
        raise UserError(
            f"larq_zoo:{name} cannot be built for images of {shape}: "
            f"{str(error).strip().splitlines()[0]}"
        ) from error
