"""Data sets that a program holds."""

import numpy as np
import pytest

import larq_igp
from larq_igp.data import DATASETS, DatasetError, eval_arrays, load_dataset
from larq_igp.keras2 import tf
from larq_igp.training.run.directory import open_run

IMAGES = np.random.default_rng(0).integers(0, 256, (120, 28, 30, 3), np.uint8)
LABELS = np.arange(120) % 4


@pytest.fixture(autouse=True)
def forget():
    """Forget what a test registers."""
    before = dict(DATASETS)
    yield
    DATASETS.clear()
    DATASETS.update(before)


def test_one_image_in_ten_is_held_out_of_each_class():
    data = larq_igp.from_arrays((IMAGES, LABELS))
    assert {name: split.examples for name, split in data.splits.items()} == {
        "train": 100, "validation": 8, "test": 12,
    }  # fmt: skip
    found = [data.split(name) for name in ("train", "validation", "test")]
    rows = [split.load(tf.constant(i)) for split in found for i in range(split.examples)]
    held = {image.numpy().tobytes() for image, _ in rows}
    assert held == {image.tobytes() for image in IMAGES}
    assert np.bincount(found[1].labels).tolist() == [2] * 4  # a tenth of the 27 that are left
    assert np.bincount(found[2].labels).tolist() == [3] * 4
    again = larq_igp.from_arrays((IMAGES, LABELS))
    assert again.identity().contents == data.identity().contents


def test_moments_are_those_of_the_training_images():
    data = larq_igp.from_arrays((IMAGES, LABELS), (IMAGES[:4], LABELS[:4]), (IMAGES, LABELS))
    np.testing.assert_allclose(data.mean, IMAGES.mean((0, 1, 2), np.float64))
    np.testing.assert_allclose(data.deviation, IMAGES.std((0, 1, 2), np.float64))
    batches = eval_arrays(data, "validation", data.preprocessing(), batch_size=4)
    ((inputs, labels),) = batches
    np.testing.assert_array_equal(labels, LABELS[:4])
    expected = (IMAGES[:4] - np.float32(data.mean)) / np.float32(data.deviation)
    np.testing.assert_allclose(inputs, expected, atol=1e-5)


@pytest.mark.parametrize("batch", [None, 7])
def test_a_tensorflow_dataset_is_the_same_images(batch):
    pairs = tf.data.Dataset.from_tensor_slices((IMAGES, LABELS))
    data = larq_igp.from_arrays(pairs.batch(batch) if batch else pairs)
    assert data.identity() == larq_igp.from_arrays((IMAGES, LABELS)).identity()


PAIRS = tf.data.Dataset.from_tensor_slices((IMAGES, LABELS))


@pytest.mark.parametrize(
    "given, message",
    [
        ({"train": IMAGES}, r"train must be \(images, labels\) or a tf.data.Dataset; got ndarray"),
        ({"train": (IMAGES / 255, LABELS)}, "must be uint8, from 0 to 255; got float64"),
        ({"train": (IMAGES[0, 0], LABELS)}, r"must be \(N, H, W, C\) or \(N, H, W\); got"),
        ({"train": (IMAGES, LABELS[1:])}, "must be 120 integers, one for each image"),
        ({"train": (IMAGES, np.eye(4)[LABELS])}, "must be 120 integers, one for each image"),
        ({"train": (IMAGES, LABELS - 1)}, "labels must be integers from 0"),
        ({"train": (IMAGES, LABELS), "class_names": ["a", "b"]}, "label 2 of .* 2 classes, 0 to 1"),
        ({"train": (IMAGES, LABELS * 2)}, "train has no image of class 1"),
        ({"train": (IMAGES, LABELS * 0)}, "at least 2 classes are needed"),
        ({"train": (IMAGES, LABELS), "class_names": "ab"}, "must be a list of texts"),
        ({"train": (IMAGES[:4], LABELS[:4])}, "too few images to hold any out for test"),
        ({"train": (IMAGES, LABELS), "test": (IMAGES[:, 1:], LABELS)}, "and those of train of"),
        ({"train": PAIRS.repeat()}, "a finite tf.data.Dataset of pairs"),
        ({"train": PAIRS.map(lambda image, label: image)}, "a finite tf.data.Dataset of pairs"),
    ],
)
def test_what_is_no_data_set_is_refused(given, message):
    with pytest.raises(DatasetError, match=message):
        larq_igp.from_arrays(**given)


def test_names_are_checked():
    data = larq_igp.from_arrays((IMAGES, LABELS))
    for name in ("digits", "my data", "", None):
        with pytest.raises(DatasetError, match=r"choose another name|letters, digits and _"):
            larq_igp.register_dataset(name, data)
    larq_igp.register_dataset("mine", lambda data_dir: data)
    assert load_dataset("mine") is data


def test_a_run_on_arrays_is_resumed_on_the_same_alone(tmp_path):
    data = larq_igp.from_arrays((IMAGES, LABELS), name="mine")
    options = {"parameters": {"filters": 4}, "batch_size": 32, "verbose": 0}
    done = larq_igp.train("resnet_tiny", tmp_path / "run", dataset=data, epochs=1, **options)
    assert done["examples"] == 12
    assert open_run(tmp_path / "run").recipe.dataset == "mine"
    network = larq_igp.load(tmp_path / "run")
    assert network.evaluate()["top1"] == done["top1"]
    answers = network.probabilities(list(IMAGES[:2]))
    assert answers.shape == (2, 4)
    np.testing.assert_allclose(answers.sum(1), 1, atol=1e-5)
    np.testing.assert_array_equal(answers[:1], network.probabilities(IMAGES[0]))
    (tmp_path / "run" / "metrics.json").unlink()  # as if it had been stopped before its end
    other = larq_igp.from_arrays((IMAGES[:, ::-1], LABELS), name="mine")
    with pytest.raises(
        larq_igp.errors.UserError, match=r"cannot be resumed on other data .*: the files hold other"
    ):
        larq_igp.train(None, tmp_path / "run", resume=True, dataset=other, verbose=0)
