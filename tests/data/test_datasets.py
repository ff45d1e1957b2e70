import gzip
import hashlib

import numpy as np
import pytest

from larq_igp.data import DATASETS, DatasetError, Preprocessing, eval_batches, load_dataset
from larq_igp.errors import UserError


def all_examples(split) -> tuple[np.ndarray, np.ndarray]:
    pairs = [split.load(index) for index in range(split.examples)]
    return np.stack([image for image, _ in pairs]), np.array([int(label) for _, label in pairs])


def test_digits_are_scikit_learns_each_once():
    from sklearn.datasets import load_digits

    dataset = load_dataset("digits")
    assert {name: split.examples for name, split in dataset.splits.items()} == {
        "train": 1257,
        "validation": 180,
        "test": 360,
    }
    images = np.concatenate([all_examples(split)[0] for split in dataset.splits.values()])
    restored = np.round(images[..., 0] * (16 / 255)).astype(int)
    assert sorted(map(bytes, restored.astype(np.uint8))) == sorted(
        map(bytes, load_digits().images.astype(np.uint8))
    )
    for split in dataset.splits.values():
        labels = all_examples(split)[1]
        assert set(labels) == set(range(10))


def test_fashion_mnist_reads_the_official_files(fashion_folder):
    dataset = load_dataset("fashion_mnist")
    sizes = {name: split.examples for name, split in dataset.splits.items()}
    assert sizes == {"train": 55_000, "validation": 5_000, "test": 10_000}
    raw = gzip.decompress((fashion_folder / "t10k-images-idx3-ubyte.gz").read_bytes())[16:]
    images = np.concatenate([image for image, _ in batches(dataset, "test")])
    assert (
        hashlib.sha256(images.astype(np.uint8).tobytes()).digest() == hashlib.sha256(raw).digest()
    )


def batches(dataset, split):
    as_stored = Preprocessing(dataset.input_shape, mean=(0.0,), deviation=(1.0,))
    return eval_batches(dataset.split(split), as_stored, batch_size=1000).as_numpy_iterator()


@pytest.mark.parametrize("name", ["digits", "fashion_mnist"])
def test_mean_and_deviation_are_those_of_the_training_images(name, fashion_folder):
    dataset = load_dataset(name)
    as_stored = Preprocessing(dataset.input_shape, mean=(0.0,), deviation=(1.0,))
    pixels = np.concatenate(
        [
            x
            for x, _ in eval_batches(
                dataset.split("train"), as_stored, batch_size=1000
            ).as_numpy_iterator()
        ]
    )
    assert np.mean(pixels, dtype=np.float64) == pytest.approx(dataset.mean[0], abs=0.05)
    assert np.std(pixels, dtype=np.float64) == pytest.approx(dataset.deviation[0], abs=0.05)


def test_fashion_mnist_in_a_folder_of_ones_own(fashion_folder, tmp_path):
    folder = tmp_path / "with a space"
    folder.mkdir()
    for file in fashion_folder.glob("*.gz"):
        (folder / file.stem).write_bytes(gzip.decompress(file.read_bytes()))
    image, label = load_dataset("fashion_mnist", data_dir=folder).split("test").load(0)
    assert image.shape == (28, 28, 1)
    assert int(label) == 9  # the first test image is an ankle boot


def test_images_and_labels_must_belong_together(fashion_folder, tmp_path):
    for file in fashion_folder.glob("*.gz"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "train-labels-idx1-ubyte.gz").write_bytes(
        (tmp_path / "t10k-labels-idx1-ubyte.gz").read_bytes()
    )
    with pytest.raises(DatasetError, match="do not belong together"):
        load_dataset("fashion_mnist", data_dir=tmp_path)


def test_fashion_mnist_through_tensorflow_datasets(fashion_folder, tmp_path):
    """A data set as tensorflow-datasets prepares it, from the official images:

    5,100 for training, 50 for test.
    """
    import tensorflow_datasets as tfds

    source = load_dataset("fashion_mnist")
    builder = tfds.builder("fashion_mnist", data_dir=tmp_path)

    def examples(split, count):
        for index in range(count):
            image, label = source.split(split).load(index)
            yield index, {"image": image.numpy(), "label": int(label)}

    builder._split_generators = lambda _: {
        "train": examples("train", 5_100),
        "test": examples("test", 50),
    }
    builder.download_and_prepare()

    dataset = load_dataset("fashion_mnist", data_dir=tmp_path)
    assert {name: split.examples for name, split in dataset.splits.items()} == {
        "train": 100,
        "validation": 5_000,
        "test": 50,
    }
    images, labels = all_examples(dataset.split("test"))
    first = [source.split("test").load(index) for index in range(50)]
    expected = sorted((image.numpy().tobytes(), int(label)) for image, label in first)
    assert (
        sorted(zip(map(bytes, images), labels, strict=True)) == expected
    )  # tensorflow-datasets shuffles what it prepares


def test_what_is_not_there_is_explained(tmp_path):
    with pytest.raises(
        DatasetError,
        match=r"fashion_mnist was not found in .*--data-dir.*dataset-fashion-mnist.*--download",
    ):
        load_dataset("fashion_mnist", data_dir=tmp_path)
    with pytest.raises(DatasetError, match="is not a folder"):
        load_dataset("digits", data_dir=tmp_path / "none")
    with pytest.raises(DatasetError, match=r"no data set is named 'digit'\. Did you mean digits"):
        load_dataset("digit")
    with pytest.raises(
        DatasetError, match="digits has no split 'val'; it has train, validation, test"
    ):
        load_dataset("digits").split("val")


@pytest.mark.parametrize("name", DATASETS)
def test_missing_files_are_user_errors(name, tmp_path):
    with pytest.raises(UserError):
        load_dataset(name, data_dir=tmp_path / "none")
