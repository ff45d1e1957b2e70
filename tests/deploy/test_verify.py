import numpy as np
import pytest

from larq_igp.deploy.convert import convert
from larq_igp.deploy.engines import open_engine
from larq_igp.deploy.flatbuffer import read_tflite
from larq_igp.deploy.verify import MAX_FLIPS, moved_allowed, verify


def _with_changed_constant(
    content: bytes, operator: str, operand: int, change, place: int = 0
) -> bytes:
    """Return the file with one constant of the ``place``-th operator of a kind changed."""
    file = read_tflite(content)
    found = [each for each in file.operators if each.name == operator][place]
    value = file.tensors[found.inputs[operand]].value
    changed = np.array(value)
    change(changed)
    assert content.count(value.tobytes()) == 1
    return content.replace(value.tobytes(), changed.tobytes())


def _negate_first_filter(words: np.ndarray) -> None:
    words[0] ^= 0xFFFF  # 16 channels


def test_right_file_passes(binary):
    result = verify(binary.model, binary.content, binary.images)
    assert result.passed
    assert result.conclusive
    assert result.examples == len(binary.images)
    assert result.moved <= result.moved_allowed < 0.3
    assert result.top1_agreement > 0.95
    assert "noise" in result.reason


@pytest.mark.parametrize("place", [0, 1, 2])
def test_one_negated_filter_fails(binary, place):
    wrong = _with_changed_constant(binary.content, "LceBconv2d", 1, _negate_first_filter, place)
    result = verify(binary.model, wrong, binary.images)
    assert not result.passed
    assert result.moved > 0.9


def test_one_changed_factor_fails(binary):
    def change(multiplier: np.ndarray) -> None:
        multiplier[3] *= 1.05

    result = verify(
        binary.model, _with_changed_constant(binary.content, "LceBconv2d", 2, change), binary.images
    )
    assert not result.passed


def test_other_padding_fails(small_net, binary):
    zeros = small_net("igp_resnet_tiny", pad_values=0)
    zeros.set_weights(binary.model.get_weights())
    assert not verify(binary.model, convert(zeros), binary.images).passed
    assert verify(zeros, convert(zeros), binary.images).passed


@pytest.mark.parametrize("name", ["igp_densenet_tiny", "bireal_resnet_tiny"])
def test_other_families_pass(small_net, binary, name):
    model = small_net(name)
    assert verify(model, convert(model), binary.images).passed


def test_full_precision_may_not_move_at_all(full_precision):
    result = verify(full_precision.model, full_precision.content, full_precision.images)
    assert result.passed
    assert result.moved_by_noise is None
    assert result.moved == result.moved_allowed == 0.0
    assert result.max_abs_diff < 1e-5


def test_wrong_full_precision_file_fails(full_precision):
    def change(kernel: np.ndarray) -> None:
        kernel[0] *= 1.1

    wrong = _with_changed_constant(full_precision.content, "CONV_2D", 1, change)
    assert not verify(full_precision.model, wrong, full_precision.images).passed


def test_nan_fails(full_precision):
    def change(bias: np.ndarray) -> None:
        bias[0] = np.nan

    wrong = _with_changed_constant(full_precision.content, "CONV_2D", 2, change)
    assert not verify(full_precision.model, wrong, full_precision.images).passed


def test_output_that_does_not_depend_on_the_images_is_told(binary_net):
    model = binary_net()
    dense = model.get_layer("classes")
    dense.set_weights([np.zeros((40, 4)), np.ones(4)])
    images = np.random.default_rng(0).standard_normal((5, 8, 8, 32), np.float32)
    assert not verify(model, convert(model), images).conclusive


def test_verification_leaves_the_model_as_it_was(binary):
    before = [weights.copy() for weights in binary.model.get_weights()]
    verify(binary.model, binary.content, binary.images[:3])
    for old, new in zip(before, binary.model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_no_images_and_wrong_images_are_refused(binary):
    with pytest.raises(ValueError, match="at least one image"):
        verify(binary.model, binary.content, binary.images[:0])
    with pytest.raises(ValueError, match=r"\(N, 28, 28, 1\)"):
        verify(binary.model, binary.content, binary.images[:, :20])


def test_allowed_share_grows_with_the_networks_own_and_stays_below_a_wrong_files():
    assert moved_allowed(None, 100) == 0.0
    shares = [moved_allowed(share, 100) for share in (0.0, 0.1, 0.4, 0.7)]
    assert shares == sorted(shares)
    assert 0.05 < shares[0] < 0.15
    assert max(shares) <= MAX_FLIPS
    assert moved_allowed(0.4, 10) > moved_allowed(0.4, 1000)


def test_engines_agree_with_keras_on_most_digits(binary):
    expected = binary.model(binary.images).numpy().argmax(1)
    for engine in ("lce", "lce_indirect"):
        found = open_engine(binary.content, engine=engine).predict(binary.images).argmax(1)
        assert np.mean(found == expected) > 0.95
