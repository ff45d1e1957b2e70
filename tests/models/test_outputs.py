"""Stored outputs of the small networks: a change of topology, padding or quantizer shows."""

import json

import numpy as np
import pytest

import larq_igp
from tests.golden import BITS, IMAGES, OUTPUTS, TINY, logits
from tests.models.formulas import draw_weights

TOLERANCE = 5e-3
"""Of the largest output. Rounding alone moves outputs by 1e-6 of it; a value that rounding puts on
the other side of a threshold, on another machine, by 3e-3.
"""


def difference(outputs, stored):
    return np.abs(np.subtract(outputs, stored)).max() / np.abs(stored).max()


@pytest.fixture(scope="module")
def stored():
    return json.loads(OUTPUTS.read_text())


def test_every_small_network_is_stored(stored):
    assert set(stored) == {f"{name} {bits}" for name in TINY for bits in BITS}


@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize("name", TINY)
def test_outputs_are_those_stored(stored, name, bits):
    assert difference(logits(name, bits), stored[f"{name} {bits}"]) < TOLERANCE


@pytest.mark.parametrize(
    "name, options",
    [
        ("igp_resnet_tiny", {"join": "sum"}),
        ("igp_resnet_tiny", {"pad_values": 0}),
        ("igp_resnet_tiny", {"bits": 2}),
        ("resnet_tiny", {"family": "bireal_resnet"}),
        ("bireal_resnet_tiny", {"family": "ebireal_resnet"}),  # one addition more, in one block
    ],
)
def test_another_topology_of_the_same_weights_has_other_outputs(stored, name, options):
    shape = {"input_shape": IMAGES.shape[1:], "num_classes": 10, "classifier_activation": None}
    model = larq_igp.build(name, **shape, **options)
    draw_weights(model, seed=0)
    assert difference(model(IMAGES), stored[f"{name} 1"]) > 2 * TOLERANCE
