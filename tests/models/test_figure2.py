"""Each block of Figure 2 against its formula: values, at every width, on odd maps, with strides."""

import numpy as np
import pytest

from larq_igp.architectures import DenseNetSpec, ResNetSpec
from larq_igp.keras2 import tf
from larq_igp.models import layers
from larq_igp.models.densenet import densenet_body
from larq_igp.models.quantization import Quantization
from larq_igp.models.resnet import resnet_body
from tests.models.formulas import DenseNet, ResNet, convolve, max_pool, settle

IMAGES = np.random.RandomState(7).uniform(-2, 2, (2, 7, 7, 4)).astype(np.float32)
WIDTHS = [(1, 1), (1, 0), (2, 0), (2, 1), (32, 0)]
"""Bits, and what stands outside the image."""
JOINS = {"mean": lambda a, b: (a + b) / 2, "sum": lambda a, b: a + b}


def body_of(spec, bits, outside):
    """Build stages 1 and 2: maps of 7x7, and after the transition of 4x4."""
    image = tf.keras.Input(IMAGES.shape[1:])
    body = resnet_body if isinstance(spec, ResNetSpec) else densenet_body
    quantization = Quantization(bits=bits, pad_values=outside)
    return tf.keras.Model(image, body(image, spec=spec, quantization=quantization))


def check(spec, bits, outside, kind, formula):
    model = body_of(spec, bits, outside)

    def evaluate(weights):
        network = kind(weights, bits, outside)
        return formula(network), network.margin

    expected = settle(model, evaluate)
    assert model.output_shape == (None, 4, 4, expected.shape[-1])
    tolerance = 1e-5 * np.abs(expected).max()  # float32 against float64
    np.testing.assert_allclose(model(IMAGES), expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize("bits, outside", WIDTHS)
@pytest.mark.parametrize("family", ["resnet", "bireal_resnet", "ebireal_resnet"])
def test_families_of_pairs(family, bits, outside):
    def formula(network):
        block = getattr(network, family)
        x = block(block(IMAGES, "stage1_block1"), "stage1_block2")
        return block(block(x, "stage2_block1", stride=2), "stage2_block2")

    spec = ResNetSpec(family=family, filters=4, blocks=(2, 2))
    check(spec, bits, outside, ResNet, formula)


@pytest.mark.parametrize("bits, outside", WIDTHS)
@pytest.mark.parametrize("columns, join", [(1, "mean"), (2, "mean"), (3, "mean"), (3, "sum")])
def test_igp_resnet(columns, join, bits, outside):
    def formula(network):
        x = network.igp_resnet(IMAGES, "stage1_block1", columns, JOINS[join])
        x = network.transition(x, "transition1")
        return network.igp_resnet(x, "stage2_block1", columns, JOINS[join])

    spec = ResNetSpec(family="igp_resnet", filters=4, blocks=(1, 1), columns=columns, join=join)
    check(spec, bits, outside, ResNet, formula)


@pytest.mark.parametrize("bits, outside", [(1, 1), (32, 0)])
@pytest.mark.parametrize(
    "columns, identity, shortest_column",
    [(2, "block", 1), (3, "nowhere", 1), (2, "layers", 2), (3, "block", 2)],
)
def test_ablated_fractals(columns, identity, shortest_column, bits, outside):
    ablation = {"identity": identity, "shortest_column": shortest_column}

    def formula(network):
        x = network.igp_resnet(IMAGES, "stage1_block1", columns, JOINS["mean"], **ablation)
        x = network.transition(x, "transition1")
        return network.igp_resnet(x, "stage2_block1", columns, JOINS["mean"], **ablation)

    numbers = {"filters": 4, "blocks": (1, 1), "columns": columns}
    spec = ResNetSpec(family="igp_resnet", **numbers, **ablation)
    check(spec, bits, outside, ResNet, formula)


@pytest.mark.parametrize("bits, outside", WIDTHS)
@pytest.mark.parametrize("family", ["binary_densenet", "ebinary_densenet"])
def test_densenets(family, bits, outside):
    def formula(network):
        block = getattr(network, family)
        x = block(block(IMAGES, "stage1_block1"), "stage1_block2")
        x = network.transition(x, "transition1")
        return network.head(block(x, "stage2_block1"))

    numbers = {"growth_rate": 4, "blocks": (2, 1), "stem_filters": 4, "transition_filters": (5,)}
    check(DenseNetSpec(family=family, **numbers), bits, outside, DenseNet, formula)


@pytest.mark.parametrize("bits, outside", WIDTHS)
@pytest.mark.parametrize("columns", [1, 2, 3])
def test_igp_densenet(columns, bits, outside):
    def formula(network):
        x = network.igp_densenet(IMAGES, "stage1_block1", columns)
        x = network.transition(x, "transition1")
        return network.head(network.igp_densenet(x, "stage2_block1", columns))

    numbers = {"growth_rate": 4, "blocks": (1, 1), "stem_filters": 4, "transition_filters": (5,)}
    spec = DenseNetSpec(family="igp_densenet", columns=columns, **numbers)
    check(spec, bits, outside, DenseNet, formula)


@pytest.mark.parametrize("kind, side", [("small", 29), ("imagenet", 67), ("strided", 31)])
def test_stems_and_head(kind, side):
    """What stands before the stages and behind them, on sides that are odd all the way."""
    images = np.random.RandomState(8).uniform(-2, 2, (2, side, side, 3)).astype(np.float32)
    image = tf.keras.Input(images.shape[1:])
    x = layers.pool(layers.stem(image, filters=5, kind=kind), kind="avg")
    model = tf.keras.Model(image, layers.head(x, num_classes=4, activation="softmax"))

    def evaluate(weights):
        network = ResNet(weights, 32, 0)
        stride = 1 if kind == "small" else 2
        x = network.norm(convolve(images, weights["stem_conv"][0], stride), "stem")
        if kind == "imagenet":
            x = max_pool(x, 3)
        kernel, bias = weights["head_dense"]
        logits = x.mean(axis=(1, 2)) @ kernel + bias
        powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
        return powers / powers.sum(axis=-1, keepdims=True), network.margin

    expected = settle(model, evaluate)
    np.testing.assert_allclose(model(images), expected, rtol=1e-4, atol=1e-6)
