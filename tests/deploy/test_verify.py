"""A right file passes, whatever its network."""

import larq as lq
import numpy as np
import pytest

import larq_igp
from larq_igp.architectures.spec import FAMILIES
from larq_igp.deploy.convert import convert
from larq_igp.deploy.engines import open_engine
from larq_igp.deploy.engines.lce import LCEEngine
from larq_igp.deploy.flatbuffer import read_tflite
from larq_igp.deploy.verify import verify, verify_with_all
from larq_igp.keras2 import tf
from tests.deploy.conftest import FEW, random_images, random_norms


def assert_all_engines_pass(model: tf.keras.Model, content: bytes, images: np.ndarray) -> None:
    for check in verify_with_all(model, content, images):
        assert check.passed, (check.engine, check.reason)


@pytest.mark.parametrize("statistics", ["initial", "random"])
@pytest.mark.parametrize("pad_values", [0, 1])
@pytest.mark.parametrize("family", FAMILIES)
def test_right_files_of_every_family_pass(family, pad_values, statistics, digits):
    tf.keras.utils.set_random_seed(3)
    images = digits[0][:FEW]
    model = larq_igp.build(
        f"{family}_tiny", input_shape=(28, 28, 1), num_classes=10, pad_values=pad_values
    )
    if statistics == "random":
        random_norms(model, seed=5)
    assert_all_engines_pass(model, convert(model), images)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "side", "pad_values", "statistics"),
    [
        ("igp_resnet37_41", 96, 1, "initial"),
        ("igp_resnet37_41", 96, 0, "random"),
        ("bireal_resnet18_64", 64, 0, "random"),
        ("binary_densenet28_64", 64, 1, "random"),
    ],
)
def test_right_files_of_deep_networks_pass(name, side, pad_values, statistics):
    tf.keras.utils.set_random_seed(3)
    model = larq_igp.build(name, input_shape=(side, side, 3), num_classes=10, pad_values=pad_values)
    if statistics == "random":
        random_norms(model, seed=6)
    assert_all_engines_pass(model, convert(model), random_images(side, side, 3))


@pytest.mark.parametrize("bits", [1, 2, 32])
@pytest.mark.parametrize("family", ["resnet", "igp_resnet", "binary_densenet"])
def test_right_float_files_pass(family, bits, digits):
    """Signs and DoReFa's steps in float arithmetic, and the full-precision twin."""
    tf.keras.utils.set_random_seed(3)
    model = larq_igp.build(f"{family}_tiny", input_shape=(28, 28, 1), num_classes=10, bits=bits)
    random_norms(model, seed=7)
    (check,) = verify_with_all(model, convert(model, float_model=True), digits[0][:FEW])
    assert check.passed, check.reason
    assert check.engine == "tflite"


@pytest.mark.lce
def test_an_engine_that_computes_something_else_is_named(binary_net):
    """Larq Compute Engine does not correct the border of a map that is smaller than the kernel.

    The file is right, and the other engine computes it.
    """
    model = binary_net(side=2, pad_values=0.0)
    lce, runtime = verify_with_all(model, convert(model), random_images(2, 2, 32))
    assert (lce.engine, lce.passed) == ("lce", False)
    assert "'first'" in lce.reason
    assert "the engine computes other sums than Keras from the same signs" in lce.reason
    assert (runtime.engine, runtime.passed) == ("larq_igp_runtime", True)


@pytest.mark.lce
def test_groups_are_verified_by_both_engines():
    """Larq Compute Engine's default kernels have none, its indirect ones do."""
    image = tf.keras.Input((8, 8, 128), name="image")
    signs = {"input_quantizer": "ste_sign", "kernel_quantizer": "ste_sign"}
    grouped = lq.layers.QuantConv2D(64, 3, groups=2, kernel_constraint="weight_clip", **signs)
    model = tf.keras.Model(image, grouped(image))
    content = convert(model)
    assert read_tflite(content).has_groups
    assert_all_engines_pass(model, content, random_images(8, 8, 128))


@pytest.mark.lce
def test_an_engine_that_cannot_run_the_file_leaves_the_judgement_to_the_other(binary, monkeypatch):
    def fail(self, interpreter, content):
        raise RuntimeError("ERROR at file.cc:57 : the following was false:\n x == y\n.")

    monkeypatch.setattr(LCEEngine, "_load", fail)
    lce, runtime = verify_with_all(binary.model, binary.content, binary.images[:FEW])
    assert (lce.passed, runtime.passed) == (False, True)
    assert lce.reason.endswith(
        "cannot load the file: ERROR at file.cc:57 : the following was false: x == y."
    )


def test_shared_layers_and_nested_models_pass(lambda_net):
    inner, image = lambda_net(lambda x: 2.0 * x + 1.0), tf.keras.Input((8, 8, 32))
    model = tf.keras.Model(image, inner(inner(image)))
    assert_all_engines_pass(model, convert(model), random_images(8, 8, 32))


def test_every_quantizer_and_fused_layer_passes(binary_net):
    for options in (
        {"kernel_quantizer": "magnitude_aware_sign"},
        {"use_bias": True, "activation": "relu"},
        {"padding": "valid"},
        {"strides": 2},
        {"dilation_rate": 2},
    ):
        model = binary_net(**options)
        random_norms(model, seed=1)
        assert_all_engines_pass(model, convert(model), random_images(8, 8, 32))


def test_the_model_is_left_as_it_was(binary):
    before = [weights.copy() for weights in binary.model.get_weights()]
    names = [layer.name for layer in binary.model.layers]
    verify(binary.model, binary.content, binary.images[:FEW])
    for old, new in zip(before, binary.model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    assert [layer.name for layer in binary.model.layers] == names
    assert all(len(layer.inbound_nodes) == 1 for layer in binary.model.layers)


@pytest.mark.lce
def test_outputs_of_whole_images_are_told(binary):
    check = verify(binary.model, binary.content, binary.images)
    assert check.examples == len(binary.images)
    assert check.top1_agreement > 0.95
    assert check.moved < 0.3
    assert check.engine == "lce"
    assert check.version == "0.16.0"


def test_no_images_and_wrong_images_are_refused(binary):
    with pytest.raises(ValueError, match="at least one image"):
        verify(binary.model, binary.content, binary.images[:0])
    with pytest.raises(ValueError, match=r"\(N, 28, 28, 1\)"):
        verify(binary.model, binary.content, binary.images[:, :20])


@pytest.mark.lce
def test_engines_agree_with_keras_on_most_digits(binary):
    expected = binary.model(binary.images).numpy().argmax(1)
    for engine in ("lce", "lce_indirect"):
        found = open_engine(binary.content, engine=engine).predict(binary.images).argmax(1)
        assert np.mean(found == expected) > 0.95
