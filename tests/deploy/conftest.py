"""Small models with the statistics of trained ones, and their files."""

from dataclasses import dataclass

import larq as lq
import numpy as np
import pytest

import larq_igp
from larq_igp.deploy.convert import convert
from larq_igp.keras2 import tf

SIDE = 28
FEW = 3
"""Images on which layers are compared: each gives thousands of values."""
STAGES = {
    "igp_resnet_tiny": {"blocks": (1, 1)},
    "bireal_resnet_tiny": {"blocks": (1, 1)},
    "binary_densenet_tiny": {"blocks": (2, 2), "transition_filters": (16,)},
    "igp_densenet_tiny": {"blocks": (1, 1), "transition_filters": (16,)},
}
"""Two stages of each family are enough here."""


@dataclass(frozen=True)
class Converted:
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


def calibrate(model: tf.keras.Model, images: np.ndarray) -> None:
    """Give BatchNorm the statistics of real images, and factors and offsets as training leaves
    them: some negative.
    """
    generator = np.random.default_rng(1)
    norms = [
        layer for layer in model.layers if isinstance(layer, tf.keras.layers.BatchNormalization)
    ]
    for norm in norms:
        channels = norm.gamma.shape[0]
        gamma = generator.uniform(0.5, 1.5, channels) * generator.choice([1, 1, 1, -1], channels)
        norm.set_weights(
            [gamma, 0.3 * generator.standard_normal(channels), *norm.get_weights()[2:]]
        )
        norm.momentum = 0.0  # the statistics of one batch
    model(images, training=True)


def random_norms(model: tf.keras.Model, seed: int) -> None:
    """Give BatchNorm any statistics and factors: negative ones, zeros, and large offsets."""
    generator = np.random.default_rng(seed)
    for layer in model.layers:
        if isinstance(layer, tf.keras.layers.BatchNormalization):
            channels = layer.moving_mean.shape[0]
            gamma = generator.uniform(0.2, 2, channels) * generator.choice([1, 1, -1, 0], channels)
            beta, mean = generator.standard_normal((2, channels)) * [[1], [3]]
            trained = [gamma] * layer.scale + [beta] * layer.center
            layer.set_weights([*trained, mean, generator.uniform(0.1, 30, channels)])


def random_images(*shape: int) -> np.ndarray:
    return np.random.default_rng(7).standard_normal((FEW, *shape)).astype(np.float32)


@pytest.fixture(scope="session")
def small_net(digits):
    """Build a small member of a family, with the statistics of a trained one."""

    def build(name: str, **options) -> tf.keras.Model:
        tf.keras.utils.set_random_seed(1)
        model = larq_igp.build(
            name, input_shape=(SIDE, SIDE, 1), num_classes=10, **(STAGES[name] | options)
        )
        calibrate(model, digits[0][:64])
        return model

    return build


@pytest.fixture(scope="session")
def binary(small_net, digits) -> Converted:
    """An IGP-ResNet."""
    model = small_net("igp_resnet_tiny")
    return Converted(model, convert(model), digits[0][1400:1500])


@pytest.fixture(scope="session")
def full_precision(small_net, digits) -> Converted:
    """Its full-precision twin."""
    model = small_net("igp_resnet_tiny", bits=32)
    return Converted(model, convert(model), digits[0][1400:1500])


@pytest.fixture()
def binary_net():
    """Build a net of two binary convolutions on ``(N, 8, 8, 32)``; options are those of the first
    one.
    """

    def build(side: int = 8, **options) -> tf.keras.Model:
        def conv(x, name, **kwargs):
            defaults = {
                "input_quantizer": "ste_sign",
                "kernel_quantizer": "ste_sign",
                "pad_values": 1.0,
            }
            defaults |= {"kernel_constraint": "weight_clip", "padding": "same", "use_bias": False}
            x = lq.layers.QuantConv2D(40, 3, name=name, **(defaults | kwargs))(x)
            return tf.keras.layers.BatchNormalization(name=f"{name}_bn")(x)

        image = tf.keras.Input((side, side, 32), name="image")
        x = tf.keras.layers.GlobalAveragePooling2D(name="pool")(
            conv(conv(image, "first", **options), "second")
        )
        return tf.keras.Model(image, tf.keras.layers.Dense(4, name="classes")(x), name="small")

    return build


@pytest.fixture()
def lambda_net():
    """Build a binary convolution ``first`` on ``(N, 8, 8, 32)``, followed by a function."""

    def build(function) -> tf.keras.Model:
        image = tf.keras.Input((8, 8, 32), name="image")
        signs = {
            "input_quantizer": "ste_sign",
            "kernel_quantizer": "ste_sign",
            "kernel_constraint": "weight_clip",
        }
        x = lq.layers.QuantConv2D(32, 3, padding="same", pad_values=1.0, name="first", **signs)(
            image
        )
        return tf.keras.Model(
            image, tf.keras.layers.Lambda(function, name="strange")(x), name="small"
        )

    return build
