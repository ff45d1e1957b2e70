"""Weights files: strict, whatever the layout, and nothing is half loaded."""

import shutil

import h5py
import numpy as np
import pytest

import larq_igp
from larq_igp.architectures import ZOO
from larq_igp.errors import UserError
from larq_igp.keras2 import tf
from larq_igp.models.larq_zoo import build_larq_zoo
from larq_igp.models.weights import load_weights
from tests.conftest import SMALL

TINY = [name for name in ZOO if name.endswith("_tiny")]
LAYOUTS = ["with a space.weights.h5", "older.h5", "whole.h5", "whole.keras"]


def save(model, path):
    (model.save if path.name.startswith("whole") else model.save_weights)(path)
    return path


def shuffled(model):
    """Give every weight a value that it does not start with."""
    generator = np.random.RandomState(0)
    model.set_weights([generator.uniform(0.5, 1, weight.shape) for weight in model.weights])
    return model


def assert_same_weights(left, right):
    left = {weight.name: weight.numpy() for weight in left.weights}
    for weight in right.weights:
        np.testing.assert_array_equal(left[weight.name], weight, err_msg=weight.name)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", ["resnet_tiny", "igp_densenet_tiny"])
def test_every_layout_is_read(name, layout, tmp_path):
    model = shuffled(larq_igp.build(name, **SMALL))
    path = save(model, tmp_path / layout)
    assert_same_weights(larq_igp.build(name, weights=path, **SMALL), model)
    unnamed = shutil.copy(path, tmp_path / "no suffix")  # what the file holds decides
    assert_same_weights(larq_igp.build(name, weights=unnamed, **SMALL), model)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_network_without_top_leaves_the_classifier_out(layout, tmp_path):
    model = shuffled(larq_igp.build("igp_densenet_tiny", **SMALL))
    path = save(model, tmp_path / layout)
    options = {"input_shape": (32, 32, 3), "include_top": False}
    for pooling in (None, "max"):
        body = larq_igp.build("igp_densenet_tiny", weights=path, pooling=pooling, **options)
        assert len(body.weights) == len(model.weights) - 2
        assert_same_weights(model, body)
    body_path = save(body, tmp_path / f"body-{layout}")
    with pytest.raises(UserError, match="the kernel of head_dense is not among those of the file"):
        larq_igp.build("igp_densenet_tiny", weights=body_path, **SMALL)
    logits = larq_igp.build("igp_densenet_tiny", weights=path, classifier_activation=None, **SMALL)
    assert_same_weights(logits, model)


@pytest.mark.parametrize("layout", LAYOUTS[:2])
@pytest.mark.parametrize("name", TINY)
def test_weights_go_from_bits_to_bits(name, layout, tmp_path):
    twin = shuffled(larq_igp.build(name, bits=32, **SMALL))
    path = save(twin, tmp_path / layout)
    assert_same_weights(larq_igp.build(name, bits=1, weights=path, **SMALL), twin)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_state_of_an_optimizer_is_ignored(layout, tmp_path):
    model = larq_igp.build("igp_resnet_tiny", filters=4, blocks=(1,), **SMALL)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(np.zeros((2, *model.input_shape[1:])), np.zeros(2), verbose=0)
    path = save(model, tmp_path / layout)
    again = larq_igp.build("igp_resnet_tiny", filters=4, blocks=(1,), weights=path, **SMALL)
    assert_same_weights(again, model)


def arrays(convolutions):
    """Of a small IGP-ResNet: stem and two transitions too have a kernel and a BatchNorm of four."""
    return (1 + 2 + convolutions) * (1 + 4) + 2


@pytest.mark.parametrize("layout", LAYOUTS)
def test_other_networks_are_refused_with_the_first_difference(layout, tmp_path):
    path = save(larq_igp.build("igp_resnet_tiny", **SMALL), tmp_path / layout)
    for name, options, message in [
        ("resnet_tiny", SMALL, f"weights of resnet_tiny: it holds {arrays(9)} arrays, and the net"),
        ("igp_resnet_tiny", {**SMALL, "columns": 1}, f"and the network has {arrays(3)}; "),
        ("igp_resnet_tiny", {**SMALL, "columns": 3}, f"and the network has {arrays(21)}; "),
        (
            "igp_resnet_tiny",
            {**SMALL, "num_classes": 7},
            r"the kernel of head_dense has shape \(64, 10\) in the file and \(64, 7\) in the net",
        ),
        ("igp_resnet_tiny", {**SMALL, "filters": 4}, "the kernel of stem_conv has shape"),
        (
            "igp_resnet_tiny",
            {**SMALL, "input_shape": (32, 32, 1)},
            r"the kernel of stem_conv has shape \(3, 3, 3, 16\) in the file and \(3, 3, 1, 16\)",
        ),
    ]:
        with pytest.raises(UserError, match=message):
            larq_igp.build(name, weights=path, **options)


def test_names_are_compared_where_the_file_has_them(tmp_path):
    path = save(larq_igp.build("bireal_resnet_tiny", blocks=(2,), **SMALL), tmp_path / "a.h5")
    with h5py.File(path, "r+") as file:
        names = [name.replace("block2_layer1_bn", "x_bn") for name in file.attrs["layer_names"]]
        file.attrs["layer_names"] = names
        file.move("stage1_block2_layer1_bn", "stage1_x_bn")
    with pytest.raises(UserError, match=r"the gamma of stage1_block2_layer1_bn is not among"):
        larq_igp.build("bireal_resnet_tiny", blocks=(2,), weights=path, **SMALL)


@pytest.mark.parametrize("layout", LAYOUTS[:2])
def test_models_whose_layers_keras_numbers(layout, tmp_path):
    """Layers of larq-zoo are named ``quant_conv2d_7``, by what else the process has built."""
    shape = {"input_shape": (32, 32, 3), "num_classes": 5}
    model, again = (build_larq_zoo("BinaryResNetE18", **shape) for _ in range(2))
    load_weights(again, save(shuffled(model), tmp_path / layout))
    for left, right in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(left, right)


def test_what_is_no_file_is_refused(tmp_path):
    for path, message in ((tmp_path / "none.h5", "does not exist"), (tmp_path, "is a folder")):
        with pytest.raises(UserError, match=message):
            larq_igp.build("resnet_tiny", weights=path, **SMALL)


@pytest.mark.parametrize("layout", ["damaged.weights.h5", "damaged.h5", "whole.keras"])
def test_damage_is_one_sentence_and_leaves_the_model_as_it_was(layout, tmp_path):
    model = larq_igp.build("igp_resnet_tiny", filters=4, blocks=(1,), **SMALL)
    path, before = save(model, tmp_path / layout), model.get_weights()
    content, refused = path.read_bytes(), 0
    for first in range(0, len(content), len(content) // 50):
        path.write_bytes(content[:first] + b"\xa5" * 200 + content[first + 200 :])
        try:
            load_weights(model, path)  # damage among the numbers is not seen
        except UserError as error:
            assert "does not hold the weights of igp_resnet_tiny" in str(error)
            refused += 1
            for left, right in zip(before, model.get_weights(), strict=True):
                np.testing.assert_array_equal(left, right)
        before = model.get_weights()
    assert refused > 10
    for rest in (1000, 10, 0):
        path.write_bytes(content[:rest])
        with pytest.raises(UserError, match="does not hold the weights"):
            load_weights(model, path)


def test_files_of_older_keras_are_read(tmp_path):
    """It kept layers under another name, and counted those with weights twice."""
    model = shuffled(larq_igp.build("igp_densenet_tiny", **SMALL))
    path = save(model, tmp_path / "a.weights.h5")
    with h5py.File(path, "r+") as file:
        file.move("layers", "_layer_checkpoint_dependencies")
        layers = file["_layer_checkpoint_dependencies"]
        for name in sorted(layers, key=lambda name: -len(name)):
            kind, _, number = name.rpartition("_")
            if number.isdigit():
                layers.move(name, f"{kind}_{2 * int(number)}x")
        for name in list(layers):
            if name.endswith("x"):
                layers.move(name, name[:-1])
    assert_same_weights(larq_igp.build("igp_densenet_tiny", weights=path, **SMALL), model)


def test_weights_of_keras_itself_agree(tmp_path):
    """What Keras' own reader makes of the same files."""
    model = shuffled(larq_igp.build("igp_resnet_tiny", **SMALL))
    for layout in LAYOUTS[:2]:
        path = save(model, tmp_path / layout)
        keras = tf.keras.models.clone_model(model)
        keras.load_weights(path)
        assert_same_weights(keras, larq_igp.build("igp_resnet_tiny", weights=path, **SMALL))
