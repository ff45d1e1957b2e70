"""How images are brought to size, and how training images are changed at random."""

import dataclasses
import io

import numpy as np
import pytest
from PIL import Image

from larq_igp.data import Preprocessing, load_dataset
from larq_igp.data.augment import augment
from larq_igp.data.dataset import Dataset, in_memory_split
from larq_igp.data.images import decode_random_part
from larq_igp.data.pipeline import eval_arrays, train_batches, train_indices
from larq_igp.data.preprocess import PreprocessingError
from larq_igp.keras2 import tf
from larq_igp.training.recipe import Recipe, RecipeError, make_recipe
from larq_igp.training.recipe.sources import from_keywords
from larq_igp.training.run.feeding import fed
from tests.data.files import bilinear, jpeg, picture, write_class_folders

MEAN, DEVIATION = (124.7, 116.3, 103.5), (58.4, 57.1, 57.4)
PIXELS = np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("photos")
    write_class_folders(root, {"train": 4, "val": 1, "test": 1}, ("left", "right"))
    return root


def dataset(**fields) -> Dataset:
    split = in_memory_split(PIXELS[np.newaxis], np.zeros(1, int))
    splits = dict.fromkeys(("train", "validation", "test"), split)
    return Dataset("one", ("a", "b"), splits, PIXELS.shape, MEAN, DEVIATION, **fields)


@pytest.mark.parametrize(
    "stored, inner", [((20, 60), (8, 24)), ((90, 30), (24, 8)), ((1, 999), (1, 24))]
)
def test_a_letterbox_holds_all_of_an_image_in_the_middle_of_the_mean(stored, inner):
    image = np.random.default_rng(1).integers(0, 256, (*stored, 3), dtype=np.uint8)
    found = Preprocessing((24, 24, 3), MEAN, DEVIATION, letterbox=True).resize(tf.constant(image))
    top, left = ((24 - side) // 2 for side in inner)
    expected = np.empty((24, 24, 3))
    expected[:] = (125, 116, 104)
    expected[top : top + inner[0], left : left + inner[1]] = bilinear(image, *inner)
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_descriptions_of_letterboxes_are_read_again_and_checked():
    boxed = Preprocessing((32, 32, 3), MEAN, DEVIATION, letterbox=True)
    assert boxed.to_json()["letterbox"] is True
    assert Preprocessing.from_json(boxed.to_json()) == boxed
    stretched = Preprocessing((32, 32, 3), MEAN, DEVIATION)
    assert "letterbox" not in stretched.to_json()
    for wrong in ({"letterbox": "yes"}, {"letterbox": True, "crop": 0.875}):
        with pytest.raises(PreprocessingError, match="letterbox of the preprocessing"):
            Preprocessing.from_json(stretched.to_json() | wrong)


@pytest.mark.parametrize(
    "fields, crop, letterbox",
    [
        ({}, 0.875, False),
        ({"geometry": "crop"}, 0.875, False),
        ({"centre_crop": 1.0}, 1.0, False),
        ({"geometry": "letterbox"}, None, True),
        ({"geometry": "stretch"}, None, False),
    ],
)
def test_geometry_of_a_recipe_is_that_of_evaluation(folder, fields, crop, letterbox):
    recipe = Recipe(network="igp_resnet_tiny", **fields)
    data = fed(load_dataset("folder", data_dir=str(folder)), recipe)
    preprocessing = data.preprocessing((32, 32, 3))
    assert (preprocessing.crop, preprocessing.letterbox) == (crop, letterbox)
    assert data.identity(files=False).normalisation["letterbox"] == letterbox


@pytest.mark.parametrize("geometry", ["crop", "letterbox", "stretch"])
def test_with_a_crop_area_of_1_images_are_trained_on_as_they_are_measured(folder, geometry):
    recipe = Recipe(
        network="igp_resnet_tiny", dataset="folder", geometry=geometry, crop_area=1.0, mirror=False
    )
    data = fed(load_dataset("folder", data_dir=str(folder)), recipe)
    preprocessing = data.preprocessing((32, 32, 3))
    batches = train_batches(data, preprocessing, batch_size=8, seed=0)
    trained = preprocessing.normalise(next(iter(batches))[0]).numpy()
    order = list(train_indices(data, batch_size=8, seed=0, steps=range(1)))
    measured = next(eval_arrays(data, "train", preprocessing, batch_size=8))[0][order]
    # Training images travel in whole grey levels.
    assert (np.abs(trained - measured) * data.deviation).max() < 0.501


@pytest.mark.parametrize("keeps_ratio, lowest, highest", [(False, 3 / 4, 4 / 3), (True, 3, 16 / 3)])
def test_ratios_of_random_parts(keeps_ratio, lowest, highest):
    content = tf.constant(jpeg(picture(0, 100, 400)))
    ratios = []
    for number in range(20):
        part = decode_random_part(
            content, (8, 8), tf.constant([0, number]), keeps_ratio=keeps_ratio, scaled=False
        )
        height, width, _ = part.shape
        assert 0.05 * 40_000 < height * width <= 40_000
        ratios.append(width / height)
    assert lowest * 0.9 < min(ratios) < max(ratios) < highest * 1.1


def test_parts_that_keep_the_ratio_lie_at_either_side_alike():
    """Else a mirrored image could be told from one that is not."""
    columns = np.tile(np.arange(40, dtype=np.uint8), (32, 1))
    content = io.BytesIO()
    Image.fromarray(columns).save(content, "PNG")
    content, margins = tf.constant(content.getvalue()), []
    options = {"channels": 1, "area": 0.7, "keeps_ratio": True, "scaled": False}
    for number in range(400):
        part = decode_random_part(content, (8, 8), tf.constant([0, number]), **options).numpy()
        margins.append((part.min(), 39 - part.max()))
    left, right = np.mean(margins, axis=0)
    assert left == pytest.approx(right, abs=0.5)
    assert 1 < left < 3


def changed(number: int, **fields) -> np.ndarray:
    return augment(tf.constant(PIXELS), dataset(**fields), tf.constant([7, number])).numpy()


def test_mirroring_is_a_choice():
    mirrored = [(changed(i, flip=True) == PIXELS[:, ::-1]).all() for i in range(20)]
    assert 4 < sum(mirrored) < 16
    for number in range(20):
        np.testing.assert_array_equal(changed(number), PIXELS)
    recipe = Recipe(network="igp_resnet_tiny", mirror=False)
    assert fed(dataset(flip=True), recipe).flip is False
    assert fed(dataset(flip=True), Recipe(network="igp_resnet_tiny")).flip is True


def test_cut_out_is_a_square_of_the_mean():
    covered = []
    for number in range(20):
        found = changed(number, cut_out=0.5)
        hole = (found != PIXELS).any(axis=-1)
        assert {tuple(pixel) for pixel in found[hole].tolist()} <= {
            (124, 116, 103),
            (125, 116, 104),
        }
        rows, columns = hole.any(axis=1).sum(), hole.any(axis=0).sum()
        covered.append((rows, columns))
        assert hole.sum() >= 0.9 * rows * columns
    assert max(covered) in {(12, 12), (13, 13), (12, 13), (13, 12)}  # half of 24 rows


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_colours_change_within_their_share_and_by_the_seed_alone(dtype):
    grey = np.full((8, 8, 3), 100, dtype)
    levels = []
    for number in range(20):
        seed = tf.constant([7, number])
        found = augment(tf.constant(grey), dataset(colour_jitter=0.2), seed)
        again = augment(tf.constant(grey), dataset(colour_jitter=0.2), seed)
        assert found.dtype == dtype
        np.testing.assert_array_equal(found, again)
        levels.append(float(tf.reduce_mean(tf.cast(found, tf.float32))))
    assert 100 - 0.2 * 255 - 1 <= min(levels) < 80 < 120 < max(levels) <= 100 + 0.2 * 255 + 1
    one_channel = augment(tf.constant(grey[..., :1]), dataset(colour_jitter=0.2), seed)
    assert one_channel.shape == (8, 8, 1)


@pytest.mark.parametrize(
    "fields, sentence",
    [
        ({"geometry": "squeeze"}, "geometry must be one of crop, letterbox, stretch or none"),
        ({"geometry": "stretch", "centre_crop": 0.5}, "centre_crop is for the geometry crop"),
        ({"centre_crop": 0.0}, "centre_crop must be a number above 0 and at most 1 or none"),
        ({"crop_area": 0.5}, "crop_area is for dataset folder or imagenet2012"),
        ({"mirror": 3}, "mirror must be true or false or none; got 3"),
        ({"cut_out": 1.0}, "cut_out must be a number from 0 to below 1"),
        ({"ema": 0.9, "optimizer": "bop"}, "ema averages latent weights, and bop has none"),
        ({"class_weights": "even"}, "class_weights must be balanced or none"),
    ],
)
def test_what_cannot_be_is_refused(fields, sentence):
    with pytest.raises(RecipeError, match=sentence):
        make_recipe(from_keywords({"network": "igp_resnet_tiny", **fields}))


def test_older_recipes_mean_what_they_meant():
    digits = load_dataset("digits")
    assert fed(digits, Recipe(network="igp_resnet_tiny")) == dataclasses.replace(digits)
