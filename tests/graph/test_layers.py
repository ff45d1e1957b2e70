"""The registry: what layers multiply, and what happens with those that nobody registered."""

from math import prod

import larq as lq
import numpy as np
import pytest

from larq_igp.analysis import CostAnalysis, gradient_paths
from larq_igp.errors import UserError
from larq_igp.graph import UnknownLayerError, read_graph, register_free, register_layer
from larq_igp.keras2 import tf

LAYERS, QUANT = tf.keras.layers, lq.layers
SIGNS = {
    "input_quantizer": "ste_sign",
    "kernel_quantizer": "ste_sign",
    "kernel_constraint": "weight_clip",
    "use_bias": False,
}


def model_of(layer, shape=(8, 8, 3)):
    image = tf.keras.Input(shape)
    return tf.keras.Model(image, layer(image))


@pytest.mark.parametrize("is_larq", [False, True])
@pytest.mark.parametrize(
    "kind, arguments, options, shape",
    [
        ("Dense", (5,), {}, (4, 7)),
        ("Conv1D", (5, 3), {"strides": 2}, (9, 4)),
        ("Conv2D", (4, (3, 2)), {"groups": 2, "dilation_rate": 2}, (9, 8, 6)),
        ("Conv2D", (4, 3), {"strides": (2, 1)}, (9, 8, 6)),
        ("Conv3D", (2, 2), {}, (4, 5, 3, 2)),
        ("DepthwiseConv2D", (3,), {"depth_multiplier": 2, "strides": 2}, (9, 9, 4)),
        ("Conv2DTranspose", (4, 3), {"strides": 2}, (5, 4, 3)),
        ("Conv3DTranspose", (4, 2), {"strides": 3}, (2, 3, 2, 3)),
    ],
)
def test_products_are_counted_by_adding_them_up(kind, arguments, options, shape, is_larq):
    """With images and weights of ones every product is 1: the output's sum is their number."""
    kind = getattr(QUANT, f"Quant{kind}") if is_larq else getattr(LAYERS, kind)
    layer = kind(*arguments, use_bias=False, **options)
    model = model_of(layer, shape)
    layer.set_weights([np.ones_like(weights) for weights in layer.get_weights()])
    products = float(np.sum(model(np.ones((1, *shape), np.float32))))
    assert CostAnalysis(model).by_layer()[layer.name].macs == products


def test_separable_convolutions_multiply_twice():
    for layer in (LAYERS.SeparableConv2D(5, 3), QUANT.QuantSeparableConv2D(5, 3)):
        found = CostAnalysis(model_of(layer)).by_layer()[layer.name]
        assert found.macs == 6 * 6 * (3 * 3 * 3) + 6 * 6 * (3 * 5)
        assert found.kernel_weights == 3 * 3 * 3 + 3 * 5


class Sharpened(lq.layers.QuantConv2D):
    """A subclass may do anything."""


class Wrapped(tf.keras.layers.Layer):
    """A layer around a convolution of Larq's."""

    def __init__(self, **options):
        super().__init__(name="wrapped")
        self.conv = lq.layers.QuantConv2D(4, 3, **(SIGNS | options))

    def call(self, x):
        return self.conv(x)


class Scale(tf.keras.layers.Layer):
    """A layer with weights that are no kernel."""

    def build(self, shape):
        self.scale = self.add_weight("scale", shape[-1:])

    def call(self, x):
        return x * self.scale


class SignInside(tf.keras.layers.Layer):
    """A layer without weights that puts out signs and does not say so."""

    def __init__(self):
        super().__init__(name="sign_inside")
        self.sign = lq.quantizers.SteSign()

    def call(self, x):
        return self.sign(x)


@pytest.mark.parametrize(
    "layer",
    [
        lambda: Sharpened(4, 3, **SIGNS),
        Wrapped,
        Scale,
        SignInside,
        lambda: LAYERS.TimeDistributed(lq.layers.QuantConv2D(4, 3, **SIGNS)),
        lambda: tf.keras.Sequential([Wrapped()]),
    ],
)
def test_unknown_layers_with_weights_or_quantizers_are_refused(layer):
    layer = layer()
    shape = (2, 8, 8, 3) if isinstance(layer, LAYERS.TimeDistributed) else (8, 8, 3)
    model = model_of(layer, shape)
    for reads in (read_graph, CostAnalysis, gradient_paths):
        with pytest.raises(UnknownLayerError, match=r"layer '\S+' is of class \w+.*register_layer"):
            reads(model)


def test_unknown_layers_without_weights_are_read_but_not_counted():
    class Shuffle(tf.keras.layers.Layer):
        def call(self, x):
            return tf.reverse(x, [-1])

    image = tf.keras.Input((8, 8, 3))
    conv = lq.layers.QuantConv2D(4, 3, **SIGNS)
    model = tf.keras.Model(image, conv(Shuffle(name="shuffle")(image)))
    assert gradient_paths(model).costs == (6 * 6 * 3 * 3 * 3 * 4,)
    with pytest.raises(UnknownLayerError, match=r"'shuffle'.*register_free\(Shuffle\)"):
        CostAnalysis(model)
    register_free(Shuffle)
    assert CostAnalysis(model).by_precision()[1].macs == 6 * 6 * 3 * 3 * 3 * 4


def test_a_registered_subclass_counts_as_its_base():
    class Mine(lq.layers.QuantConv2D):
        pass

    register_layer(Mine)
    cost = 6 * 6 * 3 * 3 * 3 * 4
    model = model_of(Mine(4, 3, name="mine", **SIGNS))
    assert gradient_paths(model).costs == (cost,)
    assert CostAnalysis(model).by_layer()["mine"].macs == cost
    assert CostAnalysis(model).total().storage_bits == 3 * 3 * 3 * 4


def test_registered_kernels_of_layers_inside():
    class Block(tf.keras.layers.Layer):
        def __init__(self):
            super().__init__(name="block")
            self.first = lq.layers.QuantConv2D(3, 3, padding="same", **SIGNS)
            self.second = lq.layers.QuantConv2D(3, 1, padding="same", **SIGNS)

        def call(self, x):
            return self.second(self.first(x))

    register_layer(Block, kernels=("first.kernel", "second.kernel"))
    (call,) = read_graph(model_of(Block())).calls[1:]
    assert [kernel.name for kernel in call.kernels] == ["block/first.kernel", "block/second.kernel"]
    assert call.is_binary
    assert call.macs == 8 * 8 * (3 * 3 * 3 * 3) + 8 * 8 * (3 * 3)


def test_a_layer_with_names_and_arithmetic_of_its_own():
    class Everywhere(tf.keras.layers.Layer):
        """Multiplies each pixel with each weight."""

        def __init__(self):
            super().__init__()
            self.input_quantizer = lq.quantizers.SteSign()
            self.signs = lq.quantizers.SteSign()

        def build(self, shape):
            self.w = self.add_weight("w", (5,))

        def call(self, x):
            x = tf.reduce_sum(self.input_quantizer(x), axis=[1, 2, 3])
            return x[:, None] * self.signs(self.w)

    register_layer(
        Everywhere,
        kernels=("w",),
        quantizers=("signs",),
        macs=lambda kernel, inputs, output: prod(kernel) * prod(inputs[0]),
    )
    model = model_of(Everywhere())
    assert gradient_paths(model).costs == (8 * 8 * 3 * 5,)
    assert CostAnalysis(model).by_precision()[1].kernel_weights == 5


def test_operators_in_python_are_known_one_by_one():
    """``x + y`` has no kernel; ``x @ y`` multiplies, and nobody says how much."""
    image = tf.keras.Input((8, 8))
    left, right = tf.split(tf.concat([image, image], -1), 2, axis=-1)
    total = tf.nn.relu(tf.reshape(left + right, (-1, 8, 8))[:, ::2])
    assert CostAnalysis(tf.keras.Model(image, total)).total().macs == {}
    with pytest.raises(UnknownLayerError, match=r"matmul' is a function of TensorFlow, which"):
        CostAnalysis(tf.keras.Model(image, left @ right))


def test_quantizers_are_free_also_those_of_users():
    class Mine(tf.keras.layers.Layer):
        precision = 1

        def call(self, x):
            return lq.math.sign(x)

    image = tf.keras.Input((8, 8, 3))
    conv = lq.layers.QuantConv2D(4, 3, **(SIGNS | {"input_quantizer": None}))
    for sign in (Mine(), lq.quantizers.SteSign(), lq.quantizers.DoReFa(1, "activations")):
        costs = CostAnalysis(tf.keras.Model(image, conv(sign(image))))
        assert costs.by_precision()[1].macs == 6 * 6 * 3 * 3 * 3 * 4


def test_what_cannot_be_registered():
    class Alone(tf.keras.layers.Layer):
        def build(self, shape):
            self.w = self.add_weight("w", (5,))

    with pytest.raises(UserError, match=r"a subclass of tf.keras.layers.Layer is needed; got 3"):
        register_free(3)
    with pytest.raises(UserError, match="no base class of Alone is registered: give kernels"):
        register_layer(Alone)
    with pytest.raises(UserError, match="1 kernels need as many quantizers; got 2"):
        register_layer(Alone, kernels=("w",), quantizers=("a", "b"))
    register_layer(Alone, kernels=("kernel",))
    with pytest.raises(UnknownLayerError, match=r"layer 'alone' has no attribute 'kernel'"):
        read_graph(model_of(Alone(name="alone")))
