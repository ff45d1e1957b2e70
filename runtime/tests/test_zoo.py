"""Networks of larq-zoo: against LCE's interpreter, and the same bits however it runs."""

import os

import numpy as np
import pytest
from conftest import isas_of_this_machine, need_module
from test_against_lce import with_realistic_statistics

from larq_igp_runtime import Interpreter

pytestmark = [pytest.mark.slow, pytest.mark.convert]
NETWORKS = [
    "QuickNet",
    "BinaryResNetE18",
    "RealToBinaryNet",
    "BinaryAlexNet",
    "BinaryDenseNet28",
    "BiRealNet",
]


@pytest.fixture(scope="module", params=NETWORKS)
def network(request) -> bytes:
    """A network's file, from the image to the logits: a softmax hides differences."""
    need_module("tensorflow", "larq_zoo", "larq_compute_engine")
    import larq_compute_engine
    import larq_zoo
    import tensorflow as tf

    tf.keras.backend.clear_session()
    tf.keras.utils.set_random_seed(0)
    family = larq_zoo.sota if request.param.startswith("Quick") else larq_zoo.literature
    model = getattr(family, request.param)(weights=None)
    softmax = model.layers[-1]
    assert isinstance(softmax, tf.keras.layers.Activation | tf.keras.layers.Softmax)
    model = tf.keras.Model(model.input, softmax.input)
    return larq_compute_engine.convert_keras_model(with_realistic_statistics(model))


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return np.random.default_rng(1).normal(size=(2, 224, 224, 3)).astype(np.float32)


def test_same_as_lce(network, images):
    """Binary layers are exact, but the two interpreters' float layers sum in different orders.

    A value that this moves across zero flips a sign, so outputs differ by more than rounding: the
    bound is on the error of the whole output, against its spread.
    """
    import larq_compute_engine

    theirs = larq_compute_engine.testing.Interpreter(
        network, use_indirect_bgemm=True, use_xnnpack=True
    ).predict(images)
    ours = Interpreter(network).predict(images)
    spread = theirs.std()
    assert spread > 0.05 and len(np.unique(theirs)) > 1500  # neither constant nor saturated
    assert np.sqrt(np.mean((ours - theirs) ** 2)) < 0.02 * spread
    np.testing.assert_array_equal(ours.argmax(-1), theirs.argmax(-1))


def test_same_bits_however_it_runs(network, images, monkeypatch):
    expected = Interpreter(network).predict(images[:1])
    for isa in isas_of_this_machine():
        monkeypatch.setenv("LARQ_IGP_RUNTIME_ISA", isa)
        for options in ({}, {"fuse": False}, {"num_threads": 2}):
            got = Interpreter(network, **options).predict(images[:1])
            # The stock interpreter's threads may split its float layers: not our bits, so compared
            # closely.
            if options.get("num_threads") and os.cpu_count() > 1:
                np.testing.assert_allclose(got, expected, rtol=0, atol=0.02 * expected.std())
            else:
                np.testing.assert_array_equal(got, expected)
