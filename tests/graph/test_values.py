"""What calls return, against Keras itself."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

import larq_igp
from larq_igp.graph import read_graph
from larq_igp.graph.values import call_values
from larq_igp.keras2 import tf
from tests.graph.random_models import HEIGHT, WIDTH, build, recipes


@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(recipes)
def test_outputs_are_the_models(recipe):
    model = build(recipe).model
    graph = read_graph(model)
    images = np.random.default_rng(0).normal(size=(2, HEIGHT, WIDTH, 2)).astype(np.float32)
    (found,) = call_values(graph, images, graph.outputs)
    np.testing.assert_array_equal(found, model(images))


def test_calls_inside_nested_models_in_inference_mode():
    inner = larq_igp.build("igp_resnet_tiny", input_shape=(28, 28, 3), num_classes=4)
    image = tf.keras.Input((28, 28, 3))
    x = tf.keras.layers.Dropout(0.5)(image)
    left, right = tf.split(x, 2, axis=0)
    x = tf.keras.layers.Concatenate(axis=0, name="swapped")([right, left])
    model = tf.keras.Model(image, inner(x, training=False))
    images = np.random.default_rng(0).normal(size=(4, 28, 28, 3)).astype(np.float32)
    graph = read_graph(model)
    names = ("swapped", f"{inner.name}/stage2_block1_column2_layer1_bn")
    swapped, norm = call_values(graph, images, graph.find(list(names)))
    np.testing.assert_array_equal(swapped, images[[2, 3, 0, 1]])
    probe = tf.keras.Model(inner.input, inner.get_layer(names[1].split("/")[1]).output)
    np.testing.assert_array_equal(norm, probe(swapped, training=False))


def test_models_of_several_inputs():
    a, b = tf.keras.Input((2,)), tf.keras.Input((2,))
    graph = read_graph(tf.keras.Model([a, b], tf.keras.layers.Subtract()([b, a])))
    (found,) = call_values(graph, [tf.ones((1, 2)), 3 * tf.ones((1, 2))], graph.outputs)
    assert found.numpy().tolist() == [[2, 2]]
    with pytest.raises(ValueError, match="shorter"):
        call_values(graph, [tf.ones((1, 2))], graph.outputs)
