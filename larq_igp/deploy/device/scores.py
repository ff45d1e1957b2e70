"""Whether a classifier returns probabilities or logits."""

from typing import Any

from larq_igp.deploy.errors import ConversionError
from larq_igp.keras2 import tf

SCORES = ("probabilities", "logits")
SOFTMAX = (tf.keras.activations.softmax, tf.nn.softmax)
SIGMOID = (tf.keras.activations.sigmoid, tf.nn.sigmoid)


def _ends_in(layer: Any, functions: tuple) -> bool:
    if isinstance(layer, tf.keras.layers.Softmax):
        return tf.nn.softmax in functions
    return getattr(layer, "activation", None) in functions


def _last_layer(model: "tf.keras.Model") -> Any:
    return model.outputs[0]._keras_history.layer


def gives_probabilities(model: "tf.keras.Model") -> bool:
    """Tell whether a classifier ends in a softmax or a sigmoid; else it returns logits."""
    return _ends_in(_last_layer(model), SOFTMAX + SIGMOID)


def scores_of(model: "tf.keras.Model") -> str:
    """Return ``probabilities`` for a classifier that ends in a softmax or a sigmoid, else
    ``logits``.
    """
    return SCORES[0] if gives_probabilities(model) else SCORES[1]


def with_scores(model: "tf.keras.Model", scores: str | None) -> "tf.keras.Model":
    """Return the same classifier with these scores; it shares its layers with the model.

    Args:
        model: a classifier that ends in a softmax (a layer or an activation) or in logits.
        scores: ``probabilities`` or ``logits``; None keeps those of the model.

    Raises:
        ConversionError: if ``scores`` is neither, or a softmax cannot be added or removed.
    """
    if scores is not None and scores not in SCORES:
        raise ConversionError(f"scores must be {' or '.join(SCORES)}, not {scores!r}.")
    if scores in (None, scores_of(model)):
        return model
    layer, output = _last_layer(model), model.outputs[0]
    if _ends_in(layer, SIGMOID):
        raise ConversionError(
            f"{model.name!r} ends in a sigmoid, whose scores cannot be changed: leave out scores."
        )
    if output.shape[-1] == 1:
        raise ConversionError(
            f"{model.name!r} has one output, and a softmax of one is always 1: end it in a sigmoid."
        )
    if scores == SCORES[0]:
        return tf.keras.Model(model.inputs, tf.keras.layers.Softmax(name="softmax")(output))
    before = output._keras_history.layer.get_input_at(output._keras_history.node_index)
    if not layer.weights:
        return tf.keras.Model(model.inputs, before)
    bare = type(layer).from_config({**layer.get_config(), "activation": None})
    logits = bare(before)
    bare.set_weights(layer.get_weights())
    return tf.keras.Model(model.inputs, logits)
