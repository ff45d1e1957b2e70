import time

import larq as lq
import larq_zoo as lqz
import pytest

import larq_igp
from larq_igp.analysis import gradient_paths
from larq_igp.graph import GraphError, read_graph
from larq_igp.keras2 import tf

SIGNS = {"input_quantizer": "ste_sign", "kernel_quantizer": "ste_sign", "use_bias": False}


BLOCKS = {  # family, its parameters -> costs of a stage-1 block in convolutions
    ("resnet_tiny", ()): (0, 2),
    ("bireal_resnet_tiny", ()): (0, 1, 2),
    ("ebireal_resnet_tiny", ()): (0, 1, 2),
    ("igp_resnet_tiny", ()): (0, 1, 2),
    ("igp_resnet_tiny", (("columns", 3),)): (0, 1, 2, 3, 4),
}


@pytest.mark.parametrize("network, parameters", BLOCKS)
def test_residual_blocks_have_the_papers_paths(network, parameters):
    from larq_igp.analysis.blocks import find_blocks

    graph = read_graph(larq_igp.build(network, input_shape=(32, 32, 3), **dict(parameters)))
    block = find_blocks(graph)[0]
    operations = 32 * 32 * 16 * 16 * 3 * 3
    costs = gradient_paths(graph, block.source, block.target, k=9).costs
    assert costs == tuple(operations * times for times in BLOCKS[network, parameters])


@pytest.mark.parametrize("name", ["igp_resnet69_31", "binary_densenet69_32"])
def test_more_paths_than_atoms_in_less_than_two_seconds(name):
    model = larq_igp.build(name)
    start = time.perf_counter()
    paths = gradient_paths(model)
    assert time.perf_counter() - start < 2
    assert (paths.costs[0], paths.smallest[1].length) == (0, 1)
    if (
        name == "binary_densenet69_32"
    ):  # every block is passed or taken: a path is a subset of the 64
        assert paths.total == 2**64
        assert paths.lengths[2] == 64 * 63 // 2
    else:  # u has two paths; f_(C+1) = f_C twice, or u
        in_block = 2
        for _ in range(4):
            in_block = in_block**2 + 2
        assert paths.total == in_block**4


@pytest.mark.parametrize(
    "factory, convolutions", [("BiRealNet", 16), ("BinaryDenseNet28", 23), ("QuickNetSmall", 16)]
)
def test_networks_of_larq_zoo(factory, convolutions):
    model = getattr(lqz.sota if "Quick" in factory else lqz.literature, factory)(
        weights=None, input_shape=(224, 224, 3)
    )
    paths = gradient_paths(model)
    assert max(paths.lengths) == convolutions
    assert paths.total == 2**convolutions
    assert paths.smallest[0].cost == 0


def test_bits_select_the_convolutions():
    binary = gradient_paths(larq_igp.build("igp_resnet_tiny", input_shape=(32, 32, 3)))
    twin = larq_igp.build("igp_resnet_tiny", input_shape=(32, 32, 3), bits=32)
    assert gradient_paths(twin).lengths.keys() == {0}
    assert gradient_paths(twin, bits=32).lengths == binary.lengths
    assert gradient_paths(twin, bits=32).costs == binary.costs
    real_input = tf.keras.Sequential(
        [tf.keras.Input((8, 8, 3)), lq.layers.QuantConv2D(2, 3, kernel_quantizer="ste_sign")]
    )
    assert gradient_paths(real_input).costs == (0,)  # one real operand: no binary convolution
    assert gradient_paths(real_input, bits=32).costs == (6 * 6 * 3 * 3 * 3 * 2,)


def test_nested_and_shared_models_are_opened_at_each_call():
    inner_image = tf.keras.Input((8, 8, 2))
    conv = lq.layers.QuantConv2D(2, 3, padding="same", name="conv", **SIGNS)
    inner = tf.keras.Model(
        inner_image, tf.keras.layers.Add()([inner_image, conv(inner_image)]), name="inner"
    )
    image = tf.keras.Input((8, 8, 2))
    once = inner(image)
    paths = gradient_paths(tf.keras.Model(image, inner(once)))
    operations = 8 * 8 * 2 * 2 * 3 * 3
    assert [(path.cost, path.count) for path in paths.smallest] == [
        (0, 1),
        (operations, 2),
        (2 * operations, 1),
    ]
    assert paths.smallest[1].convolutions == ("inner/conv",)
    model = tf.keras.Model(image, inner(once))
    assert gradient_paths(model, source=once).total == 2
    assert gradient_paths(model, source=image, target=once).costs == (0, operations)


def test_separable_depthwise_and_dense_layers_cost_what_they_multiply():
    image = tf.keras.Input((6, 6, 4))
    signs = {"input_quantizer": "ste_sign", "depthwise_quantizer": "ste_sign", "use_bias": False}
    x = lq.layers.QuantDepthwiseConv2D(3, **signs)(image)  # 4 x 4
    x = lq.layers.QuantSeparableConv2D(5, 3, pointwise_quantizer="ste_sign", **signs)(x)  # 2 x 2
    x = lq.layers.QuantDense(7, **SIGNS)(tf.keras.layers.Flatten()(x))
    expected = 4 * 4 * (3 * 3 * 4) + 2 * 2 * (3 * 3 * 4 + 4 * 5) + 2 * 2 * 5 * 7
    (only,) = gradient_paths(tf.keras.Model(image, x)).smallest
    assert (only.cost, only.length, only.count) == (expected, 3, 1)


def test_what_cannot_be_told_is_refused():
    model = larq_igp.build("bireal_resnet_tiny", input_shape=(32, 32, 3))
    with pytest.raises(GraphError, match="no layer or tensor 'nowhere'"):
        gradient_paths(model, source="nowhere")
    with pytest.raises(GraphError, match="k must be"):
        gradient_paths(model, k=0)
    assert gradient_paths(model, source="head_dense", target="stem_conv").smallest == ()

    class Subclassed(tf.keras.Model):
        pass

    with pytest.raises(GraphError, match="not functional"):
        gradient_paths(Subclassed())
    image = tf.keras.Input((None, None, 3))
    with pytest.raises(GraphError, match="open output shape"):
        gradient_paths(tf.keras.Model(image, lq.layers.QuantConv2D(2, 3, **SIGNS)(image)))

    class Hiding(tf.keras.layers.Layer):
        def __init__(self):
            super().__init__(name="hiding")
            self.conv = lq.layers.QuantConv2D(2, 3, **SIGNS)

        def call(self, x):
            return self.conv(x)

    image = tf.keras.Input((8, 8, 3))
    with pytest.raises(GraphError, match="layer 'hiding' is of class Hiding"):
        gradient_paths(tf.keras.Model(image, Hiding()(image)))


def test_command(igp, refused):
    import json

    document = json.loads(
        igp("paths", "igp_resnet_tiny", "--input-shape", "32,32,3", "--json").stdout
    )
    assert document["smallest"][1]["length"] == 1
    assert document["total"] == ((2**2 + 2) ** 3)  # a block: u twice, or u
    blocks = json.loads(
        igp("paths", "igp_resnet_tiny", "--input-shape", "32,32,3", "--block", "--json").stdout
    )
    assert [block["name"] for block in blocks] == [
        "stage1_block1",
        "stage2_block1",
        "stage3_block1",
    ]
    text = igp("paths", "igp_resnet_tiny", "--input-shape", "32,32,3", "--lengths").stdout
    assert "216 gradient paths of 0 to 6 binary convolutions" in text
    assert "no layer or tensor" in refused("paths", "igp_resnet_tiny", "--source", "nothing")
    assert "--block sets" in refused("paths", "igp_resnet_tiny", "--source", "stem_conv", "--block")


def test_no_gradient_flows_where_it_is_stopped_or_through_whole_numbers():
    x = tf.keras.Input((8, 8, 4))
    binary = lq.layers.QuantConv2D(
        4, 3, padding="same", pad_values=1, input_quantizer="ste_sign", kernel_quantizer="ste_sign"
    )(x)
    cost = 8 * 8 * 9 * 4 * 4
    assert gradient_paths(tf.keras.Model(x, binary + x)).costs == (0, cost)
    assert gradient_paths(tf.keras.Model(x, binary + tf.stop_gradient(x))).costs == (cost,)
    assert gradient_paths(tf.keras.Model(x, tf.reshape(binary, tf.shape(x)))).costs == (cost,)
