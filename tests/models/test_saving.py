"""Whole models: saved and loaded by Keras in every format, cloned, and made from a configuration.

Another process loads them with ``import larq`` alone, as users of a file do.
"""

import json
import os
import subprocess
import sys

import larq as lq
import numpy as np
import pytest

import larq_igp
from larq_igp.architectures.spec import FAMILIES
from larq_igp.keras2 import tf
from tests.conftest import HANGS_SECONDS
from tests.models.formulas import draw_weights

IMAGES = np.random.RandomState(3).uniform(-1, 1, (2, 28, 28, 1)).astype(np.float32)
BITS = (1, 2, 32)
FORMATS = {".keras": "model.keras", ".h5": "model.h5", "SavedModel": "saved"}
TRACED = {("resnet", 1), ("resnet", 2), ("igp_densenet", 1)}
"""SavedModels with the traces of their layers, which take ten seconds each; the kinds of layers are
the same in all families. Without traces Keras reads the configuration.
"""
LOAD = """
import json, sys
import larq
import numpy as np
import tensorflow as tf

assert "larq_igp" not in sys.modules
images = np.load("images.npy")
outputs = {}
for path in json.load(open("paths.json")):
    model = tf.keras.models.load_model(path)
    layers = [layer for layer in model.layers if isinstance(layer, larq.layers.QuantConv2D)]
    outputs[path] = {
        "outputs": model(images).numpy().tolist(),
        "configs": [layer.get_config() for layer in layers],
        "constraints": [getattr(layer.kernel_constraint, "clip_value", None) for layer in layers],
    }
json.dump(outputs, open("outputs.json", "w"))
"""


def small(family, bits, **options):
    width = {"growth_rate": 4, "stem_filters": 4} if "dense" in family else {"filters": 4}
    name = f"{family}_tiny"
    model = larq_igp.build(
        name, blocks=(1, 1), bits=bits, input_shape=(28, 28, 1), num_classes=3, **width, **options
    )
    draw_weights(model, seed=0)
    return model


def quantized_layers(model):
    return [layer for layer in model.layers if isinstance(layer, lq.layers.QuantConv2D)]


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    """What another process made of every model in every format, and the models."""
    folder = tmp_path_factory.mktemp("saved models")
    models, paths = {}, []
    for family in FAMILIES:
        for bits in BITS:
            models[family, bits] = model = small(family, bits)
            for file in FORMATS.values():
                paths.append(f"{family} {bits} {file}")
                is_plain = file != FORMATS["SavedModel"] or (family, bits) in TRACED
                options = {} if is_plain else {"save_traces": False}
                model.save(folder / paths[-1], **options)
    np.save(folder / "images.npy", IMAGES)
    (folder / "paths.json").write_text(json.dumps(paths))
    environment = os.environ | {"TF_USE_LEGACY_KERAS": "1"}
    subprocess.run(
        [sys.executable, "-c", LOAD],
        cwd=folder,
        check=True,
        timeout=HANGS_SECONDS,
        env=environment,
        capture_output=True,
    )
    return models, json.loads((folder / "outputs.json").read_text())


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize("family", FAMILIES)
def test_loaded_with_larq_alone(loaded, family, bits, form):
    models, outputs = loaded
    model, found = models[family, bits], outputs[f"{family} {bits} {FORMATS[form]}"]
    np.testing.assert_array_equal(found["outputs"], model(IMAGES))
    assert found["configs"] == [
        json.loads(json.dumps(layer.get_config())) for layer in quantized_layers(model)
    ]
    assert {config["pad_values"] for config in found["configs"]} == {1.0 if bits == 1 else 0.0}
    assert set(found["constraints"]) == {None if bits == 32 else 1.0}


@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize("family", FAMILIES)
def test_copies_by_keras(family, bits, tmp_path):
    model = small(family, bits)
    copies = [tf.keras.models.clone_model(model), tf.keras.Model.from_config(model.get_config())]
    for copy in copies:
        assert [layer.name for layer in copy.layers] == [layer.name for layer in model.layers]
        copy.set_weights(model.get_weights())
        np.testing.assert_array_equal(copy(IMAGES), model(IMAGES))
    model.save_weights(tmp_path / "weights.h5")
    by_name = small(family, bits)
    by_name.set_weights([0 * weight for weight in by_name.get_weights()])
    by_name.load_weights(tmp_path / "weights.h5", by_name=True)
    np.testing.assert_array_equal(by_name(IMAGES), model(IMAGES))


QUANTIZERS = [
    {"input_quantizer": "approx_sign", "kernel_quantizer": "magnitude_aware_sign"},
    {"input_quantizer": "swish_sign", "clip_value": 1.25, "weight_clip": 0.5},
    {"pad_values": 0, "kernel_quantizer": "float"},
    {"kernel_constraint": "weight_clip"},
]


@pytest.mark.parametrize("file", ["model.keras", "model.h5"])
@pytest.mark.parametrize("options", QUANTIZERS)
def test_quantizers_padding_and_constraints_come_back(options, file, tmp_path):
    model = small("bireal_resnet", 1, **options)
    model.save(tmp_path / file)
    again = tf.keras.models.load_model(tmp_path / file)
    np.testing.assert_array_equal(again(IMAGES), model(IMAGES))
    for left, right in zip(quantized_layers(again), quantized_layers(model), strict=True):
        assert left.get_config() == right.get_config()
        for part in ("input_quantizer", "kernel_quantizer", "kernel_constraint"):
            mine, theirs = getattr(left, part), getattr(right, part)
            assert type(mine) is type(theirs)
            assert mine is None or mine is not theirs
    clip = options.get("clip_value")
    if clip:
        assert {layer.kernel_quantizer.clip_value for layer in quantized_layers(again)} == {clip}


def test_a_model_with_layers_before_it_is_saved_whole(tmp_path):
    image = tf.keras.Input((28, 28, 1))
    scaled = tf.keras.layers.Rescaling(1 / 255)(image)
    model = larq_igp.build("resnet_tiny", input_tensor=scaled, num_classes=3, blocks=(1,))
    model.save(tmp_path / "model.keras")
    again = tf.keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again(255 * IMAGES), model(255 * IMAGES))
    np.testing.assert_allclose(
        again(255 * IMAGES), tf.keras.Model(scaled, model.output)(IMAGES), rtol=1e-5
    )


def test_summaries(capsys):
    model = small("igp_densenet", 1)
    model.summary(line_length=150)
    assert "stage1_block1_column2_layer1_binconv" in capsys.readouterr().out
    lq.models.summary(model)
    assert "Ratio of MACs that are binarized" in capsys.readouterr().out


def test_two_models_of_one_process_share_nothing():
    first, second = small("igp_resnet", 2), small("igp_resnet", 2)
    before = second.get_weights()
    first.set_weights([weight + 1 for weight in first.get_weights()])
    for left, right in zip(before, second.get_weights(), strict=True):
        np.testing.assert_array_equal(left, right)
    parts = [
        {id(part) for layer in quantized_layers(model) for part in parts_of(layer)}
        for model in (first, second)
    ]
    assert not parts[0] & parts[1]
    assert len(parts[0]) == 4 * len(quantized_layers(first))


def parts_of(layer):
    return layer, layer.input_quantizer, layer.kernel_quantizer, layer.kernel.latent_variable
