"""The runtime, which has no TensorFlow, feeds photos and names them as this package does."""

import json
import subprocess
import sys

import numpy as np
import pytest

from larq_igp.data import Preprocessing
from larq_igp.deploy.card import read_card
from larq_igp.deploy.engines import open_engine
from larq_igp.deploy.errors import CardError, TFLiteFileError
from larq_igp.inference.predict import ImageError, predict, read_image
from tests.conftest import missing
from tests.data.files import jpeg, picture
from tests.data.test_images import STORED, exif, stored

try:
    from larq_igp_runtime import Interpreter, ModelError, photos
except ImportError:
    photos = None

NORMALISED = {"mean": (123.7, 116.3, 103.5), "deviation": (58.4, 57.1, 57.4)}
GREY = {"mean": (77.8,), "deviation": (82.4,)}


@pytest.fixture(autouse=True)
def _runtime():
    if photos is None:
        missing("larq-igp-runtime")


def card_of(preprocessing: Preprocessing):
    return photos._card({"preprocessing": preprocessing.to_json(), "class_names": []})


@pytest.mark.parametrize(
    "geometry", [{}, {"crop": 0.875}, {"letterbox": True}], ids=["stretch", "crop", "letterbox"]
)
@pytest.mark.parametrize("shape", [(28, 28, 1), (32, 40, 3), (96, 64, 3), (60, 80, 3)])
def test_inputs_differ_by_rounding_alone(tmp_path, shape, geometry):
    levels = GREY if shape[-1] == 1 else NORMALISED
    preprocessing = Preprocessing(shape, **levels, **geometry)
    card = card_of(preprocessing)
    contents = [stored(form, mode) for form, mode in STORED]
    contents += [jpeg(picture(3, 375, 500), exif=exif(turn)) for turn in (1, 3, 6, 8)]
    for number, content in enumerate(contents):
        path = tmp_path / f"{number}.any"
        path.write_bytes(content)
        ours, theirs = read_image(path, preprocessing), photos.read_photo(path, card)
        assert theirs.dtype == np.float32
        assert theirs.shape == shape
        # Of 255 grey levels: float32 has seven digits.
        assert np.abs(ours - theirs).max() * min(preprocessing.deviation) < 1e-3


@pytest.fixture(scope="module")
def converted(run_dir, tmp_path_factory):
    from larq_igp.inference.conversion import export

    folder = tmp_path_factory.mktemp("on the Pi")
    export(run_dir, folder / "net.tflite")
    (folder / "a photo.png").write_bytes(stored("PNG", "L"))
    (folder / "turned.jpg").write_bytes(jpeg(picture(1), exif=exif(6)))
    return folder


def typed(folder, *arguments):
    command = [sys.executable, "-m", "larq_igp_runtime", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def test_the_name_and_probability_are_those_of_predict(converted):
    paths = ["a photo.png", "turned.jpg"]
    rows = list(predict(converted / "net.tflite", [converted / path for path in paths], top=3))
    lines = typed(converted, "net.tflite", *paths, "--top", "3", "--json").stdout.splitlines()
    for path, row, line in zip(paths, rows, lines, strict=True):
        found = json.loads(line)
        assert found["photo"] == path
        for ours, theirs in zip(row["classes"], found["classes"], strict=True):
            assert ours["class_name"] == theirs["name"]
            assert ours["probability"] == pytest.approx(theirs["probability"], abs=1e-5)
    best = rows[0]["classes"][0]
    expected = f"{best['class_name']} {100 * best['probability']:.1f} %\n"
    assert typed(converted, "net.tflite", "a photo.png").stdout == expected


def test_what_cannot_be_named_is_one_sentence(converted, tmp_path):
    (converted / "text.png").write_text("no image")
    result = typed(converted, "net.tflite", "text.png", "nothing.png", "turned.jpg")
    assert result.returncode == 2
    assert "text.png is not an image, or it is damaged: it is in no known format." in result.stderr
    assert "image nothing.png does not exist or is not a file." in result.stderr
    assert result.stdout.startswith("turned.jpg: ")
    (tmp_path / "net.tflite").write_bytes((converted / "net.tflite").read_bytes())
    result = typed(tmp_path, "net.tflite", converted / "turned.jpg")
    assert (result.returncode, result.stdout) == (2, "")
    assert "error: net.tflite has no card: copy net.json" in result.stderr
    (tmp_path / "net.json").write_bytes((converted / "net.json").read_bytes())
    (tmp_path / "net.tflite").write_bytes(b"another")
    assert "belongs to another file" in typed(tmp_path, "net.tflite", "x.png").stderr
    for content in ("{", "[]", '{"sha256": 1}'):
        (tmp_path / "net.json").write_text(content)
        result = typed(tmp_path, "net.tflite", "x.png")
        assert result.returncode == 2
        assert "net.json is " in result.stderr
        assert "Traceback" not in result.stderr


def test_formats_that_are_programs_are_not_photos(tmp_path):
    photo, card = tmp_path / "a.png", card_of(Preprocessing((8, 8, 3), **NORMALISED))
    photo.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\n")
    with pytest.raises(ValueError, match="it is in no known format"):
        photos.read_photo(photo, card)


@pytest.mark.parametrize("content", [None, "{", "[]", '{"sha256": "0"}'])
def test_a_damaged_card_has_the_same_sentence_in_both_packages(converted, tmp_path, content):
    path = tmp_path / "net.tflite"
    path.write_bytes((converted / "net.tflite").read_bytes())
    if content is not None:
        whole = json.loads((converted / "net.json").read_text())
        is_whole = content.startswith('{"')
        text = json.dumps(whole | json.loads(content)) if is_whole else content
        path.with_suffix(".json").write_text(text)
    with pytest.raises(CardError) as ours:
        read_card(path)
    with pytest.raises(ValueError) as theirs:
        photos.read_card(path)
    assert str(ours.value) == str(theirs.value)


@pytest.mark.parametrize("name", ["", "nothing.png"])
def test_what_is_no_file_has_the_same_sentence_in_both_packages(tmp_path, name):
    preprocessing = Preprocessing((8, 8, 1), **GREY)
    with pytest.raises(ImageError, match="does not exist or is not a file") as ours:
        read_image(tmp_path / name, preprocessing)
    with pytest.raises(ValueError) as theirs:
        photos.read_photo(tmp_path / name, card_of(preprocessing))
    assert str(ours.value) == str(theirs.value)


@pytest.mark.parametrize("size", [4, 200, 3000])
def test_a_cut_file_has_the_same_sentence_in_both_packages(converted, tmp_path, size):
    path = tmp_path / "net.tflite"
    path.write_bytes((converted / "net.tflite").read_bytes()[:size])
    with pytest.raises(TFLiteFileError) as ours:
        open_engine(path)
    with pytest.raises(ModelError) as theirs:
        Interpreter(path)
    assert str(ours.value) == str(theirs.value)
