"""Functions of TensorFlow in a graph: in a model that was built, and in one that was loaded."""

import numpy as np
import pytest

from larq_igp.deploy.convert import convert
from larq_igp.deploy.engines import open_engine
from larq_igp.deploy.writer import UnwritableError
from larq_igp.inference.keras_file import load_keras_model
from larq_igp.keras2 import tf
from tests.deploy.conftest import random_images

K = tf.keras.layers
MAP = (8, 8, 8)

OF_CONSTANTS = {
    "x / 2": lambda x: x / 2.0,
    "2 / x": lambda x: 2.0 / (x * x + 9.0),
    "x - 2": lambda x: x - 2.0,
    "2 - x": lambda x: 2.0 - x,
    "slices": lambda x: x[:, 1:, ::2, :],
    "slice of channels": lambda x: x[:, :, :, 4:],
    "split": lambda x: tf.split(x, 2, -1)[1],
    "concat": lambda x: tf.concat([x, x], 2),
    "mean": lambda x: x - tf.reduce_mean(x, [1, 2], True),
    "pad": lambda x: tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]], constant_values=1.0),
    "relu": lambda x: tf.nn.relu(x),
    "softmax": lambda x: tf.nn.softmax(x),
}


@pytest.mark.parametrize("suffix", ["h5", "keras"])
@pytest.mark.parametrize("name", OF_CONSTANTS)
def test_functions_of_a_file_are_those_of_the_model(name, suffix, tmp_path):
    """Keras gives the arguments of a function names, once they have been in a file."""
    image = tf.keras.Input(MAP, name="image")
    model = tf.keras.Model(image, K.GlobalAveragePooling2D()(OF_CONSTANTS[name](image)))
    model = tf.keras.Model(image, K.Dense(3)(model.output))
    model.save(tmp_path / f"model.{suffix}")
    loaded = load_keras_model(tmp_path / f"model.{suffix}")
    outputs = [
        open_engine(convert(each, converter="own")).predict(random_images(*MAP))
        for each in (model, loaded)
    ]
    np.testing.assert_array_equal(*outputs)
    expected = model.predict(random_images(*MAP), verbose=0)
    np.testing.assert_allclose(outputs[0], expected, rtol=1e-4, atol=1e-5)


def test_options_of_a_function_that_is_not_written_are_named(tmp_path):
    image = tf.keras.Input(MAP, name="image")
    model = tf.keras.Model(image, K.GlobalAveragePooling2D()(tf.nn.softmax(image, axis=1)))
    model.save(tmp_path / "model.h5")
    for each in (model, load_keras_model(tmp_path / "model.h5")):
        with pytest.raises(UnwritableError, match="has options that larq-igp's writer does not"):
            convert(each, converter="own")
