import larq as lq
import numpy as np
import pytest

import larq_igp
from larq_igp import models
from larq_igp.architectures import ZOO, get_spec
from larq_igp.architectures.checks import SpecError
from larq_igp.architectures.spec import FAMILIES
from larq_igp.keras2 import tf
from tests.conftest import SMALL

TINY = [name for name in ZOO if name.endswith("_tiny")]
SUFFIXES = {"conv", "binconv", "bn", "add", "mean", "concat", "pool", "relu", "dense", "softmax"}
TWINS = [
    *((name, {}) for name in TINY),
    ("igp_resnet_tiny", {"columns": 4, "blocks": (1, 1)}),
    ("igp_densenet_tiny", {"columns": 3, "blocks": (2, 1)}),
]


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


@pytest.mark.parametrize("name, parameters", TWINS)
def test_weights_of_a_network_fit_its_twins(name, parameters):
    """By name, and in the order of each class of layers, which is what ``.weights.h5`` keeps."""

    def by_class(bits):
        found = {}
        for layer in larq_igp.build(name, bits=bits, **parameters, **SMALL).layers:
            weights = [(weight.name, tuple(weight.shape)) for weight in layer.weights]
            found.setdefault(type(layer).__name__, []).extend(weights)
        return {kind: weights for kind, weights in found.items() if weights}

    assert by_class(1) == by_class(2) == by_class(32)


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
    """What stands between the Keras input and the network belongs to the model."""
    image = tf.keras.Input((40, 40, 2), name="pixels")
    # A power of two, so that both ways round alike: a last bit turns signs of values near zero.
    scaled = tf.keras.layers.Rescaling(1 / 64, offset=-1.0)(image)
    options = {"num_classes": 3, "classifier_activation": None}
    model = larq_igp.build("resnet_tiny", input_tensor=scaled, **options)
    plain = larq_igp.build("resnet_tiny", input_shape=(40, 40, 2), **options)
    plain.set_weights(model.get_weights())
    pixels = np.random.default_rng(0).uniform(0, 128, (2, 40, 40, 2)).astype(np.float32)
    assert model.input_names == ["pixels"]
    np.testing.assert_array_equal(model(pixels), plain(pixels / 64 - 1))
    assert np.abs(model(pixels) - plain(pixels)).max() > 1e-3
    kept = tf.keras.models.clone_model(model)
    assert [type(layer).__name__ for layer in kept.layers[:2]] == ["InputLayer", "Rescaling"]


def test_an_input_without_layers_is_the_models_own():
    image = tf.keras.Input((40, 40, 2))
    model = larq_igp.build("resnet_tiny", input_tensor=image, num_classes=3)
    assert model.input is image


def test_two_inputs_may_stand_behind_the_tensor():
    left, right = tf.keras.Input((32, 32, 1)), tf.keras.Input((32, 32, 2))
    both = tf.keras.layers.Concatenate()([left, right])
    model = larq_igp.build("resnet_tiny", input_tensor=both, num_classes=3)
    images = [np.ones((2, 32, 32, 1), np.float32), np.zeros((2, 32, 32, 2), np.float32)]
    plain = larq_igp.build("resnet_tiny", input_shape=(32, 32, 3), num_classes=3)
    plain.set_weights(model.get_weights())
    np.testing.assert_array_equal(model(images), plain(np.concatenate(images, axis=-1)))


@pytest.mark.parametrize(
    "value, kind",
    [
        (np.zeros((1, 32, 32, 3)), "ndarray"),
        (tf.zeros((1, 32, 32, 3)), "EagerTensor"),
        ((32, 32, 3), "tuple"),
    ],
)
def test_an_input_tensor_must_be_one_of_keras(value, kind):
    with pytest.raises(SpecError, match=f"input_tensor must be tf.keras.Input.*; got {kind}"):
        larq_igp.build("resnet_tiny", input_tensor=value)


def test_an_input_tensor_has_a_shape_of_its_own():
    image = tf.keras.Input((40, 40, 2))
    with pytest.raises(SpecError, match="differ"):
        larq_igp.build("resnet_tiny", input_tensor=image, input_shape=(32, 32, 3))
    with pytest.raises(SpecError, match="in positive integers; got"):
        larq_igp.build("resnet_tiny", input_tensor=tf.keras.Input((None, None, 3)))


def test_logits_train_like_probabilities():
    """Cross-entropy of logits, and of the softmax of the same logits, have the same gradients."""
    logits = larq_igp.build("bireal_resnet_tiny", classifier_activation=None, **SMALL)
    probabilities = larq_igp.build("bireal_resnet_tiny", **SMALL)
    probabilities.set_weights(logits.get_weights())
    images = tf.random.stateless_normal((4, 32, 32, 3), seed=[1, 2])
    classes = tf.constant([0, 3, 3, 9])
    gradients = []
    for model, from_logits in ((logits, True), (probabilities, False)):
        loss_of = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=from_logits)
        with tf.GradientTape() as tape:
            loss = loss_of(classes, model(images, training=True))
        gradients.append(tape.gradient(loss, model.trainable_variables))
    for left, right in zip(*gradients, strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-4, atol=1e-5 * np.abs(right).max())
    np.testing.assert_allclose(
        tf.nn.softmax(logits(images)), probabilities(images), rtol=1e-5, atol=1e-7
    )
    logits.compile("sgd", tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    assert np.isfinite(logits.fit(images, classes, verbose=0).history["loss"]).all()


@pytest.mark.parametrize(
    "activation, name, function",
    [
        ("sigmoid", "head_sigmoid", tf.nn.sigmoid),
        (tf.nn.relu, "head_relu", tf.nn.relu),
        (None, "head_logits", tf.identity),
        (lambda x: 2 * x, "head_activation", lambda x: 2 * x),
    ],
)
def test_any_activation_of_keras_ends_the_network(activation, name, function):
    model = larq_igp.build("resnet_tiny", classifier_activation=activation, **SMALL)
    assert model.layers[-1].name == name
    images = np.random.default_rng(0).normal(size=(2, 32, 32, 3)).astype(np.float32)
    before = tf.keras.Model(model.input, model.get_layer("head_dense").output)
    np.testing.assert_array_equal(model(images), function(before(images)))
    with pytest.raises(SpecError, match=r"classifier_activation must be a name .*; got 'soft'"):
        larq_igp.build("resnet_tiny", classifier_activation="soft", **SMALL)


@pytest.mark.parametrize("activation", [None, "softmax"])
def test_outputs_are_float32_in_mixed_precision(activation):
    tf.keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        model = larq_igp.build("resnet_tiny", classifier_activation=activation, **SMALL)
    finally:
        tf.keras.mixed_precision.set_global_policy("float32")
    assert model.get_layer("head_dense").compute_dtype == "bfloat16"
    assert model.output.dtype == tf.float32


@pytest.mark.parametrize("name", ["igp_resnet_tiny", "igp_densenet_tiny"])
def test_pooling_without_the_top(name):
    shape = {"input_shape": (32, 40, 3), "include_top": False}
    maps = larq_igp.build(name, **shape)
    images = np.random.default_rng(0).normal(size=(2, 32, 40, 3)).astype(np.float32)
    for pooling, function in (("avg", np.mean), ("max", np.max)):
        model = larq_igp.build(name, pooling=pooling, **shape)
        model.set_weights(maps.get_weights())
        values = maps(images).numpy().astype(np.float64)
        rounding = 1e-6 * np.abs(values).max()  # of float32, where values cancel
        expected = function(values, axis=(1, 2))
        np.testing.assert_allclose(model(images), expected, rtol=1e-5, atol=rounding)


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


@pytest.mark.parametrize(
    "options, message",
    [
        ({"bits": 3}, "bits must be 1, 2 or 32; got 3"),
        ({"pad_values": 2}, "pad_values must be 0 or 1; got 2"),
        ({"num_classes": 0}, "num_classes must be a positive integer; got 0"),
        ({"stem": "big"}, "stem must be auto, imagenet, small or strided; got 'big'"),
        ({"input_shape": (16, 16, 3)}, "at least 28 px"),
        ({"bits": 32, "input_quantizer": "ste_sign"}, "a 32-bit network has no quantizers"),
        ({"width": 3}, "width is not a parameter of igp_resnet"),
        ({"pooling": "mean", "include_top": False}, "pooling must be avg, max or None; got 'mean'"),
        ({"pooling": "max"}, "pooling=max needs include_top=False"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(SpecError, match=message):
        larq_igp.build("igp_resnet_tiny", **options)
