"""Shortcuts of small graphs; random ones stand in test_paths_by_brute_force."""

import pytest

from larq_igp.analysis.shortcuts import count_shortcuts
from larq_igp.graph import read_graph
from larq_igp.keras2 import tf


@pytest.mark.parametrize(
    "join",
    [
        lambda x, y: tf.keras.layers.Add()([x, y]),
        lambda x, y: tf.keras.layers.Concatenate()([y, x]),
        lambda x, y: x + y,
        lambda x, y: tf.add(y, x),
        lambda x, y: tf.concat([x, y], -1),
    ],
)
def test_a_shortcut_is_one_however_it_is_written(join):
    image = tf.keras.Input((8, 8, 4))
    first, second = (tf.keras.layers.Conv2D(4, 3, padding="same") for _ in range(2))
    assert count_shortcuts(read_graph(tf.keras.Model(image, join(image, first(image))))) == 1
    branches = join(first(image), second(image))
    assert count_shortcuts(read_graph(tf.keras.Model(image, branches))) == 0
