"""A wrong file does not pass, and its layer is named."""

import itertools
import re

import larq as lq
import numpy as np
import pytest

import larq_igp
from larq_igp.deploy.convert import convert
from larq_igp.deploy.engines import open_engine
from larq_igp.deploy.errors import TFLiteFileError
from larq_igp.deploy.flatbuffer import read_tflite
from larq_igp.deploy.matching import match_binary_convolutions
from larq_igp.deploy.verify import Verification, verify
from larq_igp.keras2 import tf
from tests.deploy.conftest import FEW, Converted, calibrate, random_images
from tests.deploy.edit_file import edited, with_constant, with_option, with_swapped_inputs


@pytest.fixture(scope="module")
def thresholds(digits) -> Converted:
    """A network of pairs of binary convolutions: thresholds stand between the two of a pair."""
    tf.keras.utils.set_random_seed(4)
    model = larq_igp.build("resnet_tiny", input_shape=(28, 28, 1), num_classes=10, blocks=(1, 1))
    calibrate(model, digits[0][:64])
    return Converted(model, convert(model), digits[0][1400 : 1400 + FEW])


@pytest.fixture(scope="module")
def dense(digits) -> Converted:
    """A DenseNet, in which ReLU is fused into other operators."""
    tf.keras.utils.set_random_seed(4)
    options = {"blocks": (2, 2), "transition_filters": (16,)}
    model = larq_igp.build(
        "binary_densenet_tiny", input_shape=(28, 28, 1), num_classes=10, **options
    )
    calibrate(model, digits[0][:64])
    return Converted(model, convert(model), digits[0][1400 : 1400 + FEW])


@pytest.fixture(scope="module")
def branches() -> Converted:
    """Two binary convolutions side by side, behind ReLU and strides that another stride would fill
    as well; and one behind the other without BatchNorm in between.
    """
    signs = {"input_quantizer": "ste_sign", "kernel_quantizer": "ste_sign", "pad_values": 1.0}
    tf.keras.utils.set_random_seed(4)

    def conv(x, name, **options):
        return lq.layers.QuantConv2D(
            32, 3, padding="same", name=name, kernel_constraint="weight_clip", **signs | options
        )(x)

    def norm(x, name):
        return tf.keras.layers.BatchNormalization(name=name)(x)

    image = tf.keras.Input((5, 5, 32), name="image")
    left = norm(image, "left_norm")
    right = norm(tf.keras.layers.MaxPooling2D(3, 1, "same", name="right_pool")(image), "right_norm")
    left = norm(tf.keras.layers.ReLU(name="left_relu")(conv(left, "left")), "left_out")
    right = norm(tf.keras.layers.ReLU(name="right_relu")(conv(right, "right")), "right_out")
    x = conv(tf.keras.layers.Add(name="add")([left, right]), "strided", strides=3)
    x = tf.keras.layers.Dense(4, name="classes")(tf.keras.layers.Flatten(name="flat")(x))
    model = tf.keras.Model(image, x, name="branches")
    images = random_images(5, 5, 32)
    calibrate(model, images)
    return Converted(model, convert(model), images)


def layer_of(net: Converted) -> dict[int, str]:
    """Name the layer of each binary convolution of a file."""
    matches = match_binary_convolutions(net.model, read_tflite(net.content))
    return {match.operator: match.layer for match in matches}


def judged(net: Converted, content: bytes) -> Verification:
    return verify(net.model, content, net.images[:FEW])


def assert_named(check: Verification, layer: str, words: str = "") -> None:
    assert not check.passed
    assert repr(layer) in check.reason, (layer, check.reason)
    assert words in check.reason


def test_right_files_of_what_is_edited_here_pass(binary, thresholds, dense, branches):
    for net in (binary, thresholds, dense, branches):
        check = judged(net, edited(net.content, lambda graph: None))
        assert check.passed, check.reason


@pytest.mark.parametrize("network", ["binary", "thresholds", "dense"])
def test_one_flipped_bit_anywhere_is_named(network, request):
    net = request.getfixturevalue(network)
    generator, file = np.random.default_rng(1), read_tflite(net.content)
    for operator, layer in layer_of(net).items():

        def flip(words: np.ndarray, channels=file.operators[operator].options["channels_in"]):
            place = tuple(generator.integers(side) for side in words.shape[:3])
            channel = generator.integers(channels)
            words[(*place, channel // 32)] ^= np.int32(1 << int(channel % 32))

        wrong = with_constant(net.content, operator, 1, flip)
        assert_named(judged(net, wrong), layer, "1 of its weights differ")


@pytest.mark.parametrize("network", ["binary", "thresholds", "dense"])
def test_one_negated_filter_is_named(network, request):
    """The converter negates filters itself, where a threshold follows and the factor is negative:
    weights alone do not tell.
    """
    net = request.getfixturevalue(network)
    file = read_tflite(net.content)
    for operator, layer in layer_of(net).items():
        channels = file.operators[operator].options["channels_in"]

        def negate(words: np.ndarray, channels=channels) -> None:
            words[3] ^= np.packbits(
                np.arange(32 * words.shape[-1]) < channels, bitorder="little"
            ).view(np.int32)

        wrong = with_constant(net.content, operator, 1, negate)
        assert_named(judged(net, wrong), layer, "channels 3 differ in what follows the popcount")


@pytest.mark.parametrize("operand", [2, 3], ids=["multiplier", "bias"])
@pytest.mark.parametrize("network", ["binary", "dense"])
def test_one_multiplier_or_bias_off_by_a_thousandth_is_named(network, operand, request):
    net = request.getfixturevalue(network)
    file = read_tflite(net.content)

    for operator, layer in layer_of(net).items():
        constant = file.tensors[file.operators[operator].inputs[operand]].value
        channel = int(np.argmax(np.abs(constant)))
        if constant[channel] == 0:  # a DenseNet's convolution has no bias
            continue

        def change(values: np.ndarray, channel=channel) -> None:
            values[channel] *= 1.001

        wrong = with_constant(net.content, operator, operand, change)
        assert_named(judged(net, wrong), layer, f"channels {channel} differ")


@pytest.mark.parametrize("step", [-1, 1])
def test_a_threshold_off_by_one_is_named(thresholds, step):
    file = read_tflite(thresholds.content)
    packed = [each for each in layer_of(thresholds) if file.operators[each].inputs[4] >= 0]
    assert len(packed) == 2  # the first convolution of each of 2 blocks
    for operator in packed:

        def change(values: np.ndarray) -> None:
            values[5] += step

        wrong = with_constant(thresholds.content, operator, 4, change)
        assert_named(judged(thresholds, wrong), layer_of(thresholds)[operator], "channels 5 differ")


def test_another_padding_value_is_named(binary, small_net):
    for operator, layer in layer_of(binary).items():
        wrong = with_option(binary.content, operator, pad_values=0)
        assert_named(judged(binary, wrong), layer, "the file pads with 0 and Keras with 1")
    zeros = small_net("igp_resnet_tiny", pad_values=0)
    zeros.set_weights(binary.model.get_weights())
    assert verify(zeros, convert(zeros), binary.images[:FEW]).passed
    assert not verify(binary.model, convert(zeros), binary.images[:FEW]).passed


def test_another_stride_is_named(branches):
    (operator,) = (key for key, layer in layer_of(branches).items() if layer == "strided")
    wrong = with_option(branches.content, operator, stride_height=4, stride_width=4)
    assert_named(judged(branches, wrong), "strided", "strides (4, 4) in the file, (3, 3) in Keras")
    with pytest.raises(TFLiteFileError, match="shapes or options"):
        with_impossible_shape = with_option(branches.content, operator, stride_height=1)
        judged(branches, with_impossible_shape)


def test_another_dilation_is_named(branches):
    for operator, layer in layer_of(branches).items():
        wrong = with_option(
            branches.content, operator, dilation_height_factor=2, dilation_width_factor=2
        )
        if layer != "strided":
            assert_named(
                judged(branches, wrong), layer, "dilation (2, 2) in the file, (1, 1) in Keras"
            )


def test_an_activation_that_is_missing_or_too_much_is_named(branches):
    for operator, layer in layer_of(branches).items():
        found = read_tflite(branches.content).operators[operator]
        other = {0: 1, 1: 0}[found.options["fused_activation_function"]]
        wrong = with_option(branches.content, operator, fused_activation_function=other)
        assert_named(judged(branches, wrong), layer, "differ in what follows the popcount")


def test_a_float_operator_without_its_activation_is_named(dense):
    file = read_tflite(dense.content)
    fused = [each for each in file.operators if each.options.get("fusedActivationFunction") == 1]
    assert [each.name for each in fused] == ["MAX_POOL_2D", "ADD"]
    for operator, layer in zip(fused, ["transition1_relu", "head_relu"], strict=True):

        def change(graph, index=operator.index) -> None:
            graph.operators[index].builtinOptions.fusedActivationFunction = 0

        assert_named(judged(dense, edited(dense.content, change)), layer)


@pytest.mark.lce
def test_two_sums_with_swapped_inputs_fail(small_net, digits):
    """Swap any two operands of sums: the file is wrong, unless it adds up to the same."""
    model = small_net("igp_resnet_tiny", blocks=(1,), columns=3)
    net = Converted(model, convert(model), digits[0][1400 : 1400 + FEW])
    file = read_tflite(net.content)
    places = [(each.index, i) for each in file.operators if each.name == "ADD" for i in (0, 1)]
    expected, passed = model(net.images).numpy(), []
    for first, second in itertools.combinations(places, 2):
        wrong = with_swapped_inputs(net.content, first, second)
        try:
            found = open_engine(wrong, engine="lce").predict(net.images)
        except TFLiteFileError:  # a tensor would be read before it is written
            continue
        is_same = np.allclose(found, expected, rtol=1e-4)
        check = judged(net, wrong)
        assert check.passed == is_same, (first, second, check.reason)
        assert check.passed or "_add'" in check.reason or "_mean'" in check.reason
        passed.append(check.passed)
    assert passed.count(False) >= 10


def test_a_sum_that_reads_another_tensor_is_named(binary):
    def change(graph) -> None:
        file = read_tflite(binary.content)
        sums = [each for each in file.operators if each.name == "ADD"]
        graph.operators[sums[1].index].inputs = [sums[0].inputs[0], sums[1].inputs[1]]

    check = judged(binary, edited(binary.content, change))
    assert_named(check, "stage1_block1_column2_layer2_add")


def test_two_binary_convolutions_with_swapped_inputs_are_named(branches):
    place = {layer: operator for operator, layer in layer_of(branches).items()}
    left, right = sorted([place["left"], place["right"]])

    def both_inputs_first(graph) -> None:
        graph.operators.insert(right - 1, graph.operators.pop(left))

    reordered = edited(branches.content, both_inputs_first)
    assert judged(branches, reordered).passed
    wrong = with_swapped_inputs(reordered, (right - 1, 0), (right, 0))
    check = judged(branches, wrong)
    assert not check.passed
    assert "reads" in check.reason and ("'left'" in check.reason or "'right'" in check.reason)


@pytest.mark.parametrize("network", ["binary", "full_precision", "dense"])
def test_wrong_constants_of_float_operators_are_named(network, request):
    """One filter, factor or offset off by a thousandth; a file names its tensors after layers."""
    net = request.getfixturevalue(network)
    file, tried = read_tflite(net.content), 0
    for operator in file.operators:
        constants = [t for t in operator.inputs if t >= 0 and file.tensors[t].value is not None]
        if operator.name not in ("CONV_2D", "MUL", "ADD", "FULLY_CONNECTED") or not constants:
            continue

        def change(values: np.ndarray) -> None:
            largest = np.unravel_index(np.argmax(np.abs(values)), values.shape)
            values[largest[0] if largest else ...] *= 1.001

        operand = operator.inputs.index(constants[0])
        check = judged(net, with_constant(net.content, operator.index, operand, change))
        assert not check.passed, operator
        place = re.compile(r"stem|head|transition.|stage._block.(_column._layer.)?")
        named = {place.match(each)[0] for each in re.findall(r"'(\w+)'", check.reason)}
        name = file.tensors[operator.outputs[0]].name
        assert any(each in name for each in named), (check.reason, name)
        tried += 1
    assert tried >= 3


def test_nan_fails(full_precision):
    def change(bias: np.ndarray) -> None:
        bias[0] = np.nan

    wrong = with_constant(full_precision.content, 0, 2, change)
    assert_named(judged(full_precision, wrong), "stem_conv")
