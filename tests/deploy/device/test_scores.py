"""Probabilities or logits, by choice."""

import numpy as np
import pytest

from larq_igp.deploy.convert import convert
from larq_igp.deploy.device.scores import scores_of, with_scores
from larq_igp.deploy.errors import ConversionError
from larq_igp.deploy.flatbuffer import read_tflite
from larq_igp.keras2 import tf

K = tf.keras.layers
ENDS = {
    "a layer": lambda x: K.Softmax()(K.Dense(5)(x)),
    "an activation": lambda x: K.Activation("softmax")(K.Dense(5)(x)),
    "the classifier's activation": lambda x: K.Dense(5, "softmax")(x),
}


def classifier(end) -> tf.keras.Model:
    image = tf.keras.Input((4, 4, 2), name="image")
    return tf.keras.Model(image, end(K.GlobalAveragePooling2D()(image)))


@pytest.mark.parametrize("end", ENDS)
def test_logits_are_the_probabilities_before_the_softmax(end):
    model = classifier(ENDS[end])
    logits = with_scores(model, "logits")
    assert (scores_of(model), scores_of(logits)) == ("probabilities", "logits")
    images = np.random.default_rng(0).standard_normal((3, 4, 4, 2)).astype(np.float32)
    powers = np.exp(logits(images).numpy())
    np.testing.assert_allclose(powers / powers.sum(axis=1, keepdims=True), model(images), rtol=1e-5)
    assert "SOFTMAX" not in read_tflite(convert(logits)).histogram()


def test_a_softmax_is_added_to_logits():
    model = classifier(lambda x: K.Dense(5)(x))
    assert with_scores(model, None) is with_scores(model, "logits") is model
    found = read_tflite(convert(with_scores(model, "probabilities"))).histogram()
    assert found["SOFTMAX"] == 1


def test_there_is_nothing_else():
    with pytest.raises(ConversionError, match="probabilities or logits, not 'ranks'"):
        with_scores(classifier(ENDS["a layer"]), "ranks")
