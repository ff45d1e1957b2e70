import larq as lq
import numpy as np
import pytest

import larq_igp
from larq_igp import models
from larq_igp.architectures import ZOO, get_spec
from larq_igp.architectures.spec import FAMILIES, SpecError
from larq_igp.errors import UserError
from larq_igp.keras2 import tf
from larq_igp.models.build import load_weights
from tests.conftest import SMALL

TINY = [name for name in ZOO if name.endswith("_tiny")]
SUFFIXES = {"conv", "binconv", "bn", "add", "mean", "concat", "pool", "relu", "dense", "softmax"}


@pytest.mark.parametrize("bits", [1, 2, 32])
@pytest.mark.parametrize("name", TINY)
def test_every_variable_gets_a_finite_gradient(name, bits):
    model = larq_igp.build(name, bits=bits, **SMALL)
    images = tf.random.stateless_normal((4, 32, 32, 3), seed=[1, 2])
    with tf.GradientTape() as tape:
        probabilities = model(images, training=True)
        loss = tf.reduce_mean(-tf.math.log(probabilities[:, 3]))
    np.testing.assert_allclose(np.sum(probabilities, axis=-1), 1, rtol=1e-5)
    for variable, gradient in zip(
        model.trainable_variables, tape.gradient(loss, model.trainable_variables), strict=True
    ):
        assert gradient is not None, variable.name
        assert np.isfinite(gradient).all(), variable.name
        if bits == 1 and "kernel" in variable.name:
            assert np.any(gradient), f"{variable.name}: all zero"


@pytest.mark.parametrize("name", TINY)
def test_names_are_unique_deterministic_and_end_in_a_known_suffix(name):
    first, second = (
        [layer.name for layer in larq_igp.build(name, **SMALL).layers] for _ in range(2)
    )
    assert first == second
    assert len(set(first)) == len(first)
    assert {layer.rsplit("_", 1)[-1] for layer in first} - {"image"} <= SUFFIXES


@pytest.mark.parametrize("name", TINY)
def test_a_network_and_its_twins_share_the_names_of_their_weights(name):
    weights = [
        [(w.name, w.shape) for w in larq_igp.build(name, bits=bits, **SMALL).weights]
        for bits in (1, 2, 32)
    ]
    assert sorted(weights[0]) == sorted(weights[1]) == sorted(weights[2])


@pytest.mark.parametrize("shape", [(28, 28, 1), (33, 47, 3), (65, 65, 5)])
@pytest.mark.parametrize("name", TINY)
def test_any_size_from_28_px_and_any_channels(name, shape):
    model = larq_igp.build(name, input_shape=shape, num_classes=7)
    assert model(np.zeros((2, *shape), np.float32)).shape == (2, 7)
    assert ("stem_pool" in [layer.name for layer in model.layers]) == (max(shape) > 64)


@pytest.mark.parametrize("name", ["igp_resnet41_48", "igp_densenet51_53", "ebinary_densenet51_32"])
def test_named_networks_build_at_imagenet_size(name):
    model = larq_igp.build(name)
    assert model.name == name
    assert model.output_shape == (None, 1000)
    assert model.layers[-1].dtype == "float32"
    assert model.get_layer("head_pool").input_shape[1:3] == (7, 7)


def test_depth_is_the_longest_path_of_the_graph():
    """The number of layers with kernels from the input to the output, by walking the graph."""
    for name in TINY:
        depths = {}
        for layer in larq_igp.build(name, **SMALL).layers:
            parents = layer.inbound_nodes[0].parent_nodes
            below = max((depths[parent.layer.name] for parent in parents), default=0)
            is_shortcut = "shortcut" in layer.name
            has_kernel = isinstance(layer, (tf.keras.layers.Conv2D, tf.keras.layers.Dense))
            depths[layer.name] = below + (has_kernel and not is_shortcut)
        assert depths["head_softmax"] == get_spec(name).depth, name


@pytest.mark.parametrize(
    "bits, pad_values, expected", [(1, None, 1), (1, 0, 0), (2, None, 0), (32, None, 0), (2, 1, 1)]
)
def test_pad_values(bits, pad_values, expected):
    model = larq_igp.build("bireal_resnet_tiny", bits=bits, pad_values=pad_values, **SMALL)
    convolutions = [layer for layer in model.layers if isinstance(layer, lq.layers.QuantConv2D)]
    assert {layer.pad_values for layer in convolutions} == {expected}


def test_bits_decide_quantizers():
    def widths(bits):
        layer = larq_igp.build("resnet_tiny", bits=bits, **SMALL).get_layer(
            "stage1_block1_layer1_binconv"
        )
        return [
            getattr(quantizer, "precision", 32)
            for quantizer in (layer.input_quantizer, layer.kernel_quantizer)
        ]

    assert [widths(bits) for bits in (1, 2, 32)] == [[1, 1], [2, 2], [32, 32]]


def test_sign_of_zero_is_plus_one():
    layer = larq_igp.build("resnet_tiny", **SMALL).get_layer("stage1_block1_layer1_binconv")
    for quantizer in (layer.input_quantizer, layer.kernel_quantizer):
        np.testing.assert_array_equal(
            quantizer(tf.constant([0.0, -0.0, -1e-30, 1e-30])), [1, 1, -1, 1]
        )


def test_quantizers_can_be_chosen_and_are_not_shared():
    model = larq_igp.build(
        "bireal_resnet_tiny",
        input_quantizer="approx_sign",
        kernel_quantizer=lq.quantizers.MagnitudeAwareSign(),
        **SMALL,
    )
    convolutions = [layer for layer in model.layers if isinstance(layer, lq.layers.QuantConv2D)]
    assert {type(layer.input_quantizer) for layer in convolutions} == {lq.quantizers.ApproxSign}
    assert {type(layer.kernel_quantizer) for layer in convolutions} == {
        lq.quantizers.MagnitudeAwareSign
    }
    assert len({id(layer.kernel_quantizer) for layer in convolutions}) == len(convolutions)


def test_without_top_the_output_is_the_last_feature_map():
    model = larq_igp.build("igp_resnet_tiny", include_top=False, input_shape=(32, 32, 3))
    assert model.output_shape == (None, 8, 8, 64)


def test_input_tensor_is_built_upon():
    image = tf.keras.Input((40, 40, 2))
    assert larq_igp.build("resnet_tiny", input_tensor=image * 2.0, num_classes=3).output_shape == (
        None,
        3,
    )
    with pytest.raises(SpecError, match="differ"):
        larq_igp.build("resnet_tiny", input_tensor=image, input_shape=(32, 32, 3))


def test_join_is_a_parameter():
    x = tf.random.stateless_normal((1, 32, 32, 3), seed=[1, 2])
    kinds = []
    for join in ("mean", "sum"):
        model = larq_igp.build("igp_resnet_tiny", join=join, **SMALL)
        kinds.append({type(layer).__name__ for layer in model.layers if "_join_" in layer.name})
        assert np.isfinite(model(x)).all()
    assert kinds == [{"Average"}, {"Add"}]


@pytest.mark.parametrize("family", FAMILIES)
def test_family_builders_build_their_family(family):
    build_family = getattr(models, family)
    stages = {"blocks": (1, 1)}
    width = {"growth_rate": 8} if family.endswith("densenet") else {"filters": 8}
    model = build_family(**stages, **width, **SMALL)
    assert model.name == family
    assert model.output_shape == (None, 10)


def test_weights_are_loaded_strictly(tmp_path):
    model = larq_igp.build("igp_resnet_tiny", **SMALL)
    path = tmp_path / "with a space.weights.h5"
    model.save_weights(path)
    again = larq_igp.build("igp_resnet_tiny", weights=path, **SMALL)
    for expected, loaded in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(expected, loaded)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(np.zeros((2, *model.input_shape[1:])), np.zeros(2), verbose=0)
    model.save(tmp_path / "whole.h5")
    model.save_weights(tmp_path / "trained.weights.h5")
    for name in ("whole.h5", "trained.weights.h5"):  # both hold the state of the optimizer too
        larq_igp.build("igp_resnet_tiny", weights=tmp_path / name, **SMALL)
    with pytest.raises(UserError, match="does not hold the weights of resnet_tiny"):
        larq_igp.build("resnet_tiny", weights=path, **SMALL)
    with pytest.raises(UserError, match="does not exist"):
        larq_igp.build("resnet_tiny", weights=tmp_path / "none.h5", **SMALL)
    larq_igp.build("igp_resnet_tiny", columns=3, **SMALL).save_weights(path)
    with pytest.raises(
        UserError, match=r"it holds .*, and the network has"
    ):  # Keras would drop the third column
        larq_igp.build("igp_resnet_tiny", weights=path, **SMALL)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(UserError, match="does not hold the weights"):
        larq_igp.build("igp_resnet_tiny", weights=path, **SMALL)


def test_damaged_weights_are_one_sentence_wherever_the_damage(tmp_path):
    model = larq_igp.build("igp_resnet_tiny", filters=4, blocks=(1,), **SMALL)
    path = tmp_path / "damaged.weights.h5"
    model.save_weights(path)
    content, refused = path.read_bytes(), 0
    for first in range(0, len(content), len(content) // 50):
        path.write_bytes(content[:first] + b"\xa5" * 200 + content[first + 200 :])
        try:
            load_weights(model, path)  # damage among the numbers is not seen
        except UserError as error:
            assert "does not hold the weights of igp_resnet_tiny" in str(error)
            refused += 1
    assert refused > 10


@pytest.mark.parametrize(
    "options, message",
    [
        ({"bits": 3}, "bits must be 1, 2 or 32; got 3"),
        ({"pad_values": 2}, "pad_values must be 0 or 1; got 2"),
        ({"num_classes": 0}, "num_classes must be a positive integer; got 0"),
        ({"stem": "big"}, "stem must be auto, imagenet or small; got 'big'"),
        ({"input_shape": (16, 16, 3)}, "at least 28 px"),
        ({"bits": 32, "input_quantizer": "ste_sign"}, "a 32-bit network has no quantizers"),
        ({"width": 3}, "width is not a parameter of igp_resnet"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(SpecError, match=message):
        larq_igp.build("igp_resnet_tiny", **options)
