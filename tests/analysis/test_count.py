import larq as lq
import larq_zoo as lqz
import pytest

import larq_igp
from larq_igp.analysis import CostAnalysis, PrecisionCount, UnknownLayerError, count
from larq_igp.architectures import ZOO
from larq_igp.architectures.accounting import closed_form
from larq_igp.graph import GraphError
from larq_igp.keras2 import tf
from larq_igp.paper.table3 import TABLE3


@pytest.mark.parametrize("name", ZOO)
def test_graph_equals_closed_form_at_imagenet_size(name):
    spec = ZOO[name]
    from_graph = count(larq_igp.build(name), spec)
    assert from_graph == closed_form(spec)
    if name in TABLE3:
        assert f"{from_graph.storage_bits / 1e6:.2f}" == TABLE3[name].storage
        assert f"{from_graph.flops / 1e8:.2f}" == TABLE3[name].flops
        assert f"{from_graph.runtime_memory_bytes / 1e6:.2f}" == TABLE3[name].runtime_memory


@pytest.mark.parametrize("shape", [(28, 28, 1), (33, 70, 4)])
@pytest.mark.parametrize("bits", [1, 2, 32])
@pytest.mark.parametrize("name", [name for name in ZOO if name.endswith("_tiny")])
def test_graph_equals_closed_form_at_other_widths_and_sizes(name, bits, shape):
    model = larq_igp.build(name, bits=bits, input_shape=shape, num_classes=7)
    assert count(model, ZOO[name]) == closed_form(
        ZOO[name], bits=bits, input_shape=shape, num_classes=7
    )


@pytest.mark.parametrize("name", ["igp_resnet21_53", "igp_densenet_tiny"])
def test_larq_summary_sees_the_same_binary_kernels(name, capsys):
    model = larq_igp.build(name)
    profile = lq.models.ModelProfile(model)
    counts = count(model)
    assert profile.weight_count(bitwidth=1) == counts.kernel_weights[1]
    assert profile.op_count("mac", 1) == counts.binary_macs
    assert profile.op_count("mac", 32) == counts.float_macs
    lq.models.summary(model)
    assert "Ratio of MACs that are binarized" in capsys.readouterr().out


@pytest.mark.parametrize(
    "number, name",
    [(28, "binary_densenet28_64"), (37, "binary_densenet37_64"), (45, "binary_densenet45_64")],
)
def test_binary_densenets_are_larq_zoos(number, name):
    """The published networks, by another's code:

    the same kernels, the same multiply-accumulates.
    """
    theirs = getattr(lqz.literature, f"BinaryDenseNet{number}")(
        weights=None, input_shape=(224, 224, 3)
    )
    ours = larq_igp.build(name)
    assert theirs.count_params() == ours.count_params()
    their_counts, our_counts = count(theirs), count(ours)
    assert their_counts.kernel_weights == our_counts.kernel_weights
    assert their_counts.macs == our_counts.macs


def test_unknown_layer_raises_and_names_it():
    image = tf.keras.Input((32, 32, 3))
    model = tf.keras.Model(image, tf.keras.layers.ConvLSTM1D(4, 3, name="upward")(image))
    with pytest.raises(UnknownLayerError, match="layer 'upward' is of class ConvLSTM1D"):
        count(model)


def test_subclass_of_a_known_layer_is_unknown():
    class Doubling(tf.keras.layers.Conv2D):
        pass

    image = tf.keras.Input((32, 32, 3))
    with pytest.raises(UnknownLayerError, match="Doubling"):
        count(tf.keras.Model(image, Doubling(4, 3)(image)))


def test_open_shapes_are_refused():
    image = tf.keras.Input((None, None, 3))
    with pytest.raises(GraphError, match="open output shape"):
        count(tf.keras.Model(image, tf.keras.layers.Conv2D(4, 3)(image)))


def test_kernels_are_counted_by_arithmetic():
    image = tf.keras.Input((10, 12, 6))
    x = tf.keras.layers.Conv2D(8, 3, groups=2, use_bias=True, name="grouped")(
        image
    )  # valid: 8 x 10
    x = tf.keras.layers.DepthwiseConv2D(3, depth_multiplier=2, use_bias=False, name="depthwise")(
        x
    )  # 6 x 8
    x = lq.layers.QuantConv2D(5, 1, input_quantizer="ste_sign", use_bias=False, name="half_binary")(
        x
    )
    counts = CostAnalysis(tf.keras.Model(image, x)).by_layer()
    assert counts["grouped"].macs == 8 * 10 * (3 * 3 * 3 * 8)
    assert counts["grouped"].parameters == 3 * 3 * 3 * 8 + 8
    assert counts["depthwise"].macs == 6 * 8 * (3 * 3 * 8 * 2)
    assert (counts["half_binary"].kernel_bits, counts["half_binary"].mac_bits) == (32, 32)


def test_shared_layers_count_each_use_and_nested_models_are_entered():
    image = tf.keras.Input((8, 8, 4))
    shared = tf.keras.layers.Conv2D(4, 1, use_bias=False)
    inner_image = tf.keras.Input((8, 8, 4))
    inner = tf.keras.Model(inner_image, tf.keras.layers.Conv2D(2, 1, use_bias=False)(inner_image))
    both = tf.keras.layers.Add()([inner(shared(shared(image))), inner(image)])
    shared(image)  # a call that belongs to no model
    counts = count(tf.keras.Model(image, both))
    assert counts.float_macs == 2 * (8 * 8 * 4 * 4) + 2 * (8 * 8 * 4 * 2)
    assert counts.kernel_weights[32] == 4 * 4 + 4 * 2


def test_a_layer_of_the_outer_and_of_a_nested_model_is_stored_once():
    image, inner_image = tf.keras.Input((8, 8, 4)), tf.keras.Input((8, 8, 4))
    shared = tf.keras.layers.Conv2D(4, 1, use_bias=False, name="shared")
    inner = tf.keras.Model(inner_image, shared(inner_image), name="inner")
    model = tf.keras.Model(image, inner(shared(image)))
    costs = CostAnalysis(model)
    assert costs.by_precision() == {32: PrecisionCount(4 * 4, 2 * (8 * 8 * 4 * 4))}
    assert costs.total().parameters == model.count_params() == 4 * 4
    assert [name for name, layer in costs.by_layer().items() if layer.macs] == ["shared"]
    assert costs.by_layer()["shared"].macs == 2 * (8 * 8 * 4 * 4)
