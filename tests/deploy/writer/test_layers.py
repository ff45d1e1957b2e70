"""Each kind of layer and each rule: the file is Larq Compute Engine's, bit for bit."""

from collections.abc import Callable

import larq as lq
import pytest

from larq_igp.deploy.writer import UnwritableError
from larq_igp.keras2 import tf
from tests.deploy.writer.same_as_lce import randomize, require_same

K, L = tf.keras.layers, lq.layers
BN, RELU = K.BatchNormalization, K.ReLU
MAP, RGB, ROW = (8, 8, 64), (15, 15, 3), (40,)
SIGNS = {
    "input_quantizer": "ste_sign",
    "kernel_quantizer": "ste_sign",
    "kernel_constraint": "weight_clip",
}


def bin_conv(filters: int = 24, size=3, **options):
    defaults = SIGNS | {"padding": "same", "pad_values": 1.0, "use_bias": False}
    return L.QuantConv2D(filters, size, **(defaults | options))


def zero(**options):
    return bin_conv(pad_values=0.0, **options)


def depthwise_signs(kind: type, *args, **options):
    names = ("depthwise", "pointwise")[: len(args)]
    signs = {f"{name}_quantizer": "ste_sign" for name in names}
    clips = {f"{name}_constraint": "weight_clip" for name in names}
    return kind(*args, padding="same", input_quantizer="ste_sign", **signs, **clips, **options)


CHAINS: dict[str, tuple[tuple, Callable[[], list]]] = {
    "thresholds": (MAP, lambda: [bin_conv(), BN(), bin_conv(40), BN()]),
    "thresholds after valid": (
        MAP,
        lambda: [bin_conv(padding="valid", pad_values=0.0), BN(), bin_conv(), BN()],
    ),
    "thresholds after relu": (MAP, lambda: [bin_conv(), RELU(), BN(), bin_conv(), BN()]),
    "thresholds after relu6": (MAP, lambda: [bin_conv(), RELU(6.0), BN(), zero(), BN()]),
    "no thresholds with zeros": (MAP, lambda: [zero(), BN(), bin_conv(), BN()]),
    "batchnorm then relu": (MAP, lambda: [bin_conv(), BN(), RELU(), BN()]),
    "zeros then relu": (MAP, lambda: [zero(), RELU(), BN()]),
    "scaled kernel": (
        MAP,
        lambda: [bin_conv(kernel_quantizer="magnitude_aware_sign"), RELU(), BN()],
    ),
    "bias and activation": (MAP, lambda: [bin_conv(use_bias=True, activation="relu"), BN()]),
    "bias": (MAP, lambda: [bin_conv(use_bias=True), BN(), bin_conv(use_bias=True)]),
    "other signs": (
        MAP,
        lambda: [bin_conv(input_quantizer="approx_sign", kernel_quantizer="swish_sign"), BN()],
    ),
    "functions as quantizers": (
        MAP,
        lambda: [bin_conv(input_quantizer=lq.math.sign, kernel_quantizer=lq.math.sign), BN()],
    ),
    "pool of bits": (MAP, lambda: [bin_conv(), BN(), K.MaxPool2D(2), bin_conv()]),
    "pool of floats, then bits": (MAP, lambda: [BN(), K.MaxPool2D(3, 2, "same"), bin_conv()]),
    "batchnorm after pool": (MAP, lambda: [bin_conv(), K.MaxPool2D(2), BN(), bin_conv()]),
    "strides": (MAP, lambda: [bin_conv(strides=2), BN(), zero(strides=(1, 2)), BN()]),
    "dilation": (MAP, lambda: [bin_conv(dilation_rate=2), BN(), zero(dilation_rate=2), BN()]),
    "kernels of 1x1": (MAP, lambda: [bin_conv(size=1), BN(), zero(size=1, strides=2), BN()]),
    "small kernels": (MAP, lambda: [bin_conv(size=2), BN(), bin_conv(size=(1, 3)), BN()]),
    "batchnorm in part": (
        MAP,
        lambda: [
            bin_conv(),
            BN(scale=False),
            RELU(),
            BN(center=False),
            BN(scale=False, center=False),
        ],
    ),
    "dropout": (MAP, lambda: [bin_conv(), K.Dropout(0.5), BN(), K.GaussianNoise(1), bin_conv()]),
    "prelu": (
        MAP,
        lambda: [bin_conv(), BN(), K.PReLU(shared_axes=[1, 2]), BN(), K.PReLU(), bin_conv()],
    ),
    "depthwise signs": (MAP, lambda: [depthwise_signs(L.QuantDepthwiseConv2D, 3), BN(), zero()]),
    "separable signs": (
        MAP,
        lambda: [depthwise_signs(L.QuantSeparableConv2D, 32, 3), BN(), bin_conv()],
    ),
    "sign as a layer": (MAP, lambda: [lq.quantizers.SteSign(), bin_conv(input_quantizer=None)]),
    "larq's tutorial": (
        (14, 14, 1),
        lambda: [
            bin_conv(32, input_quantizer=None, padding="valid"),
            K.MaxPool2D(2),
            BN(scale=False),
            zero(padding="valid"),
            K.Flatten(),
            L.QuantDense(10, use_bias=False, **SIGNS),
            BN(scale=False),
            K.Activation("softmax"),
        ],
    ),
    "convolution": (RGB, lambda: [K.Conv2D(8, 3, padding="same"), BN(), RELU(), K.Conv2D(4, 1)]),
    "convolution with relu": (RGB, lambda: [K.Conv2D(8, 3, activation="relu"), BN(), RELU(6.0)]),
    "dilated and grouped": (
        (16, 16, 4),
        lambda: [K.Conv2D(8, 3, dilation_rate=2), K.Conv2D(8, 3, groups=2), BN()],
    ),
    "zeros around": (RGB, lambda: [K.ZeroPadding2D(1), K.Conv2D(8, 3), K.ZeroPadding2D((1, 2))]),
    "depthwise": (
        MAP,
        lambda: [K.DepthwiseConv2D(3, depth_multiplier=2, padding="same"), BN(), RELU(6.0)],
    ),
    "separable": (MAP, lambda: [K.SeparableConv2D(12, 3, dilation_rate=2), BN(), RELU()]),
    "dense": (ROW, lambda: [K.Dense(8, "relu"), K.Dense(9, use_bias=False), BN(), K.Softmax()]),
    "dense on maps": ((4, 4, 32), lambda: [K.Dense(8, "relu"), K.Flatten(), K.Dense(3)]),
    "global pools": (MAP, lambda: [K.GlobalAveragePooling2D(), K.Dense(3, "softmax")]),
    "global pool that keeps": (
        MAP,
        lambda: [K.GlobalAveragePooling2D(keepdims=True), K.Conv2D(3, 1), K.GlobalMaxPooling2D()],
    ),
    "flat pool": (MAP, lambda: [K.AveragePooling2D(8), K.Flatten(), K.Dense(3)]),
    "shapes": (MAP, lambda: [K.Reshape((32, 128)), K.Permute((2, 1)), K.Reshape((-1,))]),
    "leaky": (MAP, lambda: [K.LeakyReLU(0.1), K.Conv2D(8, 1), RELU(negative_slope=0.2)]),
    "sigmoid and tanh": (MAP, lambda: [K.Conv2D(8, 1, activation="sigmoid"), K.Activation("tanh")]),
    "elu, swish and exp": (
        MAP,
        lambda: [K.ELU(), K.Activation("swish"), K.Activation("exponential")],
    ),
    "rescaling": (RGB, lambda: [K.Rescaling(1 / 127.5, -1.0), K.Conv2D(8, 3), BN()]),
    "rescaling by a factor": (RGB, lambda: [K.Rescaling(0.1), K.Conv2D(8, 3, 1, "same"), BN()]),
    "normalization": (RGB, lambda: [K.Normalization(mean=[1, 2, 3], variance=[1, 2, 3])]),
    "layer normalization": (
        MAP,
        lambda: [
            K.LayerNormalization(beta_initializer="ones"),
            bin_conv(),
            K.LayerNormalization(axis=[1, 2, 3]),
            K.GlobalAveragePooling2D(),
            K.LayerNormalization(),
        ],
    ),
    "one dimension": (
        (16, 64),
        lambda: [
            L.QuantConv1D(64, 3, padding="same", **SIGNS),
            BN(),
            K.Reshape((4, 4, 64)),
            bin_conv(),
        ],
    ),
    "hard sigmoid": (MAP, lambda: [K.Conv2D(8, 1), K.Activation("hard_sigmoid")]),
    "softplus": (MAP, lambda: [K.Activation("softplus")]),
    "larger and smaller": (
        MAP,
        lambda: [
            K.UpSampling2D(2),
            K.Cropping2D(((1, 2), (3, 0))),
            K.UpSampling2D((2, 3), interpolation="bilinear"),
        ],
    ),
}


@pytest.mark.lce
@pytest.mark.parametrize("name", CHAINS)
def test_a_chain_of_layers(name):
    shape, layers = CHAINS[name]
    image = x = tf.keras.Input(shape, name="image")
    for layer in layers():
        x = layer(x)
    require_same(randomize(tf.keras.Model(image, x)))


def squeeze_and_excite(x):
    y = K.Dense(64, "sigmoid")(K.Dense(8, "relu")(K.GlobalAveragePooling2D()(x)))
    return K.Multiply()([bin_conv(64)(x), K.Reshape((1, 1, 64))(y)])


def shared_batchnorm(x):
    norm, y = BN(), bin_conv()(x)
    return K.Add()([bin_conv(8)(norm(y)), bin_conv(8)(norm(y))])


def three(kind: type) -> Callable:
    return lambda x: kind()([bin_conv(8)(x), bin_conv(8)(x), bin_conv(8)(x)])


def of(function: Callable, maps: int = 2) -> Callable:
    return lambda x: function(*[bin_conv(64)(x) for _ in range(maps)])


BEFORE_ROWS = [[0, 0], [1, 0], [0, 0], [0, 0]]

GRAPHS: dict[str, Callable] = {
    "two readers of bits": lambda x: of(lambda y: K.Add()([zero()(y), zero()(y)]), 1)(x),
    "two readers of floats": lambda x: of(lambda y: K.Add()([BN()(y), BN()(y)]), 1)(x),
    "the same batchnorm twice": shared_batchnorm,
    "residual": lambda x: RELU()(K.Add()([x, BN()(bin_conv(64)(x))])),
    "a layer called twice": lambda x: (lambda layer: layer(layer(x)))(bin_conv(64)),
    "squeeze and excite": squeeze_and_excite,
    "add": three(K.Add),
    "average": three(K.Average),
    "maximum": three(K.Maximum),
    "multiply": three(K.Multiply),
    "subtract": of(lambda a, b: K.Subtract()([a, b])),
    "minimum": of(lambda a, b: K.Minimum()([a, b])),
    "average before a convolution": of(lambda a, b: K.Conv2D(8, 1)(K.Average()([a, b]))),
    "concatenate": of(lambda a, b: bin_conv()(BN()(K.Concatenate()([a, b])))),
    "functions": of(lambda a, b: tf.nn.relu(a * b + 1.5) * 2.0 - b / 4.0),
    "means over channels": of(lambda a, b: a * tf.reduce_mean(b, -1, keepdims=True)),
    "means, and the axis back": of(lambda a, b: a * tf.expand_dims(tf.reduce_mean(b, axis=-1), -1)),
    "parts": of(
        lambda a, b: bin_conv()(a[:, 1:-1, ::2] + b[..., 1:-1, 1::2, :] * a[:, 2:, :4, :1])
    ),
    "one of an axis": of(lambda a, b: a[..., 0] + b[:, :, :, 3]),
    "equal parts": of(
        lambda a: K.Add()([bin_conv(8)(part) for part in tf.split(a, 4, axis=-1)]), 1
    ),
    "padding": of(lambda a, b: a + tf.pad(b[..., :32], [[0, 0], [0, 0], [0, 0], [32, 0]])),
    "padding with twos": of(
        lambda a: tf.pad(a, [[0, 0], [1, 0], [0, 2], [0, 0]], constant_values=2), 1
    ),
    "functions as layers": of(
        lambda a, b: K.Lambda(lambda x: x[0] + tf.pad(x[1][:, 1:], BEFORE_ROWS))(
            [a, K.Lambda(lambda x: x)(b)]
        )
    ),
    "sums and joins": of(
        lambda a, b: tf.concat([tf.reduce_max(a, axis=[1, 2]), tf.reduce_sum(b, (1, 2))], -1)
    ),
}


@pytest.mark.lce
@pytest.mark.parametrize("name", GRAPHS)
def test_a_graph_of_layers(name):
    image = tf.keras.Input(MAP, name="image")
    require_same(randomize(tf.keras.Model(image, GRAPHS[name](image))))


@pytest.mark.lce
def test_groups():
    """Larq Compute Engine's default kernels have none."""
    image = tf.keras.Input(MAP, name="image")
    model = randomize(tf.keras.Model(image, BN()(bin_conv(groups=2)(image))))
    require_same(model, engines=("lce_indirect", "larq_igp_runtime"))


def refuse_symbols(x):
    if isinstance(x, tf.Tensor):
        return x
    raise ValueError("no good")


UNKNOWN = {
    "LayerNormalization|epsilon": lambda: K.LayerNormalization(epsilon=1e-6, name="strange"),
    "Lambda: .*tf.math.cumsum": lambda: K.Lambda(tf.cumsum, name="strange"),
    "Lambda .*no good": lambda: K.Lambda(refuse_symbols, name="strange"),
    "gelu": lambda: K.Activation("gelu", name="strange"),
    "normalises axis": lambda: K.BatchNormalization(axis=1, name="strange"),
}


@pytest.mark.parametrize("kind", UNKNOWN)
def test_a_layer_that_is_not_known_is_named(kind):
    from larq_igp.deploy.convert import convert

    image = tf.keras.Input(MAP, name="image")
    model = tf.keras.Model(image, bin_conv()(UNKNOWN[kind]()(image)))
    with pytest.raises(UnwritableError, match=f"layer 'strange' .*{kind}"):
        convert(model, converter="own")
