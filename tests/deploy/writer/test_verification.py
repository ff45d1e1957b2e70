"""Files with layers that are several operators are verified too, and so are converters chosen."""

import larq as lq
import numpy as np
import pytest

from larq_igp.deploy.convert import convert, convert_by
from larq_igp.deploy.errors import ConversionError
from larq_igp.deploy.verification.rounding import terms_after, terms_of
from larq_igp.deploy.verify import verify
from larq_igp.graph import register_free
from larq_igp.keras2 import tf
from tests.absent import run_in, site_without
from tests.deploy.conftest import random_images
from tests.deploy.writer.same_as_lce import randomize
from tests.deploy.writer.test_layers import CHAINS, GRAPHS, MAP, bin_conv


@pytest.mark.parametrize("is_depthwise", [False, True])
def test_terms_of_a_layer_of_signs_are_ones(is_depthwise):
    """Latent weights and inputs are far smaller than the signs that are added."""
    signs = {"input_quantizer": "ste_sign", "use_bias": False}
    if is_depthwise:
        layer = lq.layers.QuantDepthwiseConv2D(3, depthwise_quantizer="ste_sign", **signs)
    else:
        layer = lq.layers.QuantConv2D(4, 3, kernel_quantizer="ste_sign", **signs)
    image = np.random.default_rng(0).uniform(-0.1, 0.1, (1, 5, 5, 4)).astype(np.float32)
    output = layer(image).numpy()
    found = terms_after(layer, [terms_of(image)], [image], output)
    np.testing.assert_array_equal(found.size, [9 if is_depthwise else 9 * 4] * 4)


@pytest.mark.parametrize(
    "name",
    [
        "bias and activation",
        "pool of bits",
        "hard sigmoid",
        "larq's tutorial",
        "depthwise signs",
        "one dimension",
        "global pool that keeps",
    ],
)
def test_chains(name):
    shape, layers = CHAINS[name]
    image = x = tf.keras.Input(shape, name="image")
    for layer in layers():
        x = layer(x)
    model = randomize(tf.keras.Model(image, x))
    check = verify(model, convert(model, converter="own"), random_images(*shape))
    assert check.passed, check.reason


@pytest.mark.parametrize("name", ["means over channels", "functions as layers"])
def test_graphs(name):
    image = tf.keras.Input(MAP, name="image")
    model = randomize(tf.keras.Model(image, GRAPHS[name](image)))
    check = verify(model, convert(model, converter="own"), random_images(*MAP))
    assert check.passed, check.reason


class Cosine(tf.keras.layers.Layer):
    """Of a kind that the writer does not know."""

    def call(self, inputs):
        return tf.cos(inputs)


def with_cosine() -> tf.keras.Model:
    register_free(Cosine)
    image = tf.keras.Input(MAP, name="image")
    return tf.keras.Model(image, bin_conv()(Cosine(name="strange")(image)))


def test_auto_takes_the_converter_that_knows_all_layers():
    image = tf.keras.Input(MAP, name="image")
    assert convert_by(tf.keras.Model(image, bin_conv()(image))).converter == "own"
    assert convert_by(with_cosine()).converter == "lce"
    with pytest.raises(ConversionError, match="'strange' is of class Cosine, which larq-igp's"):
        convert(with_cosine(), converter="own")
    with pytest.raises(ConversionError, match="no converter is named 'best'; there are auto, own"):
        convert(with_cosine(), converter="best")


SCRIPT = """
from tests.deploy.writer.test_verification import bin_conv, convert, convert_by, tf, with_cosine
from larq_igp.errors import UserError
image = tf.keras.Input((8, 8, 64), name="image")
print(convert_by(tf.keras.Model(image, bin_conv()(image))).converter)
for converter in ("auto", "lce"):
    try:
        convert(with_cosine(), converter=converter)
    except UserError as error:
        print(error)
"""


def test_without_larq_compute_engine(tmp_path):
    folder = site_without(tmp_path / "site", "larq-compute-engine")
    done = run_in(folder, "-c", SCRIPT)
    assert done.returncode == 0, done.stderr
    own, auto, lce = done.stdout.splitlines()
    assert own == "own"
    assert "layer 'strange' is of class Cosine, which larq-igp's writer does not know" in auto
    assert "larq-compute-engine" in lce
