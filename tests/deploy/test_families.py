"""Every family, converted: what Keras says on real images is what the file says."""

import numpy as np
import pytest

import larq_igp
from larq_igp.architectures.spec import FAMILIES
from larq_igp.data import Preprocessing, eval_batches, load_dataset
from larq_igp.deploy.audit import audit
from larq_igp.deploy.convert import convert
from larq_igp.deploy.engines import open_engine
from larq_igp.deploy.verify import verify
from larq_igp.keras2 import tf
from tests.deploy.conftest import calibrate

SHAPE = (28, 28, 1)


@pytest.fixture(scope="module")
def images():
    digits = load_dataset("digits")
    preprocessing = Preprocessing(SHAPE, digits.mean, digits.deviation)
    return next(
        eval_batches(digits.split("test"), preprocessing, batch_size=60).as_numpy_iterator()
    )[0]


def random_network(family: str, images: np.ndarray, **options) -> "tf.keras.Model":
    """A small network with BatchNorm statistics of real images, and scales of both signs."""
    tf.keras.utils.set_random_seed(3)
    width = (
        {"growth_rate": 6, "stem_filters": 12} if family.endswith("densenet") else {"filters": 12}
    )
    model = larq_igp.build(f"{family}_tiny", input_shape=SHAPE, num_classes=10, **width, **options)
    calibrate(model, images)
    return model


@pytest.mark.parametrize("family", FAMILIES)
def test_a_binary_network_computes_what_keras_computes(family, images):
    model = random_network(family, images)
    file = convert(model)
    findings = audit(model, file)
    assert findings.lce_bconv2d == findings.binary_convolutions > 0
    assert findings.lce_dequantize == 0
    check = verify(model, file, images)
    assert check.passed, check.reason
    assert check.binary_convolutions == findings.lce_bconv2d
    # A flipped sign may turn an image whose best two classes are close.
    assert check.top1_agreement >= 0.95


@pytest.mark.parametrize("family", FAMILIES)
def test_its_float_twin_agrees_to_rounding(family, images):
    twin = random_network(family, images, bits=32)
    found = open_engine(convert(twin)).predict(images)
    # Nothing can flip without a sign; convolutions add in another order.
    np.testing.assert_allclose(found, twin.predict_on_batch(images), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("family", ["bireal_resnet", "igp_resnet"])
def test_zero_padding_converts_too(family, images):
    model = random_network(family, images, pad_values=0)
    check = verify(model, convert(model), images)
    assert check.passed, check.reason
