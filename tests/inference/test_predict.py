import itertools
import tracemalloc

import numpy as np
import pytest
from PIL import Image  # comes with matplotlib, of the test extra

from larq_igp.data import Preprocessing
from larq_igp.inference.opening import open_subject
from larq_igp.inference.predict import BATCH_SIZE, ImageError, predict, read_image

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
    with pytest.raises(ImageError, match=r"bad\.png is not an image"):
        next(rows)
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
    assert "bad.png is not an image" in refused("predict", run_dir, *many, bad, "--json")


def test_the_path_of_one_image_is_taken_as_it_is(run_dir, tmp_path):
    path = tmp_path / "one image.png"
    Image.new("L", (8, 8), 120).save(path)
    (row,) = predict(run_dir, str(path), top=1)
    assert row == next(predict(run_dir, [path], top=1))
