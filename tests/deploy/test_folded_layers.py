"""Layers that the converter folds into one reader's weights, and keeps for another reader."""

import numpy as np
import pytest

from larq_igp.deploy.convert import convert
from larq_igp.deploy.flatbuffer import read_tflite
from larq_igp.deploy.verify import verify, verify_with_all
from larq_igp.keras2 import tf
from tests.deploy.conftest import random_images, random_norms
from tests.deploy.edit_file import with_constant

K = tf.keras.layers
MAP = (8, 8, 32)


def both(kept, *more):
    """Return the means of a map, and of a convolution of it with ``more`` behind."""
    folded = K.Conv2D(8, 1, name="reader")(kept)
    for layer in more:
        folded = layer(folded)
    return K.Concatenate()([K.GlobalAveragePooling2D()(each) for each in (kept, folded)])


def sums(image):
    return [K.Conv2D(4, 3, name=name)(image) for name in ("left", "right")]


GRAPHS = {
    "Rescaling": lambda x: both(K.Rescaling(1 / 255)(x)),
    "Rescaling, BatchNorm": lambda x: both(K.Rescaling(1 / 255)(x), K.BatchNormalization()),
    "Rescaling twice": lambda x: both(K.Rescaling(2.0)(K.Rescaling(1 / 255, -0.5)(x))),
    "BatchNorm": lambda x: both(K.BatchNormalization()(x)),
    "pooling, BatchNorm": lambda x: both(K.BatchNormalization()(K.AveragePooling2D()(x))),
    "Average": lambda x: both(K.Average()(sums(x))),
    "Average alone": lambda x: K.GlobalAveragePooling2D()(
        K.Conv2D(8, 1, name="reader")(K.Average()(sums(x)))
    ),
}


def built(name: str) -> tf.keras.Model:
    tf.keras.utils.set_random_seed(1)
    image = tf.keras.Input(MAP, name="image")
    model = tf.keras.Model(image, GRAPHS[name](image))
    random_norms(model, seed=2)
    return model


@pytest.mark.parametrize("name", GRAPHS)
def test_right_files_pass(name):
    model = built(name)
    for check in verify_with_all(model, convert(model, converter="own"), random_images(*MAP)):
        assert check.passed, (check.engine, check.reason)


@pytest.mark.parametrize("name", GRAPHS)
def test_other_weights_are_named(name):
    """One filter of the convolution that the layer is folded into, a thousandth larger."""
    model = built(name)
    content = convert(model, converter="own")
    last = [each.index for each in read_tflite(content).operators if each.name == "CONV_2D"][-1]

    def change(weights: np.ndarray) -> None:
        weights[0] *= 1.001

    check = verify(model, with_constant(content, last, 1, change), random_images(*MAP))
    assert not check.passed
    assert "'reader'" in check.reason or f"operator {last}, CONV_2D" in check.reason
