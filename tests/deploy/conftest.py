"""Small models, briefly trained so that their statistics are real, and their files."""

from dataclasses import dataclass

import larq as lq
import numpy as np
import pytest

import larq_igp
from larq_igp.keras2 import tf

SIDE = 28


@dataclass(frozen=True)
class Trained:
    """A model, its file, and test images ``(N, 28, 28, 1)``."""

    model: tf.keras.Model
    content: bytes
    images: np.ndarray


@pytest.fixture(scope="session")
def digits() -> tuple[np.ndarray, np.ndarray]:
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    images = tf.image.resize(images.reshape(-1, 8, 8, 1) / 8 - 1, (SIDE, SIDE)).numpy()
    return images.astype(np.float32), labels


@pytest.fixture(scope="session")
def train(digits):
    """Build a network of the registry and train it on 512 digits."""

    def build_and_fit(name: str, **options) -> tf.keras.Model:
        tf.keras.utils.set_random_seed(1)
        model = larq_igp.build(name, input_shape=(SIDE, SIDE, 1), num_classes=10, **options)
        model.compile("adam", "sparse_categorical_crossentropy")
        images, labels = digits
        model.fit(images[:512], labels[:512], epochs=1, batch_size=32, verbose=0)
        return model

    return build_and_fit


@pytest.fixture(scope="session")
def trained(train, digits) -> Trained:
    """An IGP-ResNet."""
    from larq_igp.deploy.convert import convert

    model = train("igp_resnet_tiny")
    return Trained(model, convert(model), digits[0][1400:1500])


@pytest.fixture(scope="session")
def trained_float(train, digits) -> Trained:
    """Its full-precision twin."""
    from larq_igp.deploy.convert import convert

    model = train("igp_resnet_tiny", bits=32)
    return Trained(model, convert(model), digits[0][1400:1500])


@pytest.fixture()
def binary_net():
    """Build a net of two binary convolutions on ``(N, 8, 8, 32)``; options are those of the first one."""

    def build(side: int = 8, **options) -> tf.keras.Model:
        def conv(x, name, **kwargs):
            defaults = {"input_quantizer": "ste_sign", "kernel_quantizer": "ste_sign", "pad_values": 1.0}
            defaults |= {"kernel_constraint": "weight_clip", "padding": "same", "use_bias": False}
            x = lq.layers.QuantConv2D(40, 3, name=name, **(defaults | kwargs))(x)
            return tf.keras.layers.BatchNormalization(name=f"{name}_bn")(x)

        image = tf.keras.Input((side, side, 32), name="image")
        x = tf.keras.layers.GlobalAveragePooling2D(name="pool")(conv(conv(image, "first", **options), "second"))
        return tf.keras.Model(image, tf.keras.layers.Dense(4, name="classes")(x), name="small")

    return build


@pytest.fixture()
def lambda_net():
    """Build a binary convolution ``first`` on ``(N, 8, 8, 32)``, followed by a function."""

    def build(function) -> tf.keras.Model:
        image = tf.keras.Input((8, 8, 32), name="image")
        signs = {"input_quantizer": "ste_sign", "kernel_quantizer": "ste_sign", "kernel_constraint": "weight_clip"}
        x = lq.layers.QuantConv2D(32, 3, padding="same", pad_values=1.0, name="first", **signs)(image)
        return tf.keras.Model(image, tf.keras.layers.Lambda(function, name="strange")(x), name="small")

    return build
