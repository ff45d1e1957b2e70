import larq as lq
import numpy as np
import pytest

import larq_igp
from larq_igp.deploy.convert import convert
from larq_igp.deploy.engines import open_engine
from larq_igp.deploy.errors import ConversionError
from larq_igp.deploy.flatbuffer import read_tflite
from larq_igp.keras2 import tf


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # the converter compared with warns about its own imports
@pytest.mark.lce
@pytest.mark.parametrize("name", ["igp_resnet_tiny", "igp_densenet_tiny"])
def test_same_operators_weights_and_outputs_as_plain_lce(name, small_net, digits):
    import larq_compute_engine as lce

    model = small_net(name)
    ours, plain = convert(model), lce.convert_keras_model(model)
    our_file, plain_file = read_tflite(ours), read_tflite(plain)
    assert our_file.histogram() == plain_file.histogram()
    constants = [
        sorted(t.value.tobytes() for t in f.tensors if t.value is not None)
        for f in (our_file, plain_file)
    ]
    assert constants[0] == constants[1]
    images = digits[0][-20:]
    outputs = [open_engine(content, engine="lce").predict(images) for content in (ours, plain)]
    np.testing.assert_array_equal(*outputs)


def test_file_shows_the_names_of_the_model(binary):
    file = read_tflite(binary.content)
    assert [file.tensors[index].name for index in (*file.inputs, *file.outputs)] == [
        "image",
        "head_softmax",
    ]
    assert [file.tensors[index].shape for index in (*file.inputs, *file.outputs)] == [
        (1, 28, 28, 1),
        (1, 10),
    ]


def test_conversion_leaves_the_model_as_it_was(binary):
    before = [weights.copy() for weights in binary.model.get_weights()]
    assert convert(binary.model) == binary.content
    for old, new in zip(before, binary.model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_full_precision_goes_through_tensorflow_lite(full_precision):
    file = read_tflite(full_precision.content)
    assert not file.is_binary
    assert (
        file.histogram()["CONV_2D"] == 2 * 3 + 2
    )  # a fractal of 3 in each of 2 stages, the stem, a transition


def test_two_bits_are_refused_with_the_layer_unless_float_is_asked_for():
    model = larq_igp.build(
        "igp_resnet_tiny", input_shape=(28, 28, 1), num_classes=10, bits=2, blocks=(1,)
    )
    with pytest.raises(
        ConversionError,
        match=r"stage1\S+_binconv' has a 2-bit input_quantizer \(DoReFa\).*no kernel",
    ):
        convert(model)
    assert not read_tflite(convert(model, float_model=True)).is_binary


def test_binary_dense_layer_is_refused():
    image = tf.keras.Input((32,))
    signs = {
        "input_quantizer": "ste_sign",
        "kernel_quantizer": "ste_sign",
        "kernel_constraint": "weight_clip",
    }
    model = tf.keras.Model(image, lq.layers.QuantDense(4, name="last", **signs)(image))
    with pytest.raises(ConversionError, match="layer 'last' is a binary QuantDense"):
        convert(model)


@pytest.mark.lce
@pytest.mark.parametrize("converter", ["own", "lce"])
def test_signs_that_are_multiplied_with_floats_stay_floats(binary_net, converter):
    """The first layer of Larq's tutorial: binary weights, and images as they are."""
    file = read_tflite(convert(binary_net(input_quantizer=None), converter=converter))
    assert (file.histogram()["CONV_2D"], file.histogram()["LceBconv2d"]) == (1, 1)


def test_padding_with_minus_one_is_refused(binary_net):
    with pytest.raises(
        ConversionError, match="'first' was left as a float CONV_2D: it pads with -1"
    ):
        convert(binary_net(pad_values=-1.0))


@pytest.mark.parametrize("place", ["input_quantizer", "kernel_quantizer"])
def test_a_bit_that_is_no_sign_is_refused(binary_net, place):
    with pytest.raises(ConversionError, match=r"'first' quantizes to 0 and 1 \(SteHeaviside\)"):
        convert(binary_net(**{place: "ste_heaviside"}))


def test_two_bits_of_a_layer_before_the_convolution_are_refused():
    image = tf.keras.Input((8, 8, 32))
    signs = {"kernel_quantizer": "ste_sign", "kernel_constraint": "weight_clip"}
    x = lq.quantizers.DoReFa(2, "activations")(image)
    model = tf.keras.Model(image, lq.layers.QuantConv2D(4, 3, name="last", **signs)(x))
    with pytest.raises(ConversionError, match="layer 'last' has a 2-bit input, for which"):
        convert(model)


def test_kernel_with_a_zero_is_named(binary_net):
    class Sign(lq.quantizers.NoOp):
        def call(self, inputs):
            return tf.sign(inputs)

    model = binary_net(kernel_quantizer=Sign(precision=1))
    kernel = model.get_layer("first").get_weights()[0]
    kernel[0, 0, 0, 0] = 0
    model.get_layer("first").set_weights([kernel])
    message = (
        rf"'first' was left as a float CONV_2D: 1 of its {3 * 3 * 32 * 40} quantized weights are 0"
    )
    with pytest.raises(ConversionError, match=message):
        convert(model)


def test_kernel_scaled_for_each_input_channel_is_named(binary_net):
    class Scaled(lq.quantizers.NoOp):
        def call(self, inputs):
            return lq.math.sign(inputs) * tf.reduce_mean(
                tf.abs(inputs), axis=(0, 1, 3), keepdims=True
            )

    with pytest.raises(
        ConversionError, match=r"'first' was left as a float CONV_2D: .* more than one magnitude"
    ):
        convert(binary_net(kernel_quantizer=Scaled(precision=1)))


def test_kernel_scaled_for_each_output_channel_stays_binary(binary_net):
    assert (
        read_tflite(convert(binary_net(kernel_quantizer="magnitude_aware_sign"))).histogram()[
            "LceBconv2d"
        ]
        == 2
    )


@pytest.mark.lce
def test_operator_that_no_interpreter_has_is_named(lambda_net):
    with pytest.raises(ConversionError, match="no interpreter has a kernel for Betainc"):
        convert(lambda_net(lambda x: tf.raw_ops.Betainc(a=x, b=x, x=x)))


@pytest.mark.lce
def test_factor_for_each_pixel_is_named(lambda_net):
    factor = np.random.default_rng(0).random((8, 8, 32), np.float32)
    with pytest.raises(
        ConversionError, match=r"'first' is followed by a constant of shape \(8, 8, 32\)"
    ):
        convert(lambda_net(lambda x: x * factor), converter="lce")


@pytest.mark.lce
def test_first_error_is_the_one_shown(lambda_net):
    def fail_at_batch_1(x):
        if x.shape[0] == 1:
            raise ValueError("the calibration is missing")
        return x

    with pytest.raises(ConversionError, match=r"'strange'.* the calibration is missing"):
        convert(lambda_net(fail_at_batch_1))


@pytest.mark.lce
def test_inner_functions_and_nested_models_convert(lambda_net):
    triple = tf.function(lambda x: 3.0 * x)
    assert read_tflite(convert(lambda_net(lambda x: triple(x)))).histogram()["LceBconv2d"] == 1
    inner, image = lambda_net(lambda x: x), tf.keras.Input((8, 8, 32))
    assert (
        read_tflite(convert(tf.keras.Model(image, inner(inner(image))))).histogram()["LceBconv2d"]
        == 2
    )


def test_what_is_no_plain_model_is_refused(binary_net):
    with pytest.raises(ConversionError, match="got str"):
        convert("model.h5")
    with pytest.raises(ConversionError, match="is not fixed"):
        convert(binary_net(side=None))
    image = tf.keras.Input((8,))
    with pytest.raises(ConversionError, match="'half' computes in float16"):
        convert(
            tf.keras.Model(image, tf.keras.layers.Dense(2, dtype="float16", name="half")(image))
        )
    numbers = tf.keras.Input((8,), dtype="int32")
    with pytest.raises(ConversionError, match="takes int32"):
        convert(tf.keras.Model(numbers, tf.keras.layers.Embedding(4, 2)(numbers)))
