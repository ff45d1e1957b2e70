"""Decoding and preprocessing against Pillow's decoder and NumPy's arithmetic."""

import io

import numpy as np
import pytest
from PIL import Image

from larq_igp.data import Preprocessing
from larq_igp.data.images import decode, decode_random_part
from larq_igp.data.preprocess import PreprocessingError
from larq_igp.keras2 import tf
from tests.data.files import bilinear, jpeg, picture

AS_STORED = {"mean": (0.0,), "deviation": (1.0,)}


def saved(image: Image.Image, form: str) -> bytes:
    content = io.BytesIO()
    image.save(content, form)
    return content.getvalue()


@pytest.mark.parametrize("mode, channels", [("RGB", 3), ("L", 3), ("L", 1)])
def test_jpegs_are_decoded_as_pillow_does(mode, channels):
    image = picture(0).convert(mode)
    content = jpeg(image)
    expected = np.asarray(Image.open(io.BytesIO(content)).convert("RGB" if channels == 3 else "L"))
    np.testing.assert_array_equal(
        decode(tf.constant(content), channels), expected.reshape(60, 80, channels)
    )


def test_cmyk_jpegs_become_colour():
    content = jpeg(picture(0).convert("CMYK"))
    expected = np.asarray(Image.open(io.BytesIO(content)).convert("RGB")).astype(int)
    decoded = decode(tf.constant(content), 3).numpy().astype(int)
    assert np.abs(decoded - expected).mean() < 1
    assert np.abs(decoded - expected).max() < 5


@pytest.mark.parametrize("form", ["PNG", "BMP"])
@pytest.mark.parametrize("channels", [1, 3])
def test_other_files_are_known_by_their_content(form, channels):
    image = picture(0)
    decoded = decode(tf.constant(saved(image, form)), channels).numpy()
    assert decoded.shape == (60, 80, channels)
    expected = np.asarray(image if channels == 3 else image.convert("L")).reshape(60, 80, channels)
    np.testing.assert_allclose(decoded.astype(int), expected, atol=0 if channels == 3 else 1)


@pytest.mark.parametrize(
    "stored, shape, resized",
    [
        ((375, 500), (224, 224, 3), (256, 341)),
        ((500, 333), (224, 224, 3), (384, 256)),
        ((100, 90), (224, 224, 3), (284, 256)),
        ((70, 50), (56, 28, 3), (64, 46)),
    ],
)
def test_evaluation_resizes_the_shorter_side_and_keeps_the_centre(stored, shape, resized):
    image = np.asarray(picture(1, *stored))
    result = Preprocessing(shape, **AS_STORED, crop=0.875)(tf.constant(image))
    top, left = (resized[0] - shape[0]) // 2, (resized[1] - shape[1]) // 2
    expected = bilinear(image, *resized)[top : top + shape[0], left : left + shape[1]]
    np.testing.assert_allclose(result, expected, atol=0.01)


def test_the_crop_survives_json_and_old_files_have_none():
    preprocessing = Preprocessing((224, 224, 3), (1.0, 2.0, 3.0), (4.0, 5.0, 6.0), crop=0.875)
    assert Preprocessing.from_json(preprocessing.to_json()) == preprocessing
    old = {
        "input_shape": [32, 32, 3],
        "mean": [77.8],
        "deviation": [82.4],
        "resize": "bilinear",
        "scale": "0..255",
    }
    assert Preprocessing.from_json(old).crop is None
    assert "crop" not in Preprocessing.from_json(old).to_json()
    for crop in (0, 1.1, "0.5", True, [0.5]):
        with pytest.raises(PreprocessingError, match="crop of the preprocessing cannot be"):
            Preprocessing.from_json({**old, "crop": crop})


@pytest.mark.parametrize("form", ["JPEG", "PNG"])
def test_random_parts_are_parts_of_the_image(form):
    """The pixels of a picture whose red is its column and whose green is its row say where a part
    comes from.
    """
    rows, columns = np.mgrid[0:120, 0:160]
    image = Image.fromarray(
        np.stack([columns, rows, np.full_like(rows, 99)], axis=-1).astype(np.uint8)
    )
    content = jpeg(image, subsampling=0) if form == "JPEG" else saved(image, form)
    areas, ratios = [], []
    for place in range(60):
        part = decode_random_part(
            tf.constant(content), (32, 32), tf.constant([0, place], tf.int64), scaled=False
        ).numpy()
        height, width = part.shape[:2]
        left = max(round(part[..., 0].mean() - (width - 1) / 2), 0)
        top = max(round(part[..., 1].mean() - (height - 1) / 2), 0)
        assert 0 <= top <= 120 - height
        assert 0 <= left <= 160 - width
        whole = np.asarray(image)[top : top + height, left : left + width].astype(int)
        assert np.abs(part.astype(int) - whole).max() <= 4
        areas.append(height * width / (120 * 160))
        ratios.append(width / height)
    assert 0.07 < min(areas) < 0.2
    assert 0.7 < max(areas) <= 1
    assert min(ratios) > 0.74 - 0.02
    assert max(ratios) < 1.34 + 0.02


@pytest.mark.parametrize("size, reduced", [(200, 1), (100, 2), (50, 4), (20, 8)])
def test_parts_much_larger_than_needed_are_decoded_reduced(size, reduced):
    """A part is reduced by the most that leaves it as large as what it becomes, and is then the
    mean of the pixels it stands for.
    """
    rows, columns = (
        np.mgrid[0:500, 0:500] // 2
    )  # so gentle a slope that the few pixels a window is moved by are as many grey levels
    content = jpeg(
        Image.fromarray(np.stack([columns, rows, 249 - rows], axis=-1).astype(np.uint8)),
        subsampling=0,
    )
    seen = set()
    for place in range(30):
        seed = tf.constant([1, place], tf.int64)
        whole = (
            decode_random_part(tf.constant(content), (size, size), seed, scaled=False)
            .numpy()
            .astype(int)
        )
        part = decode_random_part(tf.constant(content), (size, size), seed).numpy().astype(int)
        fits = min(whole.shape[:2]) // size
        scale = max(each for each in (1, 2, 4, 8) if each <= max(fits, 1))
        assert part.shape[:2] == (whole.shape[0] // scale, whole.shape[1] // scale)
        means = whole[: part.shape[0] * scale, : part.shape[1] * scale]
        means = means.reshape(part.shape[0], scale, part.shape[1], scale, 3).mean(axis=(1, 3))
        assert np.abs(part - means).max() <= 7
        seen.add(scale)
    assert reduced in seen


def test_the_same_seed_gives_the_same_part():
    content = tf.constant(jpeg(picture(0)))
    first, second, other = (
        decode_random_part(content, (32, 32), tf.constant([0, place], tf.int64))
        for place in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, second)
    assert first.shape != other.shape or np.any(first.numpy() != other.numpy())
