"""``convert`` on models that users have saved with Keras."""

import json
import math

import h5py
import larq as lq
import pytest

import larq_igp
from larq_igp.deploy.flatbuffer import read_tflite
from larq_igp.keras2 import tf
from tests.cli.models import SHAPE, K, bin_conv, chain, classifier


@pytest.mark.parametrize("name", ["net.h5", "net.keras", "net"])
def test_a_saved_model_with_metrics_of_its_layers(name, igp, tmp_path):
    with lq.context.metrics_scope(["flip_ratio"]):
        model = classifier(bin_conv(), K.BatchNormalization(), bin_conv())
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.save(tmp_path / name)
    found = igp("convert", tmp_path / name, "-o", tmp_path / "a.tflite", "--images", 4, "--json")
    assert found.exit_code == 0, found.output
    printed = json.loads(found.stdout)
    assert (printed["converter"], printed["audit"]["lce_bconv2d"]) == ("own", 2)
    assert all(each["passed"] for each in printed["verifications"])
    assert read_tflite(tmp_path / "a.tflite").histogram()["LceQuantize"] == 1


def two_inputs() -> tf.keras.Model:
    images = [tf.keras.Input(SHAPE, name=name) for name in ("left", "right")]
    return tf.keras.Model(images, bin_conv(name="both")(K.Add()(images)))


def subclassed() -> tf.keras.Model:
    class Mine(tf.keras.Model):
        def __init__(self):
            super().__init__()
            self.conv = bin_conv()

        def call(self, inputs):
            return self.conv(inputs)

    model = Mine()
    model(tf.zeros((1, *SHAPE)))
    return model


class Strange(K.Layer):
    """Of a kind that is not known here, with a binary convolution inside."""

    def build(self, shape):
        self.conv = bin_conv()

    def call(self, inputs):
        return self.conv(inputs)


def swirl() -> tf.keras.Model:
    class Swirl(K.Layer):
        """Of a kind that is not there where the file is opened."""

    return classifier(bin_conv(), Swirl(name="swirl"))


def strange() -> tf.keras.Model:
    layer = K.Lambda(lambda x: tf.math.bessel_i0(x), name="strange")
    return classifier(bin_conv(), layer)


def diverged() -> tf.keras.Model:
    model = classifier(bin_conv(name="first"))
    model.get_layer("first").kernel.assign(tf.fill((3, 3, 32, 32), math.nan))
    return model


def channels_first() -> tf.keras.Model:
    return classifier(K.Conv2D(32, 1, data_format="channels_first", name="turned"), bin_conv())


class Fieldless(K.Layer):
    def get_config(self):
        return {}


REFUSED = {
    "Lambda in .keras": ("a.keras", strange, "layer 'strange' is a Lambda of Python code"),
    "Lambda in .h5": ("a.h5", strange, "BesselI0, which computes 'model"),
    "unknown class in .h5": (
        "a.h5",
        swirl,
        "layer 'swirl' is of the class Swirl, which is not known here",
    ),
    "unknown class in .keras": (
        "a.keras",
        swirl,
        "layer 'swirl' is of the class Swirl, which is not known here",
    ),
    "a layer without a writer": (
        "a.h5",
        lambda: classifier(bin_conv(), K.GroupNormalization(8, name="groups")),
        "layer 'groups' is of class GroupNormalization",
    ),
    "ternary weights": (
        "a.h5",
        lambda: classifier(bin_conv(kernel_quantizer="ste_tern", name="three")),
        "layer 'three' has a 2-bit kernel_quantizer (SteTern)",
    ),
    "two inputs": ("a.h5", two_inputs, "has 2 inputs and 1 outputs ('left', 'right', 'both'); one"),
    "subclassed": ("a", subclassed, "is not functional: its layers are called in Python code"),
    "2 bits": (
        "a.h5",
        lambda: classifier(bin_conv(input_quantizer=lq.quantizers.DoReFa(2), name="two")),
        "layer 'two' has a 2-bit input_quantizer (DoReFa)",
    ),
    "0 and 1": (
        "a.keras",
        lambda: classifier(bin_conv(input_quantizer="ste_heaviside", name="odd")),
        "layer 'odd' quantizes to 0 and 1 (SteHeaviside)",
    ),
    "padding with -1": (
        "a.h5",
        lambda: classifier(bin_conv(pad_values=-1.0, name="minus")),
        "'minus' was left as a float CONV_2D: it pads with -1, but only 0 and 1 are possible",
    ),
    "no binary operator": (
        "a.h5",
        lambda: chain(
            K.Flatten(), lq.layers.QuantDense(4, name="last", kernel_quantizer="ste_sign")
        ),
        "layer 'last' is a binary QuantDense, and no 1-bit operator computes it",
    ),
    "a function as a quantizer": (
        "a.h5",
        lambda: classifier(bin_conv(name="signs", input_quantizer=tf.sign)),
        "layer 'signs' has a function as its quantizer",
    ),
    "a function as a quantizer, .keras": (
        "a.keras",
        lambda: classifier(bin_conv(name="signs", input_quantizer=tf.sign)),
        "layer 'signs' has a function as its quantizer",
    ),
    "a layer without fields": (
        "a.h5",
        lambda: classifier(bin_conv(), Fieldless(name="mine")),
        "layer 'mine' is of the class Fieldless, which is not known here",
    ),
    "a function as a quantizer, SavedModel": (
        "a",
        lambda: classifier(bin_conv(name="signs", input_quantizer=tf.sign)),
        "layer 'signs' is of the class QuantConv2D, which cannot be loaded from a SavedModel",
    ),
    "weights that are no numbers": (
        "a.h5",
        diverged,
        "weight 'first/kernel:0' has values that are not finite",
    ),
    "channels first": ("a.h5", channels_first, "layer 'turned' has channels first"),
    "a vector": (
        "a.h5",
        lambda: tf.keras.Sequential([K.Dense(3, input_shape=(8,))]),
        "the shape of its input is (None, 8), but (None, H, W, C) is needed",
    ),
    "a wrapped layer": (
        "a.h5",
        lambda: chain(K.Reshape((1, *SHAPE)), K.TimeDistributed(bin_conv(), name="times")),
        "layer 'times' is of class TimeDistributed",
    ),
}


@pytest.mark.filterwarnings("ignore")  # Keras and Larq warn of what is strange here
@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_be_converted_is_one_sentence(kind, refused, tmp_path):
    name, build, sentence = REFUSED[kind]
    build().save(tmp_path / name)
    assert sentence in refused("convert", tmp_path / name, "-o", tmp_path / "a.tflite")
    assert not list(tmp_path.glob("*.tflite"))


def test_damaged_files(refused, tmp_path):
    model = classifier(bin_conv())
    model.save(tmp_path / "whole.h5")
    model.save_weights(tmp_path / "weights.h5")
    content = (tmp_path / "whole.h5").read_bytes()
    (tmp_path / "cut.h5").write_bytes(content[: len(content) // 2])
    (tmp_path / "cut.keras").write_bytes(b"PK\x03\x04 and no more")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["numbers"] = [1, 2]
    for name, reason in (
        ("other.h5", "it is an HDF5 file without a Keras model"),
        ("weights.h5", "it holds only weights: name their network as the source, and this file"),
        ("cut.h5", "it is truncated"),
        ("cut.keras", "it is truncated, or not a Keras file"),
    ):
        message = refused("convert", tmp_path / name, "-o", tmp_path / "a.tflite")
        assert f"{name} holds no model that Keras can load: {reason}" in message
        assert len(message.splitlines()) == 1
    assert not (tmp_path / "a.tflite").exists()


def test_checkpoints_are_weights_alone(refused, tmp_path):
    classifier(bin_conv()).save_weights(tmp_path / "checkpoint")
    for name in ("checkpoint", "checkpoint.index"):
        message = refused("convert", tmp_path / name, "-o", tmp_path / "a.tflite")
        assert f"{name} is a checkpoint of TensorFlow, which holds only weights" in message


def test_what_contradicts_itself(refused, tmp_path):
    file = tmp_path / "a.h5"
    classifier(bin_conv()).save(file)
    before = file.read_bytes()
    assert "would be overwritten by itself" in refused("convert", file, "-o", file)
    assert file.read_bytes() == before
    options = ("-o", tmp_path / "a.tflite", "--float", "--converter", "own")
    assert "leave out converter 'own' for a float file" in refused("convert", file, *options)
    options = ("-o", tmp_path / "a.tflite", "--data-dir", tmp_path)
    assert "leave out --data-dir" in refused("convert", file, *options)
    weights = tmp_path / "w.h5"
    larq_igp.build("resnet_tiny", input_shape=(28, 28, 1), num_classes=10).save_weights(weights)
    options = ("--weights", weights, "--input-shape", "28,28,1", "--num-classes", 10)
    pixels = ("-o", tmp_path / "a.tflite", "--input", "uint8")
    message = refused("convert", "resnet_tiny", *options, *pixels)
    assert "how its images are normalised is not known" in message


def test_options_of_networks_are_refused(refused, tmp_path):
    classifier(bin_conv()).save(tmp_path / "a.h5")
    message = refused("convert", tmp_path / "a.h5", "-o", tmp_path / "a.tflite", "--bits", 1)
    assert "leave out --bits" in message
    message = refused("convert", tmp_path / "a.h5", "-o", tmp_path / "a.tflite", "--measure")
    assert "its data set is not known" in message
