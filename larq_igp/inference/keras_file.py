"""Models that Keras has saved whole: ``.keras``, ``.h5``, or the folder of a SavedModel."""

import warnings
from pathlib import Path

import numpy as np

from larq_igp.errors import UserError
from larq_igp.files import atomic_path, check_file
from larq_igp.inference.kinds import WRITTEN_FOR_KERAS
from larq_igp.inference.unreadable import why_revived, why_unreadable
from larq_igp.keras2 import tf
from larq_igp.packages import BY_MODULE

MOST_BYTES = 1 << 31
"""Largest size of each file of a model."""
OF_SAVED_MODELS = ".saving.legacy.saved_model.load"
"""End of the module name of Keras' stand-ins for layers that it cannot load from a SavedModel."""


def load_keras_model(path: str | Path) -> "tf.keras.Model":
    """Load a model, with the layers and quantizers of Larq, larq-zoo and this package.

    Raises:
        UserError: if the file cannot be read, or does not hold a whole functional model.
    """
    import larq  # noqa: F401  registers its classes with Keras

    import larq_igp.models  # noqa: F401  and so does this package

    if BY_MODULE["larq_zoo"].is_installed:
        import larq_zoo  # noqa: F401
    # Keras reads pipes without end, and TensorFlow dies of a huge file.
    for file in [each for each in Path(path).rglob("*") if not each.is_dir()] or [Path(path)]:
        check_file(file, MOST_BYTES)
    try:
        model = tf.keras.models.load_model(path, compile=False)
    except Exception as error:  # a damaged file can cause any error
        reason = why_unreadable(path, error)
        raise UserError(f"{path} holds no model that Keras can load: {reason}.") from error
    for layer in model._flatten_layers(include_self=False):
        if type(layer).__module__.endswith(OF_SAVED_MODELS):
            raise UserError(f"{path} holds no model that Keras can load: {why_revived(layer)}.")
    if not getattr(model, "_is_graph_network", False):
        raise UserError(
            f"the model of {path} is not functional: its layers are called in Python "
            "code, not joined in a graph."
        )
    if any(isinstance(each, dict) for each in (model.input, model.output)):
        # by names: its shapes would be dictionaries, too
        model = tf.keras.Model(model.inputs, model.outputs, name=model.name)
    return model


def takes_pixels(model: "tf.keras.Model") -> bool:
    """Tell whether a model normalises its images itself, in its first layer."""
    image = model.inputs[0]
    readers = [
        layer
        for layer in model.layers
        for node in layer.inbound_nodes
        if any(each is image for each in node.keras_inputs)
    ]
    normalising = (tf.keras.layers.Rescaling, tf.keras.layers.Normalization)
    return bool(readers) and all(isinstance(each, normalising) for each in readers)


def save_keras_model(model: "tf.keras.Model", path: str | Path) -> Path:
    """Write a whole model for users of Keras 2 and Larq: topology, names and weights.

    All versions of Larq can read ``.h5``: ``tf.keras.models.load_model`` opens it with
    ``import larq``, and ``load_weights`` of the same network takes its weights.

    Raises:
        UserError: if the name has another ending, or the file cannot be written.
    """
    path = Path(path)
    if path.suffix not in WRITTEN_FOR_KERAS:
        raise UserError(f"{path} must end in {' or '.join(WRITTEN_FOR_KERAS)}.")
    with atomic_path(path) as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Keras advises against .h5
        model.save(file, save_format=path.suffix[1:], include_optimizer=False)
        written = load_keras_model(file).get_weights()
        same = map(np.array_equal, written, model.get_weights())
        if len(written) != len(model.weights) or not all(same):
            raise UserError(f"{path} was not written: Keras reads different weights from it.")
    return path
