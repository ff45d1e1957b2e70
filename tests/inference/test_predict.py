import csv
import itertools
import json
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from PIL import Image  # comes with matplotlib, of the test extra

from larq_igp.data import Preprocessing
from larq_igp.errors import UserError
from larq_igp.inference.image_paths import image_paths
from larq_igp.inference.opening import open_subject
from larq_igp.inference.predict import BATCH_SIZE, predict, read_image

MODES = {
    "png": ("L", "RGB", "RGBA"),
    "gif": ("L", "RGB", "RGBA"),
    "bmp": ("L", "RGB", "RGBA"),
    "jpg": ("L", "RGB"),
}


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    "suffix, mode", [(suffix, mode) for suffix, modes in MODES.items() for mode in modes]
)
def test_every_format_feeds_grey_and_colour_networks(suffix, mode, channels, tmp_path):
    path = tmp_path / f"an image.{suffix}"
    Image.new(mode, (40, 30), {"L": 120}.get(mode, (120, 120, 120, 255)[: len(mode)])).save(path)
    pixels = read_image(path, Preprocessing((28, 28, channels), mean=(0.0,), deviation=(1.0,)))
    assert pixels.shape == (28, 28, channels)
    np.testing.assert_allclose(pixels, 120, atol=1)


def test_rows_come_batch_by_batch_in_constant_memory(run_dir, tmp_path):
    """2,000 images would take 25 MB as inputs of 32x32x3; a batch of them takes 0.4 MB."""
    good, bad = tmp_path / "good.png", tmp_path / "bad.png"
    Image.new("L", (8, 8), 120).save(good)
    bad.write_text("no image")
    model = open_subject(run_dir)
    rows = predict(model, itertools.chain([good] * 2 * BATCH_SIZE, [bad]), top=1)
    first = [next(rows) for _ in range(2 * BATCH_SIZE)]
    assert {row["image"] for row in first} == {str(good)}
    assert next(rows)["image"] == str(bad)
    assert next(rows, None) is None
    rows = predict(model, itertools.repeat(good, 2000), top=1)
    next(rows)
    tracemalloc.start()
    assert sum(1 for _ in rows) == 1999
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4e6


def test_the_command_streams_rows_and_refuses_missing_images_first(run_dir, igp, refused, tmp_path):
    good, bad = tmp_path / "good.png", tmp_path / "bad.png"
    Image.new("L", (8, 8), 120).save(good)
    bad.write_text("no image")
    many = [good] * BATCH_SIZE
    assert "none.png does not exist" in refused("predict", run_dir, *many, tmp_path / "none.png")
    result = igp("predict", run_dir, *many, bad)
    assert result.exit_code == 2
    assert result.stdout.count("good.png: ") == BATCH_SIZE
    assert "bad.png is not an image" in result.stderr
    assert "1 of 33 images cannot be read." in result.stderr


def test_the_path_of_one_image_is_taken_as_it_is(run_dir, tmp_path):
    path = tmp_path / "one image.png"
    Image.new("L", (8, 8), 120).save(path)
    (row,) = predict(run_dir, str(path), top=1)
    assert row == next(predict(run_dir, [path], top=1))


@pytest.fixture()
def photos(tmp_path, monkeypatch):
    """A folder with three images, one of them damaged, and what is no image of the user's."""
    monkeypatch.chdir(tmp_path)
    inner = tmp_path / "my photos" / "Größe"
    inner.mkdir(parents=True)
    for name, level in (("b.png", 200), ("Größe/ä 1.jpg", 100)):
        Image.new("L", (9, 8), level).save(inner.parent / name)
    (inner.parent / "a.png").write_text("no image")
    (inner.parent / "notes.txt").write_text("no image either")
    (inner.parent / ".hidden.png").write_text("no image of the user's")
    (inner.parent / "@eaDir").mkdir()
    (inner.parent / "@eaDir" / "b.png").write_text("a thumbnail")
    return inner.parent


def test_folders_and_patterns_mean_the_images_in_them(photos):
    names = ["my photos/a.png", "my photos/b.png", "my photos/Größe/ä 1.jpg"]
    assert list(image_paths(["my photos"])) == names
    assert list(image_paths(["my photos/*"])) == names[:2]
    assert sorted(image_paths(["my photos/**/*"])) == sorted(names)
    assert list(image_paths(["my photos/b.png", "my photos/?.png"])) == [names[1], *names[:2]]
    (photos / "b[1].png").write_bytes((photos / "b.png").read_bytes())
    assert list(image_paths([photos / "b[1].png"])) == [str(photos / "b[1].png")]
    for given, sentence in (
        ("my photos/@eaDir/none", "does not exist"),
        ("*.gif", "no image matches"),
    ):
        with pytest.raises(UserError, match=sentence):
            image_paths([names[0], given])
    (photos / "empty").mkdir()
    with pytest.raises(UserError, match="empty holds no images"):
        image_paths([photos / "empty"])


def test_a_damaged_image_costs_its_own_row(run_dir, photos, igp):
    expected = {str(row["image"]): row for row in predict(run_dir, image_paths([photos]), top=5)}
    result = igp("predict", run_dir, photos, "-o", "rows.csv", "-o", "rows.json")
    assert result.exit_code == 2
    assert result.stdout == "3 images in rows.csv and rows.json\n"
    assert "1 of 3 images cannot be read." in result.stderr
    assert json.loads(Path("rows.json").read_text()) == list(expected.values())
    with open("rows.csv", encoding="utf-8", newline="") as file:
        rows = {row["image"]: row for row in csv.DictReader(file)}
    assert rows.keys() == expected.keys()
    bad, good = (rows[str(photos / name)] for name in ("a.png", "b.png"))
    assert "a.png is not an image" in bad["error"]
    assert bad["class"] == bad["probability_5"] == good["error"] == ""
    guesses = expected[good["image"]]["classes"]
    for place, guess in zip(("", "_2", "_3", "_4", "_5"), guesses, strict=True):
        assert good[f"class{place}"] == guess["class_name"]
        assert float(good[f"probability{place}"]) == pytest.approx(guess["probability"], rel=1e-5)
    printed = igp("predict", run_dir, photos, "--top", 1)
    assert printed.stdout.count(str(photos)) == 2
    document = json.loads(igp("predict", run_dir, photos, "--top", 1, "--json").stdout)
    assert [len(row["classes"]) for row in document] == [0, 1, 1]


def test_only_damaged_images_and_unwritable_files(run_dir, photos, refused):
    assert "1 of 1 image cannot be read" in refused("predict", run_dir, photos / "a.png")
    image = photos / "b.png"
    assert "must end in .csv or .json" in refused("predict", run_dir, image, "-o", "rows.txt")
    assert "does not exist" in refused("predict", run_dir, image, "-o", "none/rows.csv")
    assert not list(Path().glob("*.csv"))


def test_patterns_follow_no_links_in_circles(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "p" / "a" / ".hidden").mkdir(parents=True)
    for name in ("p/x.png", "p/a/y.png", "p/a/z.txt", "p/a/.hidden/h.png"):
        Path(name).touch()
    for name in ("first", "second"):
        Path("p/a", name).symlink_to("..")
    both = ["p/a/y.png", "p/x.png"]
    for pattern in ("p/**/*.png", "p/**", "p/**/", "**/*.png", "p**/**/*.png"):
        assert list(image_paths([pattern])) == both, pattern
    assert list(image_paths(["./p/**/a/**/*.png"])) == ["./p/a/y.png"]
    assert list(image_paths([f"{tmp_path}/**/y*"])) == [f"{tmp_path}/p/a/y.png"]
