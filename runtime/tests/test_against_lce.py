"""The engine against LCE's own interpreter: hand-written files and converted networks."""

import itertools

import numpy as np
import pytest
from binary_conv import Case, Conv
from conftest import isas_of_this_machine
from test_bconv2d import draw

from larq_igp_runtime import Interpreter

pytestmark = pytest.mark.convert


def lce_predict(lce, file: bytes, x: np.ndarray, **options) -> np.ndarray:
    """LCE's interpreter; it runs a batch one by one, so other batch sizes are cut into slices."""
    return lce.testing.Interpreter(file, **options).predict(x)


def lce_knows(conv: Conv) -> bool:
    """Whether LCE's reference kernel computes this.

    Under zero padding it halves the channels, and crashes when it is to write bits.
    """
    even = conv.channels_in // conv.groups % 2 == 0
    zeros = conv.same and conv.pad_values == 0
    return conv.batch == 1 and (not zeros or (even and conv.output != "packed"))


def compare(lce, conv: Conv) -> None:
    case = Case(conv)
    file, x = case.file(float_input=True), case.x.astype(np.float32)
    theirs = lce_predict(lce, file, x, use_reference_bconv=True)
    case.check(theirs)  # the oracle is LCE's
    ours = Interpreter(file).predict(x)
    if conv.output == "int8":
        assert np.abs(ours.astype(int) - theirs).max() <= 1, str(conv)  # ties round either way
    elif conv.exact or conv.output == "packed":
        np.testing.assert_array_equal(ours, theirs, str(conv))
    else:
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5, err_msg=str(conv))


@pytest.mark.parametrize("part", range(4))
def test_combinations(converter, isa, part):
    for conv in draw(60, seed=100 + part):
        if lce_knows(conv := conv.with_(batch=1)):
            compare(converter, conv)


def test_groups(converter, isa):
    for groups, output, same in itertools.product(
        [2, 4], ["float32", "int8", "packed"], [True, False]
    ):
        compare(
            converter,
            Conv((5, 5), 32 * groups, 8 * groups, same=same, groups=groups, output=output),
        )


def test_default_kernel_bit_for_bit(converter, isa):
    """LCE's default kernel with multipliers of any value: same constants, same order, same bits."""
    for pad_values, channels in itertools.product([0, 1], [32, 41, 64, 130]):
        case = Case(Conv((7, 6), channels, channels, pad_values=pad_values, exact=False))
        file, x = case.file(float_input=True), case.x.astype(np.float32)
        np.testing.assert_array_equal(Interpreter(file).predict(x), lce_predict(converter, file, x))


def keras_nets():
    """Small Keras networks with everything that the converter turns into binary operators."""
    import larq as lq
    import tensorflow as tf

    layers = tf.keras.layers

    def conv(x, filters, **options):
        sign = {"input_quantizer": "ste_sign", "kernel_quantizer": "ste_sign", "use_bias": False}
        return lq.layers.QuantConv2D(filters, 3, **{"padding": "same", **sign, **options})(x)

    def net(name, body):
        x = inputs = tf.keras.Input((12, 12, 3))
        x = layers.BatchNormalization()(layers.Conv2D(32, 3, use_bias=False)(x))
        x = body(x)
        x = layers.Dense(10)(layers.Flatten()(x))
        return tf.keras.Model(inputs, x, name=name)

    def residual(x):
        for _ in range(3):
            x = layers.add([x, layers.BatchNormalization()(conv(x, 32))])
        return x

    def chain(x):
        for filters in (64, 41, 32):
            x = layers.BatchNormalization()(conv(x, filters, pad_values=1.0))
        return x

    def dense(x):
        for _ in range(3):
            x = layers.concatenate([x, conv(layers.BatchNormalization()(x), 20, dilation_rate=2)])
        return x

    def pooled(x):
        x = layers.BatchNormalization()(conv(x, 64, pad_values=1.0, activation="relu"))
        x = conv(layers.MaxPool2D(2)(x), 32, pad_values=1.0, strides=2)
        return layers.BatchNormalization()(x)

    def grouped(x):
        x = conv(layers.BatchNormalization()(conv(x, 64)), 64, groups=2, padding="valid")
        return layers.BatchNormalization()(x)

    def joined(x):
        a, b = (layers.BatchNormalization()(conv(x, 32)) for _ in range(2))
        return layers.average([layers.average([a, b]), x])

    bodies = (residual, chain, dense, pooled, grouped, joined)
    return {body.__name__: net(body.__name__, body) for body in bodies}


def with_realistic_statistics(model, seed: int = 0):
    """Sets BatchNorm to its inputs' statistics on noise; scales and shifts around 1 and 0.

    A network with fresh statistics saturates: then equal outputs say little. One pass in training
    mode with momentum 0 leaves each layer with the statistics of that pass.
    """
    import tensorflow as tf

    rng = np.random.default_rng(seed)
    norms = [
        layer for layer in model.layers if isinstance(layer, tf.keras.layers.BatchNormalization)
    ]
    for layer in norms:
        width = layer.moving_mean.shape[0]
        layer.momentum = 0.0
        if layer.scale:
            layer.gamma.assign(
                (rng.uniform(0.5, 1.5, width) * rng.choice([1, 1, 1, -1], width)).astype(np.float32)
            )
        if layer.center:
            layer.beta.assign(rng.normal(0, 0.3, width).astype(np.float32))
    model(rng.normal(size=(4, *model.input_shape[1:])).astype(np.float32), training=True)
    assert all(np.ptp(layer.moving_mean.numpy()) > 0 for layer in norms)
    return model


NETS = ["residual", "chain", "dense", "pooled", "grouped", "joined"]


@pytest.mark.parametrize("name", NETS)
def test_converted_networks(converter, name, monkeypatch):
    model = with_realistic_statistics(keras_nets()[name])
    file = converter.convert_keras_model(model)
    x = np.random.default_rng(1).normal(size=(3, 12, 12, 3)).astype(np.float32)
    theirs = lce_predict(converter, file, x, use_indirect_bgemm=name == "grouped")
    assert np.ptp(theirs) > 0.1 and len(np.unique(theirs)) > 15
    for isa in isas_of_this_machine():
        monkeypatch.setenv("LARQ_IGP_RUNTIME_ISA", isa)
        for fuse in (True, False):
            ours = Interpreter(file, fuse=fuse).predict(x)
            np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4 * np.abs(theirs).max())
