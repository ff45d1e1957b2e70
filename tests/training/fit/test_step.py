import numpy as np
import pytest

from larq_igp.data import Preprocessing
from larq_igp.keras2 import tf
from larq_igp.training.cluster.devices import open_devices
from larq_igp.training.fit.step import training_step

SHAPE = (4, 4, 1)


def linear_classifier() -> tf.keras.Model:
    model = tf.keras.Sequential(
        [tf.keras.Input(SHAPE), tf.keras.layers.Flatten(), tf.keras.layers.Dense(3, "softmax")]
    )
    model.compile(
        tf.keras.optimizers.SGD(0.1),
        tf.keras.losses.SparseCategoricalCrossentropy(),
        metrics=["accuracy"],
    )
    return model


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_a_step_on_pixels_is_that_of_keras_on_normalised_images(dtype):
    generator = np.random.default_rng(0)
    images, labels = (
        generator.integers(0, 256, (40, *SHAPE)).astype(dtype),
        generator.integers(0, 3, 40),
    )
    ours, keras = linear_classifier(), linear_classifier()
    keras.set_weights(ours.get_weights())
    preprocessing = Preprocessing(SHAPE, mean=(77.8,), deviation=(82.4,))
    step = training_step(
        ours, lambda images, labels: (preprocessing.normalise(images), labels), open_devices("none")
    )
    batches = iter(tf.data.Dataset.from_tensors((images, labels)).repeat())
    for _ in range(3):
        logs = step(batches)
        normalised = (images - np.float32(77.8)) / np.float32(82.4)
        expected = keras.train_on_batch(normalised, labels, reset_metrics=False, return_dict=True)
    assert {name: float(value) for name, value in logs.items()} == pytest.approx(expected, rel=1e-5)
    for found, weight in zip(ours.get_weights(), keras.get_weights(), strict=True):
        np.testing.assert_allclose(found, weight, atol=1e-5)
