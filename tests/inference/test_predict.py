import numpy as np
import pytest
from PIL import Image  # comes with matplotlib, of the test extra

from larq_igp.data import Preprocessing
from larq_igp.inference.predict import read_image

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
