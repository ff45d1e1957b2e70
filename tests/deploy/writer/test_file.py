"""What else stands in the file: names, a signature, constants where interpreters can read them."""

import warnings

import numpy as np
import pytest

from larq_igp.deploy.convert import convert
from larq_igp.deploy.schema import ALIGNMENT, parse, schema
from larq_igp.deploy.writer.binary import ALWAYS, thresholds
from larq_igp.keras2 import tf


@pytest.fixture(scope="module")
def content(small_net) -> bytes:
    return convert(small_net("igp_resnet_tiny"), converter="own")


def test_it_carries_a_signature(content):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TensorFlow announces a successor of this class
        interpreter = tf.lite.Interpreter(model_content=content)
    assert interpreter.get_signature_list() == {
        "serving_default": {"inputs": ["image"], "outputs": ["head_softmax"]}
    }


def test_constants_are_aligned(content):
    model = schema().Model.GetRootAsModel(content, 0)
    whole = np.frombuffer(content, np.uint8)
    offsets = [
        data.__array_interface__["data"][0] - whole.__array_interface__["data"][0]
        for data in (model.Buffers(i).DataAsNumpy() for i in range(model.BuffersLength()))
        if isinstance(data, np.ndarray)
    ]
    assert len(offsets) > 10
    assert not np.any(np.array(offsets) % ALIGNMENT)


def test_equal_constants_stand_there_once(content):
    buffers = [bytes(each.data) for each in parse(content).buffers if each.data is not None]
    # A vector and a matrix may have the same bytes.
    assert len(buffers) - len(set(buffers)) <= 1


def test_results_bear_the_names_of_layers(content):
    names = {tensor.name.decode() for tensor in parse(content).subgraphs[0].tensors}
    assert {"stem_bn", "stage1_block1_column1_layer1_add", "transition1_bn", "head_pool"} <= names


def test_thresholds():
    """The table of Larq Compute Engine's own tests, for a kernel of 2x2 over one channel."""
    multiplier = np.array([-4, -3, -2, -1, 0, 1, 2, 3], np.float32)
    bias = np.array([-10, 8, 0.4, 1, -0.01, 0.5, -1, 2.71], np.float32)
    found = thresholds(4, multiplier, bias, None)
    np.testing.assert_array_equal(found, [0, 3, 2, 2, ALWAYS, 2, 1, 2])


@pytest.mark.parametrize("clip", [None, (0, None), (-1, 1), (0, 6)])
def test_thresholds_are_right_for_every_sum(clip):
    generator = np.random.default_rng(1)
    products, channels = 45, 200
    multiplier = generator.choice([-2, -0.5, 0, 0.5, 3], channels).astype(np.float32)
    bias = generator.normal(0, 20, channels).astype(np.float32)
    negated = multiplier < 0
    popcounts = np.arange(products + 1)[:, None]
    sums = products - 2 * popcounts
    low, high = (-np.inf, np.inf) if clip is None else clip
    clipped = np.clip(sums, low, np.inf if high is None else high)
    expected = clipped * multiplier.astype(np.float64) + bias < 0
    own_popcounts = np.where(negated, products - popcounts, popcounts)
    found = own_popcounts > thresholds(products, multiplier, bias, clip)
    np.testing.assert_array_equal(found, expected)
