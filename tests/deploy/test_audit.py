import numpy as np
import pytest

from larq_igp.deploy.audit import audit, theory_bytes
from larq_igp.deploy.convert import convert
from larq_igp.deploy.errors import ConversionError
from larq_igp.deploy.flatbuffer import read_tflite
from larq_igp.deploy.matching import match_binary_convolutions, pack_signs


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
