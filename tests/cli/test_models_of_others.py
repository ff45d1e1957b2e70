"""How images are fed to models that users have saved, and what their scores mean."""

import json
import math

import pytest

from larq_igp.deploy.card import read_card
from larq_igp.keras2 import tf
from tests.cli.models import K, bin_conv


def test_images_are_fed_as_is_known(igp, refused, tmp_path):
    """Pixels to what normalises them itself; of others nobody here knows the normalisation."""
    photo = str(tmp_path / "white.png")
    tf.io.write_file(photo, tf.io.encode_png(tf.fill((16, 16, 3), tf.constant(255, tf.uint8))))
    for name, first in (("unknown", K.ReLU()), ("pixels", K.Rescaling(1 / 255))):
        image = tf.keras.Input((16, 16, 3))
        sums = K.Conv2D(32, 1, kernel_initializer="ones")(first(image))
        binary = bin_conv(kernel_initializer="ones")(sums)
        ends = [K.GlobalAveragePooling2D()(each) for each in (K.Rescaling(1 / 288)(binary), sums)]
        scores = K.Softmax()(K.Concatenate()(ends))
        tf.keras.Model(image, scores).save(tmp_path / f"{name}.h5")
        typed = (tmp_path / f"{name}.h5", "-o", tmp_path / f"{name}.tflite", "--images", 4)
        found = igp("convert", *typed)
        assert found.exit_code == 0, found.stderr
    assert read_card(tmp_path / "unknown.tflite").preprocessing is None
    assert "how images are normalised" in refused("predict", tmp_path / "unknown.tflite", photo)
    for name in ("pixels.h5", "pixels.tflite"):
        found = igp("predict", tmp_path / name, photo, "--top", 64, "--json")
        assert found.exit_code == 0, found.output
        classes = json.loads(found.stdout)[0]["classes"]
        shares = {each["label"]: each["probability"] for each in classes}
        # the means of 288 signs of +1, and three channels of white, each 1
        assert shares[32] / shares[0] == pytest.approx(math.exp(3 - 1), rel=1e-4)
        assert "random" not in found.stderr
    assert igp("benchmark", tmp_path / "unknown.tflite", "--runs", 1).exit_code == 0


def sigmoids(count: int, activation: str | None = "sigmoid") -> tf.keras.Model:
    image = tf.keras.Input((16, 16, 3))
    signs = bin_conv()(K.Conv2D(32, 1)(K.Rescaling(1 / 255)(image)))
    means = K.GlobalAveragePooling2D()(signs)
    return tf.keras.Model(image, K.Dense(count, activation)(K.Rescaling(0.05)(means)))


@pytest.mark.parametrize("count", [1, 3])
def test_sigmoids_are_probabilities(count, igp, refused, tmp_path):
    model = sigmoids(count)
    model.save(tmp_path / "net.h5")
    done = igp("convert", tmp_path / "net.h5", "-o", tmp_path / "net.tflite", "--images", 4)
    assert done.exit_code == 0, done.output
    photo = str(tmp_path / "photo.png")
    tf.io.write_file(photo, tf.io.encode_png(tf.fill((16, 16, 3), tf.constant(99, tf.uint8))))
    expected = model.predict(tf.fill((1, 16, 16, 3), 99.0), verbose=0)[0]
    for name in ("net.h5", "net.tflite"):
        found = igp("predict", tmp_path / name, photo, "--top", 3, "--json")
        assert found.exit_code == 0, found.output
        for each in json.loads(found.stdout)[0]["classes"]:
            assert each["probability"] == pytest.approx(expected[each["label"]], abs=1e-4)
    assert read_card(tmp_path / "net.tflite").scores == "probabilities"
    options = ("-o", tmp_path / "b.tflite", "--scores", "logits")
    assert "ends in a sigmoid" in refused("convert", tmp_path / "net.h5", *options)


def test_one_logit_is_no_probability(refused, tmp_path):
    sigmoids(1, None).save(tmp_path / "net.h5")
    photo = str(tmp_path / "photo.png")
    tf.io.write_file(photo, tf.io.encode_png(tf.fill((16, 16, 3), tf.constant(99, tf.uint8))))
    assert "which is not a probability" in refused("predict", tmp_path / "net.h5", photo)
    options = ("-o", tmp_path / "b.tflite", "--scores", "probabilities")
    assert "a softmax of one is always 1" in refused("convert", tmp_path / "net.h5", *options)


@pytest.mark.parametrize("name", ["net.h5", "net.tflite"])
def test_logits_become_probabilities(name, igp, tmp_path):
    """Whether Keras or an engine runs a model without softmax."""
    image = tf.keras.Input((16, 16, 3))
    signs = bin_conv()(K.Conv2D(32, 1)(K.Rescaling(1 / 255)(image)))
    logits = K.GlobalAveragePooling2D()(signs)
    tf.keras.Model(image, logits).save(tmp_path / "net.h5")
    if name != "net.h5":
        done = igp("convert", tmp_path / "net.h5", "-o", tmp_path / name, "--images", 4)
        assert done.exit_code == 0, done.output
    photo = str(tmp_path / "photo.png")
    tf.io.write_file(photo, tf.io.encode_png(tf.fill((16, 16, 3), tf.constant(99, tf.uint8))))
    found = igp("predict", tmp_path / name, photo, "--top", 32, "--json")
    assert found.exit_code == 0, found.output
    shares = [each["probability"] for each in json.loads(found.stdout)[0]["classes"]]
    assert sum(shares) == pytest.approx(1, abs=1e-4)
    assert min(shares) >= 0
