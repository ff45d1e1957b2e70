"""Left and right can be classes: they are learned where training images are not mirrored."""

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from larq_igp.files import read_json
from larq_igp.inference.conversion import export
from larq_igp.training.fit.train import train
from larq_igp.training.recipe import Recipe

FOLDS, PER_CLASS = {"train": slice(0, 120), "val": slice(120, 160), "test": slice(160, 200)}, 40


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """The same figures on the left of an image and on the right of another: digits over their
    mirror images, so that only the side tells the classes apart.
    """
    root = tmp_path_factory.mktemp("sides")
    digits = load_digits().images
    figures = np.maximum(digits, digits[:, :, ::-1])
    for split, numbers in FOLDS.items():
        for column, name in ((2, "left"), (22, "right")):
            (root / split / name).mkdir(parents=True)
            for number, pixels in enumerate(figures[numbers]):
                image = Image.new("L", (40, 32), 255)
                figure = Image.fromarray((255 - 15.9 * pixels).astype(np.uint8)).resize((16, 20))
                image.paste(figure, (column, 6))
                image.save(root / split / name / f"{number}.png")
    return root


def trained(folder: Path, run: Path, *, mirror: bool) -> dict:
    recipe = Recipe(
        network="igp_resnet_tiny",
        parameters={"filters": 8, "blocks": (1, 1)},
        dataset="folder",
        data_dir=str(folder),
        input_shape=(32, 32, 1),
        geometry="stretch",
        crop_area=0.7,
        batch_size=24,
        epochs=16,
        mirror=mirror,
    )
    return train(recipe, run, verbose=0)


def test_sides_are_learned_without_mirroring(folder, tmp_path):
    outcome = trained(folder, tmp_path / "run", mirror=False)
    assert outcome["examples"] == 2 * PER_CLASS
    assert outcome["top1"] >= 0.95
    assert read_json(tmp_path / "run" / "config.json")["recipe"]["mirror"] is False
    export(tmp_path / "run", tmp_path / "net.tflite", images=10)
    card = read_json(tmp_path / "net.json")
    assert card["data"]["augmentation"]["flip"] is False


@pytest.mark.slow
def test_sides_cannot_be_learned_with_mirroring(folder, tmp_path):
    """Every image has either label then; what is measured is chance, and the best of several."""
    trained(folder, tmp_path / "run", mirror=True)
    with (tmp_path / "run" / "history.csv").open() as file:
        assert float(list(csv.DictReader(file))[-1]["top1"]) < 0.65
