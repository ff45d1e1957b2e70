"""Weights of 8 bits: what is stored, and what engines compute with it."""

import numpy as np
import pytest

from larq_igp.deploy.audit import audit
from larq_igp.deploy.convert import convert
from larq_igp.deploy.device.dense import rounded, rounded_kernels, to_int8
from larq_igp.deploy.device.edit import Edit
from larq_igp.deploy.device.plain import plain_file
from larq_igp.deploy.flatbuffer import read_tflite
from larq_igp.deploy.lce_kernels import read_model
from larq_igp.deploy.verify import verify, verify_with_all
from larq_igp.keras2 import tf

K = tf.keras.layers


def converted(model: tf.keras.Model, converter: str = "own") -> bytes:
    with rounded_kernels(read_model(model)):
        return to_int8(convert(model, converter=converter))


def test_each_filter_is_rounded_to_its_own_255_levels():
    kernel = np.random.default_rng(0).standard_normal((1, 1, 40, 6)).astype(np.float32)
    kernel *= 10.0 ** np.arange(6)
    kernel[..., 5] = 0
    found = rounded(kernel)
    step = np.abs(kernel).max(axis=(0, 1, 2)) / 127
    assert np.all(np.abs(found - kernel) <= 0.5001 * step)
    levels = found[..., :5] / step[:5]
    np.testing.assert_allclose(levels, np.rint(levels), atol=1e-4)
    assert np.array_equal(rounded(found), found)


def test_the_model_is_rounded_for_a_while_only(model):
    before = model.get_weights()
    with rounded_kernels(read_model(model)) as count:
        assert count == 2  # of 1x1, and the classifier
        assert not np.array_equal(model.get_layer("dense").kernel, before[-2])
        np.testing.assert_array_equal(model.get_layer("stem").kernel, before[0])
    for ours, theirs in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("converter", ["own", pytest.param("lce", marks=pytest.mark.lce)])
def test_every_engine_is_right_and_files_are_smaller(converter, model, normalise, pixels):
    images = normalise(pixels)
    small, large = converted(model, converter), convert(model, converter=converter)
    with rounded_kernels(read_model(model)):
        for check in verify_with_all(model, small, images):
            assert check.passed, check.reason
            assert "multiplies 2 times by 8-bit weights" in check.reason
        findings = audit(model, small)
    assert findings.dense_bits == 8
    binary, stem = 32 * 3 * 3 * 32, 16 * 3 * 3 * 3
    assert findings.storage_bits == binary + 32 * (stem + 16 * 32 + 32 * 10)
    assert findings.file_storage_bits == binary + 32 * stem + 8 * (16 * 32 + 32 * 10)
    assert audit(model, large).file_storage_bits == findings.storage_bits
    # Scales, zero points and two operators more, in place of three bytes of each weight.
    assert len(small) < len(large) - 3 * (16 * 32 + 32 * 10) + 2000


def test_filters_of_all_magnitudes_keep_their_digits(run_everywhere):
    """One scale for all filters would leave nothing of the smallest."""
    image = tf.keras.Input((8, 8, 24), name="image")
    x = K.GlobalAveragePooling2D()(K.Conv2D(24, 1, name="point")(image))
    model = tf.keras.Model(image, K.Dense(6, name="dense")(x))
    kernel, bias = model.get_layer("dense").get_weights()
    model.get_layer("dense").set_weights([kernel * 10.0 ** np.arange(6), bias])
    kernel, bias = model.get_layer("point").get_weights()
    model.get_layer("point").set_weights([kernel * 10.0 ** -(np.arange(24) ** 0.5), bias])
    images = np.random.default_rng(0).uniform(0, 1, (4, 8, 8, 24)).astype(np.float32)
    wanted = model(images).numpy()
    for found in run_everywhere(converted(model), images).values():
        largest = np.abs(wanted).max(axis=0)
        assert np.all(np.abs(found - wanted).max(axis=0) < 0.03 * largest)


def test_a_bias_and_an_activation_come_after_the_scales(run_everywhere):
    image = tf.keras.Input((2, 2, 16), name="image")
    x = K.Flatten()(image)
    for number, (activation, has_bias) in enumerate([("relu", True), ("relu", False), (None, 0)]):
        options = {"use_bias": bool(has_bias), "bias_initializer": "random_normal"}
        x = K.Dense(24, activation, name=f"dense{number}", **options)(x)
    model = tf.keras.Model(image, x)
    images = np.random.default_rng(0).uniform(-1, 1, (4, 2, 2, 16)).astype(np.float32)
    content = converted(model)
    counts = {"FULLY_CONNECTED": 3, "RESHAPE": 1}
    assert read_tflite(content).histogram() == {**counts, "MUL": 3, "ADD": 1}
    for found in run_everywhere(content, images).values():
        np.testing.assert_allclose(found, model(images), atol=0.03)
    with rounded_kernels(read_model(model)):
        plain = plain_file(content)
        assert read_tflite(plain).histogram() == counts
        for found in run_everywhere(plain, images).values():
            np.testing.assert_allclose(found, model(images), atol=1e-6)


def test_weights_that_are_not_on_a_grid_stay_float(model):
    assert read_tflite(to_int8(convert(model))).size_bytes == read_tflite(convert(model)).size_bytes


def test_a_wrong_scale_is_found(model, normalise, pixels):
    edit = Edit(converted(model))
    (product,) = [each for each in edit.graph.operators if edit.kind(each) == "FULLY_CONNECTED"]
    (multiply,) = edit.readers(int(product.outputs[0]))
    scales = edit.constant(multiply.inputs[1]).copy()
    scales[3] *= 1.001
    multiply.inputs[1] = edit.add_constant("wrong", scales)
    with rounded_kernels(read_model(model)):
        check = verify(model, edit.content(), normalise(pixels))
    assert not check.passed
    assert "FULLY_CONNECTED computes what no layer of Keras computes" in check.reason
