"""The reader, on small graphs that can be read by eye."""

import larq as lq
import pytest

from larq_igp.analysis import gradient_paths
from larq_igp.graph import GraphError, read_graph
from larq_igp.keras2 import tf

SIGNS = {
    "input_quantizer": "ste_sign",
    "kernel_quantizer": "ste_sign",
    "kernel_constraint": "weight_clip",
    "use_bias": False,
}
REAL_INPUT = {**SIGNS, "input_quantizer": None}


def conv(filters=4, side=3, name=None, **options):
    return lq.layers.QuantConv2D(filters, side, padding="same", name=name, **(SIGNS | options))


def test_calls_of_shared_and_nested_layers():
    inner_image = tf.keras.Input((None, None, 4), name="inner_image")
    inner = tf.keras.Model(inner_image, conv(name="conv")(inner_image), name="inner")
    shared = tf.keras.layers.MaxPooling2D(2, name="pool")
    image = tf.keras.Input((8, 8, 4), name="image")
    first = inner(shared(image))
    last = tf.keras.layers.Add(name="add")([inner(first), first])
    model = tf.keras.Model(image, last)
    inner(shared(image)), shared(first)  # calls that belong to no model
    graph = read_graph(model)
    assert [(call.name, call.inputs) for call in graph.calls] == [
        ("image", ()),
        ("pool", (0,)),
        ("inner/conv", (1,)),
        ("inner/conv", (2,)),
        ("add", (3, 2)),
    ]
    # the nested model is open to images of any size: its calls have no shape, and no cost
    with pytest.raises(GraphError, match="'inner/conv' has an open output shape"):
        _ = graph.calls[2].macs
    assert (graph.inputs, graph.outputs) == ((0,), (4,))
    assert list(graph.layers()) == ["image", "pool", "inner/conv", "add"]
    assert list(graph.kernels()) == ["inner/conv"]
    assert graph.find("inner") == graph.find(inner) == graph.find("inner/conv") == [2, 3]
    assert graph.find(first) == [2]
    assert graph.find([image, last, 1]) == [0, 4, 1]
    assert read_graph(graph) is graph


def test_operands_of_a_convolution():
    image = tf.keras.Input((6, 5, 3))
    x = conv(4, name="binary")(image)
    x = conv(5, name="weights", **{"input_quantizer": None})(x)
    x = conv(2, 1, name="dorefa", kernel_quantizer=lq.quantizers.DoReFa(2, "weights"))(x)
    model = tf.keras.Model(image, tf.keras.layers.Conv2D(1, 1, name="float")(x))
    calls = {call.name: call for call in read_graph(model).calls}
    found = {name: (c.input_bits, c.kernel_bits, c.is_binary) for name, c in calls.items()}
    assert found == {
        image.name: (32, 32, False),
        "binary": (1, 1, True),
        "weights": (32, 1, False),
        "dorefa": (1, 2, False),
        "float": (32, 32, False),
    }
    assert calls["binary"].macs == calls["binary"].binary_macs == 6 * 5 * 3 * 3 * 3 * 4
    assert (calls["dorefa"].macs, calls["dorefa"].binary_macs) == (6 * 5 * 5 * 2, None)
    signs = calls["binary"].kernels[0].quantized()
    assert signs.shape == (3, 3, 3, 4) and set(signs.flat) == {-1.0, 1.0}


@pytest.mark.parametrize(
    "sign",
    [
        lq.quantizers.SteSign,
        lambda: tf.keras.layers.Activation(lq.quantizers.ApproxSign()),
        lambda: tf.keras.layers.Lambda(lq.quantizers.SteSign()),
        lambda: tf.keras.layers.Conv2D(4, 1, activation=lq.quantizers.SteSign()),
        lambda: tf.keras.Sequential([tf.keras.layers.ReLU(), lq.quantizers.SteSign()]),
    ],
    ids=["layer", "activation", "lambda", "activation of a layer", "nested"],
)
def test_a_quantizer_that_stands_before_the_convolution(sign):
    image = tf.keras.Input((8, 8, 4))
    inner_image = tf.keras.Input((8, 8, 4))
    inner = tf.keras.Model(inner_image, conv(**REAL_INPUT, name="conv")(inner_image), name="inner")
    shared = conv(**REAL_INPUT, name="shared")
    signs = sign()(image)
    outputs = tf.keras.layers.Add()([shared(signs), inner(signs), shared(image)])
    graph = read_graph(tf.keras.Model(image, outputs))
    calls = [call for call in graph.calls if call.name in ("shared", "inner/conv")]
    read_signs = [graph.calls[call.inputs[0]].name != image.name for call in calls]
    assert [call.is_binary for call in calls] == read_signs
    assert sorted(read_signs) == [False, True, True]


def test_layers_of_several_outputs():
    """One half of the channels passes a convolution, as in a channel split."""
    image = tf.keras.Input((8, 8, 8))
    left, right = tf.split(image, 2, axis=-1)
    right = conv()(right)
    model = tf.keras.Model(image, tf.keras.layers.Concatenate()([left, right]))
    cost = 8 * 8 * 3 * 3 * 4 * 4
    assert gradient_paths(model).costs == (0, cost)
    assert gradient_paths(model, source=left).costs == (0,)
    assert gradient_paths(model, source=right).total == 1
    second = tf.split(image, 2, axis=-1)
    assert gradient_paths(tf.keras.Model(image, second)).total == 2


def test_nested_models_of_several_inputs():
    big, small = tf.keras.Input((8, 8, 4), name="big"), tf.keras.Input((4, 4, 4), name="small")
    added = tf.keras.layers.Add()([tf.keras.layers.MaxPooling2D(2)(big), conv(name="conv")(small)])
    inner = tf.keras.Model({"small": small, "big": big}, added, name="inner")
    image, other = tf.keras.Input((8, 8, 4)), tf.keras.Input((4, 4, 4))
    model = tf.keras.Model([image, other], inner({"big": image, "small": other}))
    assert gradient_paths(model, source=image).costs == (0,)
    assert gradient_paths(model, source=other).costs == (4 * 4 * 3 * 3 * 4 * 4,)


def test_channels_first_and_calls_on_several_sizes():
    image = tf.keras.Input((3, 9, 7))
    layer = tf.keras.layers.Conv2D(5, 3, strides=2, data_format="channels_first")
    (call,) = read_graph(tf.keras.Model(image, layer(image))).calls[1:]
    assert (call.output_shape, call.macs) == ((5, 4, 3), 4 * 3 * 3 * 3 * 3 * 5)
    shared, image = conv(4), tf.keras.Input((8, 8, 4))
    model = tf.keras.Model(image, shared(tf.keras.layers.MaxPooling2D(2)(shared(image))))
    kernel = 3 * 3 * 4 * 4
    assert [call.macs for call in read_graph(model).calls if call.kernels] == [
        8 * 8 * kernel,
        4 * 4 * kernel,
    ]


def test_a_part_of_a_model_is_a_model():
    image = tf.keras.Input((8, 8, 4))
    middle = conv()(image)
    last = conv()(middle)
    part = tf.keras.Model(middle, last)
    assert len(read_graph(tf.keras.Model(image, last)).kernels()) == 2
    assert len(read_graph(part).kernels()) == 1


def test_sequential_models_are_read_once_they_have_a_shape():
    layers = [conv(), tf.keras.layers.ReLU()]
    model = tf.keras.Sequential(layers)
    with pytest.raises(GraphError, match=f"model '{model.name}' is not functional"):
        read_graph(model)
    model(tf.zeros((1, 8, 8, 4)))
    image = tf.keras.Input((8, 8, 4))
    nested = read_graph(tf.keras.Model(image, tf.keras.Sequential([conv()])(image)))
    assert [len(graph.kernels()) for graph in (read_graph(model), nested)] == [1, 1]


def test_models_in_python_code_are_refused_by_name():
    class Coded(tf.keras.Model):
        def call(self, x):
            return x

    image = tf.keras.Input((8, 8, 4))
    with pytest.raises(GraphError, match="nested model 'coded' is not functional"):
        read_graph(tf.keras.Model(image, Coded(name="coded")(image)))
    with pytest.raises(GraphError, match="model 'alone' is not functional"):
        read_graph(Coded(name="alone"))
    with pytest.raises(GraphError, match="a Keras model is needed, not list"):
        read_graph([])


def test_what_is_not_in_the_graph_is_not_found():
    image = tf.keras.Input((8, 8, 4))
    graph = read_graph(tf.keras.Model(image, conv()(image)))
    elsewhere = tf.keras.layers.ReLU(name="elsewhere")
    for what in ("elsewhere", elsewhere, elsewhere(image)):
        with pytest.raises(GraphError, match="holds no layer or tensor"):
            graph.find(what)
    for what in (17, 0.5, None):
        with pytest.raises(GraphError, match="are layers, their names, or Keras tensors"):
            graph.find(what)
