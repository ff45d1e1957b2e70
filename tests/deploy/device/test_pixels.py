"""A file that takes pixels computes what the network makes of normalised images."""

import numpy as np
import pytest

from larq_igp.data import Preprocessing
from larq_igp.deploy.convert import convert
from larq_igp.deploy.device.edit import Edit
from larq_igp.deploy.device.pixels import take_pixels
from larq_igp.deploy.device.plain import plain_file
from larq_igp.deploy.flatbuffer import read_tflite
from larq_igp.deploy.verify import verify, verify_with_all
from larq_igp.keras2 import tf
from tests.deploy.device.conftest import PREPROCESSING, SHAPE

K = tf.keras.layers


def one_convolution() -> tf.keras.Model:
    """Every place of the result tells what was padded next to it."""
    image = tf.keras.Input(SHAPE, name="image")
    options = {"kernel_initializer": "ones", "bias_initializer": "ones", "padding": "same"}
    return tf.keras.Model(image, K.Conv2D(4, 3, name="only", **options)(image))


def test_borders_are_those_of_the_normalised_image(pixels, normalise, run_everywhere):
    model = one_convolution()
    content = take_pixels(convert(model), PREPROCESSING)
    wanted = model(normalise(pixels)).numpy()
    assert wanted[1, 0, 0, 0] == pytest.approx(
        1 + 4 * sum((255 - m) / d for m, d in zip(*normalisation(), strict=True)), rel=1e-6
    )
    for found in run_everywhere(content, pixels).values():
        np.testing.assert_allclose(found, wanted, atol=1e-4, rtol=1e-5)


def normalisation() -> tuple[tuple[float, ...], tuple[float, ...]]:
    return PREPROCESSING.mean, PREPROCESSING.deviation


@pytest.mark.parametrize("converter", ["own", pytest.param("lce", marks=pytest.mark.lce)])
def test_files_of_every_converter_take_pixels(converter, model, pixels, normalise):
    content = take_pixels(convert(model, converter=converter), PREPROCESSING)
    file = read_tflite(content)
    (image,) = file.inputs
    assert (file.tensors[image].name, file.tensors[image].dtype) == ("image", np.uint8)
    assert [each.name for each in file.operators[:4]] == ["DEQUANTIZE", "ADD", "MUL", "CONV_2D"]
    for check in verify_with_all(model, content, pixels, normalise=normalise):
        assert check.passed, check.reason
        assert "The file normalises pixels as Keras does." in check.reason


def test_without_the_pixels_it_is_the_same_file(model):
    content = convert(model)
    assert plain_file(content) is content
    found = read_tflite(plain_file(take_pixels(content, PREPROCESSING)))
    before = read_tflite(content)
    assert found.histogram() == before.histogram()
    assert found.tensors[found.inputs[0]].dtype == np.float32
    for ours, theirs in zip(found.operators, before.operators, strict=True):
        assert (ours.options, len(ours.inputs)) == (theirs.options, len(theirs.inputs))
        for mine, other in zip(ours.inputs, theirs.inputs, strict=True):
            if mine >= 0 and found.tensors[mine].value is not None:
                value = before.tensors[other].value
                np.testing.assert_array_equal(found.tensors[mine].value, value)


def test_one_mean_for_all_channels_and_grey_images(run_everywhere):
    grey = Preprocessing((6, 6, 1), (77.8,), (82.4,))
    image = tf.keras.Input((6, 6, 1), name="image")
    model = tf.keras.Model(image, K.Conv2D(3, 3, padding="same")(image))
    images = np.random.default_rng(1).integers(0, 256, (2, 6, 6, 1), np.uint8)
    wanted = model((images - np.float32(77.8)) / np.float32(82.4)).numpy()
    for found in run_everywhere(take_pixels(convert(model), grey), images).values():
        np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_a_file_that_normalises_otherwise_is_refused(model, pixels, normalise):
    other = Preprocessing(SHAPE, (123.7, 116.4, 103.5), PREPROCESSING.deviation)
    check = verify(model, take_pixels(convert(model), other), pixels, normalise=normalise)
    assert not check.passed
    assert check.reason.startswith("the file does not normalise pixels as Keras does")


def test_the_signature_takes_pixels_by_the_name_of_the_layer(model):
    edit = Edit(take_pixels(convert(model, converter="own"), PREPROCESSING))
    (entry,) = edit.model.signatureDefs[0].inputs
    assert (entry.name, entry.tensorIndex) == (b"image", edit.graph.inputs[0])
