"""The code of ``docs/python.md``, run as it stands."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import larq_igp
from larq_igp.data import DATASETS
from larq_igp.errors import UserError
from tests.conftest import ROOT

BLOCKS = re.findall(r"```python\n(.*?)```", (ROOT / "docs/python.md").read_text(), re.DOTALL)


@pytest.mark.slow
def test_every_block_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("larq_igp.data.datasets.DATASETS", DATASETS)
    pixels = np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8)
    Image.fromarray(pixels).save("photo.png")
    names: dict = {}
    assert len(BLOCKS) == 4
    for block in BLOCKS:
        exec(block, names)
    DATASETS.pop("big_digits")
    said = capsys.readouterr().out
    assert re.search(r"^\d+\.\d\d% of 360 test images$", said, re.MULTILINE)
    assert "(None, 32, 32, 3) ('0', '1'," in said
    assert Path("net.tflite").is_file()
    network = names["network"]
    assert "10 classes" in repr(network)
    (row,) = network.predict("photo.png", top=1)
    found = network.probabilities("photo.png")
    assert row["classes"][0]["label"] == found.argmax()
    assert row["classes"][0]["probability"] == pytest.approx(found.max(), abs=1e-6)
    np.testing.assert_array_equal(network.probabilities([pixels]), found)
    assert network.probabilities([]).shape == (0, 10)
    with pytest.raises(UserError, match=r"uint8 \(h, w, c\); got float64"):
        network.probabilities(pixels / 255)
    with pytest.raises(UserError, match="is not a run directory"):
        larq_igp.load("net.tflite")
