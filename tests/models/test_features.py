"""Named tensors: there for every family, of the shapes that its numbers say, in copies too."""

import numpy as np
import pytest

import larq_igp
from larq_igp.architectures import ZOO, ResNetSpec
from larq_igp.architectures.accounting import halved
from larq_igp.errors import UserError
from larq_igp.keras2 import tf
from larq_igp.models import features, parts
from tests.conftest import SMALL

TINY = [name for name in ZOO if name.endswith("_tiny")]


def channels_after(spec, stage):
    if isinstance(spec, ResNetSpec):
        return spec.filters * 2**stage
    return spec.stage_filters(stage) + spec.blocks[stage] * spec.growth_rate


@pytest.mark.parametrize("shape", [(33, 40, 3), (65, 70, 1)])
@pytest.mark.parametrize("name", TINY)
def test_shapes_of_features(name, shape):
    spec = ZOO[name]
    model = larq_igp.build(name, input_shape=shape, num_classes=7)
    steps = 2 if max(shape) > 64 else 0  # the stem halves twice
    sides = [
        (halved(shape[0], steps + stage), halved(shape[1], steps + stage))
        for stage in range(len(spec.blocks))
    ]
    expected = {"stem": (*sides[0], spec.stem_filters)}
    for stage, side in enumerate(sides):
        expected[f"stage{stage + 1}"] = (*side, channels_after(spec, stage))
    expected |= {"pre_logits": (channels_after(spec, len(sides) - 1),), "logits": (7,)}
    found = {key: tuple(tensor.shape[1:]) for key, tensor in features(model).items()}
    assert found == expected
    assert list(found) == list(expected)


@pytest.mark.parametrize("name", TINY)
def test_features_are_where_the_next_part_begins(name):
    """The model from a feature on gives the outputs of the whole model."""
    model = larq_igp.build(name, **SMALL)
    images = np.random.RandomState(0).uniform(-1, 1, (2, 32, 32, 3)).astype(np.float32)
    outputs = tf.keras.Model(model.input, features(model))(images)
    np.testing.assert_allclose(tf.nn.softmax(outputs["logits"]), model(images), rtol=1e-5)
    for part in ("stem", "stage1", "stage3", "pre_logits"):
        rest = tf.keras.Model(features(model)[part], model.output)
        np.testing.assert_allclose(rest(outputs[part]), model(images), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("name", ["bireal_resnet_tiny", "igp_densenet_tiny"])
def test_copies_have_them_too(name, tmp_path):
    model = larq_igp.build(name, **SMALL)
    model.save(tmp_path / "model.keras")
    names = [tensor.name for tensor in features(model).values()]
    for copy in (
        tf.keras.models.clone_model(model),
        tf.keras.models.load_model(tmp_path / "model.keras"),
        larq_igp.build(name, bits=32, **SMALL),
    ):
        assert [tensor.name for tensor in features(copy).values()] == names


def test_the_model_is_left_as_it_was():
    model = larq_igp.build("igp_resnet_tiny", **SMALL)
    nodes = [(len(layer.inbound_nodes), len(layer.outbound_nodes)) for layer in model.layers]
    features(model), parts(model)
    now = [(len(layer.inbound_nodes), len(layer.outbound_nodes)) for layer in model.layers]
    assert now == nodes


def test_without_the_top_there_are_no_logits():
    options = {"input_shape": (32, 32, 3), "include_top": False}
    stages = ["stem", "stage1", "stage2", "stage3"]
    assert list(features(larq_igp.build("resnet_tiny", **options))) == stages
    pooled = larq_igp.build("resnet_tiny", pooling="avg", **options)
    assert list(features(pooled)) == [*stages, "pre_logits"]
    assert features(pooled)["pre_logits"] is pooled.output


def test_layers_by_part():
    image = tf.keras.Input((32, 32, 3))
    scaled = tf.keras.layers.Rescaling(1 / 255)(image)
    model = larq_igp.build("igp_resnet_tiny", input_tensor=scaled, columns=2, blocks=(2, 1))
    found = parts(model)
    assert list(found) == [
        "stem",
        "stage1_block1",
        "stage1_block2",
        "transition1",
        "stage2_block1",
        "head",
    ]
    assert sum(map(len, found.values())) == len(model.layers) - 2  # the input, and what scales it
    kinds = [type(layer).__name__ for layer in found["stage1_block1"]]
    assert kinds.count("QuantConv2D") == 2**2 - 1
    assert kinds.count("Average") == 1


def test_other_models_have_none():
    model = tf.keras.Sequential([tf.keras.layers.Dense(3, input_shape=(4,))])
    with pytest.raises(UserError, match="was not built by larq_igp"):
        features(model)
