"""The strided stem, and fractals with part of the idea taken away, against arithmetic by hand."""

import numpy as np
import pytest

import larq_igp
from larq_igp.analysis.blocks import find_blocks
from larq_igp.analysis.paths import gradient_paths
from larq_igp.analysis.summary import summarise
from larq_igp.architectures import ResNetSpec
from larq_igp.architectures.accounting import binary_conv_shapes, closed_form
from larq_igp.architectures.checks import SpecError
from larq_igp.architectures.options import choose_stem
from larq_igp.graph import read_graph
from larq_igp.keras2 import tf

WIDTH, PIXELS = 8, 14 * 14
COST = 9 * WIDTH * WIDTH * PIXELS
FRACTALS = {
    # identity, shortest column: costs of a block in convolutions, paths of a block in all
    ("layers", 1): ((0, 1, 2), 38),
    ("block", 1): ((0, 1, 2), 6),
    ("nowhere", 1): ((1, 2, 3), 5),
    ("block", 2): ((0, 2, 3), 5),
    ("nowhere", 2): ((2, 3, 4), 4),
}


def fractal(identity: str, shortest_column: int, blocks: tuple[int, ...] = (1,)) -> ResNetSpec:
    return ResNetSpec(
        family="igp_resnet",
        filters=WIDTH,
        blocks=blocks,
        columns=3,
        identity=identity,
        shortest_column=shortest_column,
    )


def build(spec: ResNetSpec, **options) -> "tf.keras.Model":
    return larq_igp.build(spec, input_shape=(28, 28, 1), num_classes=10, stem="strided", **options)


@pytest.mark.parametrize("form, expected", FRACTALS.items())
def test_paths_of_a_fractal(form, expected):
    graph = read_graph(build(fractal(*form)))
    (block,) = find_blocks(graph)
    paths = gradient_paths(graph, block.source, block.target)
    lengths, total = expected
    assert paths.costs == tuple(COST * length for length in lengths)
    assert paths.total == total


@pytest.mark.parametrize("form", FRACTALS)
def test_graph_equals_closed_form_and_hand(form):
    spec = fractal(*form, blocks=(1, 2))
    model = build(spec)
    summarise("fractal", model, spec, stem="strided")
    convolutions = 7 - (form[1] == 2)
    counts = closed_form(spec, input_shape=(28, 28, 1), num_classes=10, stem="strided")
    assert counts.kernel_weights[1] == convolutions * 9 * (WIDTH**2 + 2 * (2 * WIDTH) ** 2)
    stem, transition, head = 9 * WIDTH, WIDTH * 2 * WIDTH, 2 * WIDTH * 10
    assert counts.kernel_weights[32] == stem + transition + head
    assert counts.float_macs == 14 * 14 * stem + 7 * 7 * transition + head


@pytest.mark.parametrize("form", FRACTALS)
def test_every_variable_gets_a_gradient(form):
    model = build(fractal(*form, blocks=(1, 1)))
    images = tf.random.stateless_normal((4, 28, 28, 1), seed=[1, 2])
    with tf.GradientTape() as tape:
        loss = -tf.reduce_mean(tf.math.log(model(images, training=True)[:, 3]))
    variables = model.trainable_variables
    for variable, gradient in zip(variables, tape.gradient(loss, variables), strict=True):
        assert gradient is not None and np.isfinite(gradient).all(), variable.name
        if "kernel" in variable.name:
            assert np.any(gradient), f"{variable.name}: all zero"


def test_one_identity_adds_the_input_of_the_block():
    """With BatchNorm scales of zero a fractal gives nothing, and the identity alone remains."""
    model = build(fractal("block", 1), include_top=False)
    for layer in model.layers:
        if isinstance(layer, tf.keras.layers.BatchNormalization) and layer.name != "stem_bn":
            layer.gamma.assign(tf.zeros_like(layer.gamma))
    stem = tf.keras.Model(model.input, model.get_layer("stem_bn").output)
    images = np.random.default_rng(0).normal(size=(2, 28, 28, 1)).astype(np.float32)
    np.testing.assert_array_equal(model(images), stem(images))


@pytest.mark.parametrize("side, pixels", [((28, 28), 14 * 14), ((33, 47), 17 * 24)])
def test_strided_stem_halves(side, pixels):
    spec = ResNetSpec(family="bireal_resnet", filters=8, blocks=(1,))
    options = {"input_shape": (*side, 3), "stem": "strided"}
    counts = closed_form(spec, num_classes=5, **options)
    assert counts.macs == {32: pixels * 27 * 8 + 8 * 5, 1: pixels * 2 * 9 * 64}
    (convolution,) = binary_conv_shapes(spec, **options)
    assert (convolution.pixels, convolution.times) == (pixels, 2)
    model = larq_igp.build(spec, num_classes=5, **options)
    height, width = model.get_layer("stem_bn").output_shape[1:3]
    assert height * width == pixels


def test_strided_is_only_chosen_by_name():
    assert choose_stem("strided", 28, 28) == choose_stem("strided", 224, 224) == "strided"


@pytest.mark.parametrize(
    "fields, message",
    [
        ({"identity": "none"}, "identity must be one of layers, block, nowhere; got 'none'"),
        ({"shortest_column": 3}, "shortest_column must be 1 or 2; got 3"),
        ({"shortest_column": True}, "shortest_column must be 1 or 2; got True"),
        ({"shortest_column": 2, "columns": 1}, "it needs 2 columns"),
        ({"family": "resnet", "columns": 1, "identity": "block"}, "parameters of igp_resnet"),
    ],
)
def test_refused(fields, message):
    given = {"family": "igp_resnet", "filters": 8, "blocks": (1,), "columns": 3, **fields}
    with pytest.raises(SpecError, match=message):
        ResNetSpec(**given)
