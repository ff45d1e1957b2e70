"""Decoding and preprocessing against Pillow's decoder and NumPy's arithmetic."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageOps

from larq_igp.data import Preprocessing
from larq_igp.data.corrupt import DECODE_ERRORS, reason_of
from larq_igp.data.images import decode, decode_random_part
from larq_igp.data.preprocess import PreprocessingError
from larq_igp.keras2 import tf
from tests.data.files import bilinear, jpeg, picture

AS_STORED = {"mean": (0.0,), "deviation": (1.0,)}


def saved(image: Image.Image, form: str, **options) -> bytes:
    content = io.BytesIO()
    image.save(content, form, **options)
    return content.getvalue()


@pytest.mark.parametrize("mode, channels", [("RGB", 3), ("L", 3), ("L", 1)])
def test_jpegs_are_decoded_as_pillow_does(mode, channels):
    image = picture(0).convert(mode)
    content = jpeg(image)
    expected = np.asarray(Image.open(io.BytesIO(content)).convert("RGB" if channels == 3 else "L"))
    np.testing.assert_array_equal(
        decode(tf.constant(content), channels), expected.reshape(60, 80, channels)
    )


def exif(orientation: int) -> bytes:
    tags = Image.Exif()
    tags[ExifTags.Base.Orientation] = orientation
    return tags.tobytes()


def stored(form: str, mode: str, orientation: int = 1) -> bytes:
    """A picture in a format and a mode of Pillow's, with an EXIF that says how it is turned."""
    image = picture(0)
    if mode == "I;16":
        wide = np.asarray(image.convert("L")).astype(np.uint16) * 257 + 100
        image = Image.fromarray(wide.clip(0, 65535).astype(np.uint16))
    elif mode in ("RGBA", "LA", "PA"):
        alpha = picture(1).convert("L")
        image = image.convert(mode.removesuffix("A").replace("P", "RGB"))
        image.putalpha(alpha)
        image = image.quantize(64) if mode == "PA" else image
    else:
        image = image.convert(mode)
    content = io.BytesIO()
    options = {} if orientation == 1 else {"exif": exif(orientation)}
    options |= {"lossless": True} if form == "WEBP" else {}
    image.save(content, form, **options)
    return content.getvalue()


def by_pillow(content: bytes, channels: int) -> np.ndarray:
    """What Pillow shows: of a JPEG for a grey network the brightness that is stored; 16 bits, which
    it would clip, are brought to 8 first.
    """
    image = Image.open(io.BytesIO(content))
    if channels == 1 and image.mode == "RGB":
        image.draft("L", image.size)
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I"):
        return np.asarray(image)[..., np.newaxis].repeat(channels, axis=2) / 257
    if image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")
    pixels = np.asarray(image.convert("RGB" if channels == 3 else "L"))
    return pixels.reshape(*pixels.shape[:2], channels).astype(float)


STORED = [
    *[("JPEG", mode) for mode in ("RGB", "L", "CMYK")],
    *[("PNG", mode) for mode in ("RGB", "RGBA", "L", "LA", "P", "PA", "1", "I;16")],
    *[("BMP", mode) for mode in ("RGB", "L", "P", "1")],
    *[("GIF", mode) for mode in ("RGB", "L", "P")],
    *[("WEBP", mode) for mode in ("RGB", "RGBA")],
    *[("TIFF", mode) for mode in ("RGB", "RGBA", "L", "P", "CMYK", "I;16")],
]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("form, mode", STORED)
def test_every_format_is_decoded_as_pillow_does(form, mode, channels):
    content = stored(form, mode)
    decoded = decode(tf.constant(content), channels).numpy()
    assert decoded.dtype == np.uint8
    most = 0.5 if mode == "I;16" else 0
    assert np.abs(decoded - by_pillow(content, channels)).max() <= most


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(2, 9))
def test_photos_are_turned_as_their_exif_says(form, orientation):
    content = stored(form, "RGB", orientation)
    expected = by_pillow(content, 3)
    assert expected.shape == ((60, 80, 3) if orientation < 5 else (80, 60, 3))
    np.testing.assert_array_equal(decode(tf.constant(content), 3), expected)


@pytest.mark.parametrize("damage", ["no", "cut", "number"])
def test_exif_that_says_nothing_turns_nothing(damage):
    content = stored("JPEG", "RGB", 6)
    place = content.index(exif(6))
    if damage == "no":
        content = stored("JPEG", "RGB")
    elif damage == "cut":
        content = content[: place + 8] + bytes(len(exif(6)) - 8) + content[place + len(exif(6)) :]
    else:
        content = content.replace(exif(6), exif(9))
    assert decode(tf.constant(content), 3).shape == (60, 80, 3)
    seed = tf.constant([0, 1], tf.int64)
    assert decode_random_part(tf.constant(content), (8, 8), seed).shape[-1] == 3


@pytest.mark.parametrize("form", ["PNG", "GIF", "BMP", "WEBP", "TIFF"])
def test_a_torn_file_is_an_error_with_a_reason(form):
    content = tf.constant(stored(form, "RGB")[:-300])
    for decoder in (decode, tf.function(decode)):
        with pytest.raises(DECODE_ERRORS) as caught:
            decoder(content, 3)
        assert 5 < len(reason_of(caught.value)) < 120
        assert "Traceback" not in reason_of(caught.value)
        assert "rror" not in reason_of(caught.value)


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


@pytest.mark.parametrize(
    "form, orientation", [("PNG", 1), ("TIFF", 6), *[("JPEG", turn) for turn in (1, 3, 5, 6, 8)]]
)
def test_random_parts_are_parts_of_the_image(form, orientation):
    """The pixels of a picture whose red is its column and whose green is its row say where a part
    comes from.
    """
    rows, columns = np.mgrid[0:120, 0:160]
    image = Image.fromarray(
        np.stack([columns, rows, np.full_like(rows, 99)], axis=-1).astype(np.uint8)
    )
    # Stored so that it is seen as it is, by what undoes the orientation.
    undone = {6: 8, 8: 6}.get(orientation, orientation)
    turned = Image.open(io.BytesIO(saved(image, "PNG", exif=exif(undone))))
    held = ImageOps.exif_transpose(turned)
    options = {"exif": exif(orientation)} if orientation > 1 else {}
    content = (
        jpeg(held, subsampling=0, **options) if form == "JPEG" else saved(held, form, **options)
    )
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


@pytest.mark.parametrize("orientation", [1, 8])
@pytest.mark.parametrize("size, reduced", [(200, 1), (100, 2), (50, 4), (20, 8)])
def test_parts_much_larger_than_needed_are_decoded_reduced(size, reduced, orientation):
    """A part is reduced by the most that leaves it as large as what it becomes, and is then the
    mean of the pixels it stands for.
    """
    rows, columns = (
        np.mgrid[0:500, 0:500] // 2
    )  # so gentle a slope that the few pixels a window is moved by are as many grey levels
    content = jpeg(
        Image.fromarray(np.stack([columns, rows, 249 - rows], axis=-1).astype(np.uint8)),
        subsampling=0,
        **({"exif": exif(orientation)} if orientation > 1 else {}),
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
        # Turned, the blocks that are reduced begin at the other end: 500 % 8 pixels, 2 levels.
        assert np.abs(part - means).max() <= (7 if orientation == 1 else 9)
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


def test_formats_that_are_programs_are_not_images(tmp_path, monkeypatch):
    """Pillow gives EPS to Ghostscript, whatever a file is called."""
    ran, program = tmp_path / "ran", tmp_path / "gs"
    program.write_text(f"#!/bin/sh\ntouch {ran}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    eps = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nshowpage\n%%EOF\n"
    for decoder in (decode, tf.function(decode)):
        with pytest.raises(DECODE_ERRORS) as caught:
            decoder(tf.constant(eps), 3)
        assert reason_of(caught.value) == "its format is not known"
    assert not ran.exists()


@pytest.mark.parametrize("form, place, side", [("GIF", 6, "<H"), ("PNG", 16, ">I")])
def test_an_image_of_too_many_pixels_is_an_error_with_a_reason(form, place, side):
    content = bytearray(stored(form, "RGB"))
    sides = struct.pack(side, 60_000) * 2
    content[place : place + len(sides)] = sides
    if form == "PNG":
        content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    for decoder in (decode, tf.function(decode)):
        with pytest.raises(DECODE_ERRORS) as caught:
            decoder(tf.constant(bytes(content)), 3)
        assert reason_of(caught.value) == "it has too many pixels"
