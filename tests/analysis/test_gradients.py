import json
import math

import numpy as np
import pytest

import larq_igp
from larq_igp.analysis.gradients import measure_gradients, signal_to_noise
from larq_igp.analysis.paths import gradient_paths
from larq_igp.graph import GraphError
from larq_igp.keras2 import tf

SMALL = {"input_shape": (28, 28, 1), "num_classes": 3, "filters": 4, "blocks": (1, 1)}


def batches(number=4, size=6, seed=0):
    rng = np.random.default_rng(seed)
    return [
        (rng.normal(size=(size, 28, 28, 1)).astype("float32"), rng.integers(0, 3, size))
        for _ in range(number)
    ]


def test_signal_to_noise_is_unbiased_on_known_gradients():
    rng = np.random.default_rng(0)
    mean = np.full(50, 0.2)  # squared norm 2, variance 50: ratio 0.04
    assert signal_to_noise(list(mean + rng.normal(size=(4000, 50)))) == pytest.approx(0.04, rel=0.1)
    estimates = [signal_to_noise(list(rng.normal(size=(5, 50)))) for _ in range(500)]
    assert np.mean(estimates) == pytest.approx(0, abs=0.01)  # no signal; biased, it would be 0.2
    assert signal_to_noise([mean, mean]) == math.inf


def test_layers_have_their_paths_and_a_gradient():
    model = larq_igp.build("bireal_resnet_tiny", **SMALL)
    twin = larq_igp.build("bireal_resnet_tiny", bits=32, **SMALL)
    before = [*model.get_weights(), *twin.get_weights()]
    report = measure_gradients(model, batches(), twin=twin)
    for weights, expected in zip([*model.get_weights(), *twin.get_weights()], before, strict=True):
        np.testing.assert_array_equal(weights, expected)  # both are as before
    assert [layer.layer for layer in report.layers] == [
        layer.name for layer in model.layers if layer.name.endswith("_binconv")
    ]
    for layer in report.layers:
        assert layer.costs == gradient_paths(model, source=layer.layer).costs
        assert -1 <= layer.cosine_to_twin <= 1
        assert 0 < layer.cosine_to_full <= 1
    assert [layer.convolutions_ahead for layer in report.layers] == [3, 2, 1, 0]
    assert [layer.mean_length for layer in report.layers] == [
        1.5,
        1.0,
        0.5,
        0.0,
    ]  # each layer ahead is taken by half the paths
    twin.set_weights(model.get_weights())  # the twin is measured at the model's weights
    again = measure_gradients(model, batches(), twin=twin)
    assert [layer.cosine_to_twin for layer in again.layers] == pytest.approx(
        [layer.cosine_to_twin for layer in report.layers], abs=1e-4
    )


def test_alike_batches_have_no_noise():
    model = larq_igp.build("bireal_resnet_tiny", **SMALL)
    report = measure_gradients(model, batches(number=1) * 3)
    assert all(layer.cosine_to_full == pytest.approx(1) for layer in report.layers)
    assert all(layer.signal_to_noise > 1e6 for layer in report.layers)
    assert {each.measured for each in report.correlations} == {"signal_to_noise", "cosine_to_full"}


def test_a_constant_says_nothing():
    report = measure_gradients(larq_igp.build("bireal_resnet_tiny", **SMALL), batches())
    first = next(each for each in report.correlations if each.predictor == "N_1st")
    assert (first.rho, first.p_value) == (None, None)  # N_1st is 0 for every layer
    ahead = next(each for each in report.correlations if each.predictor == "convolutions_ahead")
    assert (ahead.layers, -1 <= ahead.rho <= 1) == (4, True)


def test_what_cannot_be_measured_is_refused():
    model = larq_igp.build("bireal_resnet_tiny", **SMALL)
    with pytest.raises(GraphError, match="at least 2"):
        measure_gradients(model, batches(number=1))
    image = tf.keras.Input((28, 28, 1))
    float_model = tf.keras.Model(image, tf.keras.layers.Dense(3)(tf.keras.layers.Flatten()(image)))
    with pytest.raises(GraphError, match="no binary convolution"):
        measure_gradients(float_model, batches())
    with pytest.raises(GraphError, match="the twin has no layer"):
        measure_gradients(model, batches(), twin=float_model)


def test_command_on_a_run(igp, run_dir, tmp_path):
    plot = tmp_path / "noise.png"
    result = igp(
        "gradients", run_dir, "--batches", "3", "--batch-size", "32", "--plot", plot, "--json"
    )
    document = json.loads(result.stdout)
    assert (document["dataset"], document["batches"], len(document["layers"])) == ("digits", 3, 9)
    assert plot.read_bytes().startswith(b"\x89PNG")


def test_a_layer_without_a_gradient_has_no_signal():
    dead = [np.zeros(4)] * 3
    assert signal_to_noise(dead) == 0
    assert signal_to_noise([np.ones(4)] * 3) == np.inf
