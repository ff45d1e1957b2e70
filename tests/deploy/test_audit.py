import larq as lq
import numpy as np
import pytest

from larq_igp.deploy.audit import audit, theory_bytes
from larq_igp.deploy.convert import convert
from larq_igp.deploy.errors import ConversionError
from larq_igp.deploy.flatbuffer import read_tflite
from larq_igp.deploy.matching import match_binary_convolutions, pack_signs
from larq_igp.graph import register_layer
from larq_igp.keras2 import tf

SIGNS = {
    "input_quantizer": "ste_sign",
    "kernel_quantizer": "ste_sign",
    "kernel_constraint": "weight_clip",
    "use_bias": False,
}


def test_igp_resnet(binary):
    findings = audit(binary.model, binary.content)
    assert (
        findings.binary_convolutions == findings.lce_bconv2d == 2 * 3
    )  # a fractal of 3 in each of 2 stages
    assert findings.lce_dequantize == 0
    assert findings.warnings == ()
    assert (findings.input.shape, findings.input.dtype) == ((1, 28, 28, 1), "float32")
    assert (findings.output.shape, findings.output.dtype) == ((1, 10), "float32")
    assert findings.unfused_counts() == {
        "ADD: adds two feature maps (a shortcut or a join of branches)": 2 * (3 + 1),
        "MUL: scales a join of branches by 0.5": 2,
    }
    assert findings.file_bytes == len(binary.content)
    assert 0.95 < findings.constant_bytes / findings.theory_bytes < 1.05
    assert findings.size_ratio == findings.file_bytes / findings.theory_bytes > 1
    assert findings.to_dict()["operators"]["LceBconv2d"] == 6


def test_batchnorm_before_sign_over_a_concatenation_is_explained(small_net):
    model = small_net("binary_densenet_tiny")
    counts = audit(model, convert(model)).unfused_counts()
    reason = (
        "BatchNorm before a sign, over a concatenation: no convolution stands directly before it"
    )
    assert (
        counts[f"MUL: {reason}"] == counts[f"ADD: {reason}"] == 2
    )  # the second layer of each of 2 stages


def test_float_file_of_a_binary_network_is_audited_when_asked_for(binary):
    content = convert(binary.model, float_model=True)
    with pytest.raises(ConversionError, match=r"stage1_.*_binconv' was left as a float CONV_2D"):
        audit(binary.model, content)
    findings = audit(binary.model, content, float_model=True)
    assert (findings.binary_convolutions, findings.lce_bconv2d) == (6, 0)
    assert findings.theory_bytes > 10 * audit(binary.model, binary.content).theory_bytes


def test_theory(binary_net):
    model = binary_net()
    kernels = 4 * 40 * 3 * 3 * (1 + 2)  # 32 channels take one word, 40 take two
    norms, dense = 4 * 2 * (40 + 40), 4 * (40 * 4 + 4)
    assert theory_bytes(model) == kernels + norms + dense
    floats = 4 * 3 * 3 * (32 * 40 + 40 * 40)
    assert theory_bytes(model, float_model=True) == floats + norms + dense


def test_file_of_other_weights_is_refused(binary, binary_net):
    model = binary_net()
    content = convert(model)
    kernel = model.get_layer("second").get_weights()[0]
    kernel[1, 1, 3, 5] *= -1
    model.get_layer("second").set_weights([kernel])
    with pytest.raises(ConversionError, match="'second' has no LceBconv2d with its weights"):
        audit(model, content)
    with pytest.raises(ConversionError, match=r"'first' has no LceBconv2d"):
        audit(model, binary.content)


def test_every_layer_finds_its_operator_where_filters_are_negated(binary_net):
    """Between the two convolutions thresholds take BatchNorm's place, and filters with a negative
    factor are negated.
    """
    model = binary_net()
    norm = model.get_layer("first_bn")
    gamma, *others = norm.get_weights()
    gamma[::2] = -1
    norm.set_weights([gamma, *others])
    file = read_tflite(convert(model))
    matches = match_binary_convolutions(model, file)
    assert [match.layer for match in matches] == ["first", "second"]
    words = file.tensors[file.operators[matches[0].operator].inputs[1]].value
    packed = pack_signs(model.get_layer("first").get_weights()[0])
    np.testing.assert_array_equal(words[1::2], packed[1::2])
    np.testing.assert_array_equal(words[::2], ~packed[::2])


def test_pack_signs():
    kernel = np.ones((1, 1, 33, 1))
    kernel[0, 0, [1, 4, 32], 0] = -1
    assert pack_signs(kernel).tolist() == [[[[2 + 16, 1]]]]


def test_other_padding_is_refused(binary_net):
    ones, zeros = binary_net(), binary_net(pad_values=0.0)
    zeros.set_weights(ones.get_weights())
    with pytest.raises(ConversionError, match="'first' pads with 1, but the file pads with 0"):
        audit(ones, convert(zeros))


def test_zero_padding_on_a_map_smaller_than_the_kernel_is_warned_of(binary_net):
    model = binary_net(side=2, pad_values=0.0)
    (warning,) = audit(model, convert(model)).warnings
    assert warning.startswith("first: zero padding with a kernel of 3x3 on a map of 2x2")
    larger = binary_net(side=4, pad_values=0.0)
    assert audit(larger, convert(larger)).warnings == ()


def wrapping() -> type:
    """A class of layers around a binary convolution: each test has its own, as classes are
    registered for good.
    """

    class Wrapping(tf.keras.layers.Layer):
        def __init__(self):
            super().__init__(name="wrapping")
            self.conv = lq.layers.QuantConv2D(40, 3, **SIGNS)

        def call(self, x):
            return self.conv(x)

    return Wrapping


def model_of(*layers):
    image = x = tf.keras.Input((8, 8, 32), name="image")
    for layer in layers:
        x = layer(x)
    return tf.keras.Model(image, x, name="small")


@pytest.mark.parametrize("float_model", [False, True])
def test_layers_that_may_hide_binary_convolutions_are_refused_by_name(float_model):
    """Not as a model without binary convolutions: "0 of 0"."""
    model = model_of(wrapping()())
    content = convert(model, float_model=True)
    with pytest.raises(ConversionError, match=r"'wrapping' is of class Wrapping.*register_layer"):
        audit(model, content, float_model=float_model)
    with pytest.raises(ConversionError, match="'wrapping' is of class Wrapping"):
        convert(model)
    with pytest.raises(ConversionError, match="'wrapping' is of class Wrapping"):
        theory_bytes(model)


@pytest.mark.lce
def test_a_registered_layer_is_seen_through():
    kind = wrapping()
    register_layer(kind, kernels=("conv.kernel",))
    model = model_of(kind())
    content = convert(model)
    findings = audit(model, content)
    assert (findings.binary_convolutions, findings.lce_bconv2d) == (1, 1)
    assert findings.theory_bytes == 3 * 3 * 40 * 4  # 32 channels take one word of 4 bytes
    (match,) = match_binary_convolutions(model, read_tflite(content))
    assert match.layer == "wrapping"
    other = model_of(kind())
    with pytest.raises(ConversionError, match="'wrapping' has no LceBconv2d with its weights"):
        audit(other, content)


def test_signs_of_a_layer_before_the_convolution():
    """The quantizer stands by itself; the converter makes the same operators of it."""
    conv = lq.layers.QuantConv2D(40, 3, name="conv", **(SIGNS | {"input_quantizer": None}))
    model = model_of(lq.quantizers.SteSign(), conv)
    findings = audit(model, convert(model))
    assert (findings.binary_convolutions, findings.lce_bconv2d) == (1, 1)


def test_a_shared_layer_has_an_operator_for_each_call():
    conv = lq.layers.QuantConv2D(32, 3, padding="same", pad_values=1.0, name="conv", **SIGNS)
    norm = tf.keras.layers.BatchNormalization
    model = model_of(conv, norm(), conv, norm(), tf.keras.Sequential([conv], name="inner"))
    content = convert(model)
    assert audit(model, content).binary_convolutions == 3
    matches = match_binary_convolutions(model, read_tflite(content))
    assert [match.layer for match in matches] == ["conv", "conv", "inner/conv"]
    assert len({match.operator for match in matches}) == 3
