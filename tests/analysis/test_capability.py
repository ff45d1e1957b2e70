import itertools
from math import isclose, log2

import numpy as np
import pytest

import larq_igp
from larq_igp.analysis.capability import capability, distinct_values, layer_capabilities
from larq_igp.data import Preprocessing, eval_batches, load_dataset
from larq_igp.graph import GraphError


def test_capability_is_the_papers():
    found = capability(56, 56, 64)
    size = 56 * 56 * 64
    assert found.binary == size
    assert found.convolution == found.norm == found.added == size * log2(3 * 3 * 64 + 1)
    assert found.added_refuted == 2 * found.added


def test_one_element_by_listing_all_signs():
    """A sum of signs takes one more value than it has terms.

    Its own sign added, it takes a few more, and not the square.
    """
    terms = 3
    sums = {sum(signs) for signs in itertools.product((-1, 1), repeat=terms)}
    assert isclose(log2(len(sums)), capability(1, 1, terms, (1, 1)).convolution / terms)
    added = {signs[0] + sum(signs) for signs in itertools.product((-1, 1), repeat=terms)}
    assert (len(sums), len(added), len(sums) ** 2) == (4, 5, 16)


def test_values_that_a_layer_takes_on_digits():
    digits = load_dataset("digits")
    preprocessing = Preprocessing(digits.input_shape, digits.mean, digits.deviation)
    images = next(iter(eval_batches(digits.split("test"), preprocessing, batch_size=20)))[0].numpy()
    model = larq_igp.build("bireal_resnet_tiny", input_shape=digits.input_shape, num_classes=10)
    found = distinct_values(model, images, "stage1_block1_layer1_binconv")
    assert found.possible == 3 * 3 * 16 + 1
    assert 2 < found.convolution <= found.possible
    assert found.norm == found.convolution
    assert found.samples == 20 * 32 * 32
    assert (
        found.convolution < found.added <= found.samples
    )  # a real-valued shortcut brings more than its signs tell
    assert found.shortcut <= found.samples
    with pytest.raises(GraphError, match="is not a binary convolution"):
        distinct_values(model, np.zeros((1, 32, 32, 3)), "stem_conv")


def test_layers_of_a_network_by_hand():
    model = larq_igp.build("bireal_resnet_tiny", input_shape=(32, 32, 3))
    layers = {layer.layer: layer for layer in layer_capabilities(model)}
    assert len(layers) == 6
    narrowing = layers["stage2_block1_layer1_binconv"]  # stride 2: reads 32x32x16, gives 16x16x32
    assert (narrowing.input_shape, narrowing.output_shape) == ((32, 32, 16), (16, 16, 32))
    assert narrowing.capability.binary == 32 * 32 * 16
    assert narrowing.capability.added == 16 * 16 * 32 * log2(3 * 3 * 16 + 1)
    assert all(layer.is_added and layer.values is None for layer in layers.values())
    dense = larq_igp.build("binary_densenet_tiny", input_shape=(32, 32, 3))
    assert not any(layer.is_added for layer in layer_capabilities(dense)), "a DenseNet concatenates"


def test_a_full_precision_network_has_nothing_to_count():
    with pytest.raises(GraphError, match="has no binary convolution"):
        layer_capabilities(larq_igp.build("bireal_resnet_tiny", input_shape=(32, 32, 3), bits=32))
