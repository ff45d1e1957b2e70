"""Where Larq Compute Engine's converter is wrong, our file computes what Keras computes."""

import numpy as np
import pytest

from larq_igp.deploy.convert import convert
from larq_igp.deploy.engines import open_engine
from larq_igp.deploy.flatbuffer import read_tflite
from larq_igp.deploy.verify import verify
from larq_igp.keras2 import tf
from tests.deploy.conftest import random_images
from tests.deploy.writer.same_as_lce import randomize
from tests.deploy.writer.test_layers import BN, RELU, K, bin_conv

WRONG_IN_LCE = {
    "the relu between pool and sign is lost": (
        (8, 8, 64),
        lambda: [K.MaxPool2D(2), RELU(), bin_conv(), BN()],
        "MAX_POOL_2D",
    ),
    "zeros at the top and left are not counted": (
        (16, 16, 3),
        lambda: [K.ZeroPadding2D(1), K.Conv2D(8, 3, strides=2), BN(), bin_conv()],
        "PAD",
    ),
}


@pytest.mark.lce
@pytest.mark.parametrize("name", WRONG_IN_LCE)
def test_it_computes_what_keras_computes(name):
    shape, layers, operator = WRONG_IN_LCE[name]
    image = x = tf.keras.Input(shape, name="image")
    for layer in layers():
        x = layer(x)
    model = randomize(tf.keras.Model(image, x))
    images = random_images(*shape)
    expected = model(images).numpy()
    for converter, is_right in (("own", True), ("lce", False)):
        content = convert(model, converter=converter)
        assert (operator in read_tflite(content).histogram()) == is_right
        found = open_engine(content).predict(images)
        assert np.allclose(found, expected, rtol=1e-4, atol=1e-4) == is_right


@pytest.mark.parametrize("side", [1, 2, 3])
def test_zero_padding_on_small_maps_is_verified(side):
    """The runtime corrects borders there, which Larq Compute Engine's interpreter does not."""
    image = tf.keras.Input((side, side, 64), name="image")
    x = BN()(bin_conv(size=5, pad_values=0.0)(image))
    model = randomize(tf.keras.Model(image, K.Conv2D(4, 1)(x)))
    images = random_images(side, side, 64)
    check = verify(model, convert(model, converter="own"), images, engine="larq_igp_runtime")
    assert check.passed, check.reason
    assert check.binary_convolutions == 1


def test_a_layer_of_a_user_is_written_as_it_is_registered():
    from larq_igp.deploy.writer import register_writer

    class Halved(tf.keras.layers.Layer):
        def call(self, inputs):
            return inputs / 2

    def write_halved(draft, call, inputs):
        factor = np.full((), 0.5, np.float32)
        return draft.add("MUL", [inputs[0], factor], inputs[0].shape, name=call.name)

    register_writer(Halved, write_halved)
    image = tf.keras.Input((8, 8, 64), name="image")
    model = tf.keras.Model(image, Halved()(bin_conv()(image)))
    images = random_images(8, 8, 64)
    found = open_engine(convert(model, converter="own")).predict(images)
    np.testing.assert_array_equal(found, model(images))
