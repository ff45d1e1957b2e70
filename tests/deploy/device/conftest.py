"""Small networks for a device, and their files in every engine."""

from collections.abc import Callable

import larq as lq
import numpy as np
import pytest

from larq_igp.data import Preprocessing
from larq_igp.deploy.engines import ENGINES, open_engine
from larq_igp.deploy.flatbuffer import read_tflite
from larq_igp.keras2 import tf

K = tf.keras.layers
SHAPE = (12, 10, 3)
PREPROCESSING = Preprocessing(SHAPE, (123.7, 116.3, 103.5), (58.4, 57.1, 57.4))


def point_net() -> tf.keras.Model:
    """A stem, a 1x1 convolution with BatchNorm, a 1-bit convolution, and a classifier."""
    tf.keras.utils.set_random_seed(3)
    image = tf.keras.Input(SHAPE, name="image")
    x = K.Conv2D(16, 3, strides=2, padding="same", name="stem")(image)
    x = K.Conv2D(32, 1, strides=2, use_bias=False, name="point")(x)
    x = K.BatchNormalization(name="norm")(x)
    signs = {"input_quantizer": "ste_sign", "kernel_quantizer": "ste_sign"}
    y = lq.layers.QuantConv2D(32, 3, padding="same", pad_values=1.0, name="binary", **signs)(x)
    x = K.Add(name="add")([x, y])
    x = K.GlobalAveragePooling2D(name="pool")(x)
    x = K.Dense(10, bias_initializer="random_normal", name="dense")(x)
    model = tf.keras.Model(image, K.Activation("softmax", name="probabilities")(x), name="points")
    generator = np.random.default_rng(2)
    gamma, beta, mean = generator.uniform(-1, 1, (3, 32))
    model.get_layer("norm").set_weights([gamma, beta, mean, generator.uniform(0.5, 2, 32)])
    return model


@pytest.fixture()
def model() -> tf.keras.Model:
    return point_net()


@pytest.fixture(scope="session")
def pixels() -> np.ndarray:
    images = np.random.default_rng(0).integers(0, 256, (6, *SHAPE), np.uint8)
    images[0], images[1] = 0, 255
    return images


@pytest.fixture(scope="session")
def normalise() -> Callable[[np.ndarray], np.ndarray]:
    return lambda images: PREPROCESSING.normalise(tf.constant(images)).numpy()


@pytest.fixture(scope="session")
def run_everywhere() -> Callable[[bytes, np.ndarray], dict[str, np.ndarray]]:
    """Run a file in every engine that is installed and can."""

    def run(content: bytes, images: np.ndarray) -> dict[str, np.ndarray]:
        file = read_tflite(content)
        names = [name for name, each in ENGINES.items() if each.refusal(file) is None]
        assert names
        return {name: open_engine(content, engine=name).predict(images) for name in names}

    return run
