"""Files of another batch than one, and files on which an interpreter fails."""

import numpy as np
import pytest

from larq_igp.deploy.engines import open_engine
from larq_igp.deploy.errors import EngineError
from larq_igp.keras2 import tf


def converted(model: tf.keras.Model) -> bytes:
    return tf.lite.TFLiteConverter.from_keras_model(model).convert()


@pytest.fixture(scope="module")
def four_at_once() -> tuple[tf.keras.Model, bytes]:
    image = tf.keras.Input(batch_shape=(4, 28, 28, 1))
    x = tf.keras.layers.Conv2D(3, 28)(image)
    model = tf.keras.Model(image, tf.keras.layers.Softmax()(tf.keras.layers.Flatten()(x)))
    return model, converted(model)


@pytest.mark.parametrize("count", [1, 4, 6, 8])
def test_a_file_of_four_images_predicts_any_number(four_at_once, count):
    model, content = four_at_once
    images = np.random.default_rng(0).normal(size=(count, 28, 28, 1)).astype(np.float32)
    padded = np.concatenate([images, np.zeros((-count % 4, 28, 28, 1), np.float32)])
    expected = np.concatenate([model(part).numpy() for part in np.split(padded, len(padded) // 4)])
    found = open_engine(content, engine="tflite").predict(images)
    np.testing.assert_allclose(found, expected[:count], rtol=1e-5)


def test_a_file_that_answers_once_for_several_images_is_refused():
    image = tf.keras.Input(batch_shape=(4, 28, 28, 1))
    model = tf.keras.Model(image, tf.keras.layers.Lambda(lambda x: tf.reshape(x, (1, -1)))(image))
    engine = open_engine(converted(model), engine="tflite")
    with pytest.raises(EngineError, match="4 images at once, but the number of results is 1"):
        engine.predict(np.zeros((4, 28, 28, 1), np.float32))


def test_what_fails_while_it_runs_is_one_sentence():
    image = tf.keras.Input((28, 28, 1), batch_size=1)
    table = tf.range(10.0)
    look_up = tf.keras.layers.Lambda(lambda x: tf.gather(table, tf.cast(x[0, 0, :, 0], tf.int32)))
    content = converted(tf.keras.Model(image, look_up(image)))
    engine = open_engine(content, engine="tflite", unknown_operators=True)
    with pytest.raises(EngineError, match=r"engine 'tflite' cannot run the file: .*gather"):
        engine.run([np.full((1, 28, 28, 1), 1e6, np.float32)])
