import numpy as np
import pytest

from larq_igp.data import DatasetError, eval_batches, load_dataset, train_batches
from tests.data.files import write_cifar100, write_prepared_cifar100


def all_examples(split):
    pairs = [split.load(index) for index in range(split.examples)]
    return np.stack([image for image, _ in pairs]), np.array([int(label) for _, label in pairs])


@pytest.mark.parametrize("inside", [True, False], ids=["its folder", "the folder around it"])
def test_cifar100_reads_the_binary_archive(tmp_path, inside):
    folder = tmp_path / "with a space" / "cifar-100-binary"
    records = write_cifar100(folder)
    dataset = load_dataset("cifar100", data_dir=folder if inside else folder.parent)
    assert {name: split.examples for name, split in dataset.splits.items()} == {
        "train": 54,
        "validation": 6,
        "test": 20,
    }
    stored = {
        "train": records["train"][:54],
        "validation": records["train"][54:],
        "test": records["test"],
    }
    for name, rows in stored.items():
        images, labels = all_examples(dataset.split(name))
        np.testing.assert_array_equal(labels, rows[:, 1])
        for row, image in zip(rows, images, strict=True):
            planes = row[2:].reshape(3, 32, 32)
            for channel in range(3):
                np.testing.assert_array_equal(image[..., channel], planes[channel])


def test_cifar10_reads_its_five_batches_in_order(tmp_path):
    generator = np.random.default_rng(0)
    records = generator.integers(0, 256, (6, 4, 3073), dtype=np.uint8)
    records[..., 0] %= 10
    names = [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]
    for name, rows in zip(names, records, strict=True):
        rows.tofile(tmp_path / f"{name}.bin")
    dataset = load_dataset("cifar10", data_dir=tmp_path)
    assert dataset.class_names[3] == "cat"
    labels = [all_examples(dataset.split(name))[1] for name in ("train", "validation", "test")]
    np.testing.assert_array_equal(np.concatenate(labels), records[..., 0].ravel())


def test_class_names_are_sorted_as_in_the_official_lists():
    from larq_igp.data.cifar import CIFAR10_CLASSES, CIFAR100_CLASSES

    for names, count in ((CIFAR10_CLASSES, 10), (CIFAR100_CLASSES, 100)):
        assert len(set(names)) == count
        assert list(names) == sorted(names)


@pytest.mark.parametrize(
    "damage, message",
    [
        (
            lambda folder: (folder / "test.bin").unlink(),
            r"lacks test\.bin: unpack the archive "
            r"again",
        ),
        (
            lambda folder: (folder / "train.bin").write_bytes(b"x" * 3075),
            "3,075 bytes are not a whole number of records of 3074",
        ),
        (lambda folder: (folder / "train.bin").write_bytes(b""), "not a whole number of records"),
        (
            lambda folder: (folder / "train.bin").write_bytes(b"\xff" * 3074),
            "has the label 255, and there are 100 classes",
        ),
        (
            lambda folder: np.zeros(3074, np.uint8).tofile(folder / "train.bin"),
            "1 training images, which is too few",
        ),
    ],
)
def test_damaged_archives_are_refused(tmp_path, damage, message):
    write_cifar100(tmp_path / "cifar-100-binary")
    damage(tmp_path / "cifar-100-binary")
    with pytest.raises(DatasetError, match=message):
        load_dataset("cifar100", data_dir=tmp_path)


def test_what_is_missing_is_said_with_how_to_get_it(tmp_path):
    with pytest.raises(
        DatasetError, match=r"cifar100 was not found in .*cifar-100-binary\.tar\.gz.*--download"
    ):
        load_dataset("cifar100", data_dir=tmp_path)
    (tmp_path / "cifar-100-binary.tar.gz").write_bytes(b"")
    with pytest.raises(
        DatasetError, match=r"unpack cifar-100-binary\.tar\.gz there with `tar xzf`"
    ):
        load_dataset("cifar100", data_dir=tmp_path)


def test_training_images_are_moved_over_black_by_up_to_4_pixels_and_mirrored(tmp_path):
    records = write_cifar100(tmp_path / "cifar-100-binary", train=10)
    dataset = load_dataset("cifar100", data_dir=tmp_path)
    preprocessing = dataset.preprocessing()
    padded = {}
    for row in records["train"][:9]:
        image = row[2:].reshape(3, 32, 32).transpose(1, 2, 0)
        padded[int(row[1])] = np.pad(image, [(4, 4), (4, 4), (0, 0)])
    found = set()
    for images, labels in (
        train_batches(dataset, preprocessing, batch_size=9, seed=0).take(8).as_numpy_iterator()
    ):
        assert images.dtype == np.uint8
        for image, label in zip(images, labels, strict=True):
            places = [
                (top, left, mirrored)
                for top in range(9)
                for left in range(9)
                for mirrored in (False, True)
                if np.array_equal(
                    image[:, ::-1] if mirrored else image,
                    padded[int(label)][top : top + 32, left : left + 32],
                )
            ]
            assert len(places) == 1
            found.add(places[0])
    assert {top for top, _, _ in found} == {left for _, left, _ in found} == set(range(9))
    assert {mirrored for _, _, mirrored in found} == {False, True}


def test_evaluation_normalises_each_channel(tmp_path):
    records = write_cifar100(tmp_path / "cifar-100-binary")
    dataset = load_dataset("cifar100", data_dir=tmp_path)
    images, _ = next(
        eval_batches(
            dataset.split("test"), dataset.preprocessing(), batch_size=20
        ).as_numpy_iterator()
    )
    stored = records["test"][:, 2:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1).astype(np.float32)
    expected = (stored - np.float32([129.3, 124.1, 112.4])) / np.float32([68.2, 65.4, 70.4])
    np.testing.assert_array_equal(images, expected)


def test_cifar100_through_tensorflow_datasets(tmp_path):
    write_cifar100(tmp_path / "cifar-100-binary")
    write_prepared_cifar100(tmp_path / "prepared")
    dataset = load_dataset("cifar100", data_dir=tmp_path / "prepared")
    archive = load_dataset("cifar100", data_dir=tmp_path)
    assert dataset.class_names == archive.class_names
    for names in (
        ("train", "validation"),
        ("test",),
    ):  # tensorflow-datasets shuffles what it prepares
        both = []
        for source in (dataset, archive):
            parts = [all_examples(source.split(name)) for name in names]
            both.append(
                sorted(
                    (image.tobytes(), label)
                    for part in parts
                    for image, label in zip(*part, strict=True)
                )
            )
        assert both[0] == both[1]
