"""Models that Keras has saved whole: ``.keras``, ``.h5``, or the folder of a SavedModel."""

from pathlib import Path

from larq_igp.errors import UserError
from larq_igp.keras2 import tf
from larq_igp.packages import BY_MODULE

LONGEST_MESSAGE = 300


def load_keras_model(path: str | Path) -> "tf.keras.Model":
    """Load a model, with the layers and quantizers of Larq, larq-zoo and this package.

    Raises:
        UserError: if the file cannot be read, holds no whole model, or no functional one.
    """
    import larq  # noqa: F401  registers its classes with Keras

    import larq_igp.models  # noqa: F401  and so does this package

    if BY_MODULE["larq_zoo"].is_installed:
        import larq_zoo  # noqa: F401
    try:
        model = tf.keras.models.load_model(path, compile=False)
    except Exception as error:  # a damaged file leads the loader anywhere
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        reason = (lines or [type(error).__name__])[0].rstrip(".")[:LONGEST_MESSAGE]
        raise UserError(f"{path} holds no model that Keras can load: {reason}.") from error
    if not getattr(model, "_is_graph_network", False):
        raise UserError(
            f"model {model.name!r} of {path} is not functional: its layers are called in Python "
            "code, not joined in a graph."
        )
    return model
