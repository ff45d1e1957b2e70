"""What data are: kept, read again, compared, and what differs in one sentence."""

import json
import shutil

import numpy as np
import pytest

from larq_igp.data import Identity, load_dataset, require_same_data
from larq_igp.data.dataset import in_memory_split
from larq_igp.data.fingerprint import (
    PART_BYTES,
    READ_FILES,
    SIZED_FILES,
    fingerprint_of_files,
    spread,
)
from larq_igp.data.identity import CLASSES, EVERYTHING, OtherDataError
from larq_igp.errors import UserError
from tests.data.files import write_cifar100, write_class_folders

KNOWN = Identity(
    dataset="birds",
    source="class folders",
    split_rule="as the folders are named",
    class_names=("crane", "finch"),
    normalisation={"mean": [1.0], "deviation": [2.0], "crop": None},
    augmentation={"shift": 0.0, "border": "CONSTANT", "flip": True},
    examples={"train": 1000, "test": 8},
    file_names="fedcba9876543210",
    contents="0123456789abcdef",
)


def changed(**values) -> Identity:
    return Identity.from_json({**KNOWN.to_json(), **values})


def test_it_comes_back_from_json():
    assert Identity.from_json(json.loads(json.dumps(KNOWN.to_json()))) == KNOWN


def test_fields_of_a_later_version_are_ignored_and_missing_ones_not_compared():
    later = Identity.from_json({**KNOWN.to_json(), "licence": "CC0"})
    assert later == KNOWN
    assert Identity.from_json({"class_names": ["crane", "finch"]}).differences(KNOWN) == []


@pytest.mark.parametrize("damaged", [[], {"class_names": "crane"}, {"examples": 3}, {"source": 1}])
def test_what_is_no_description_of_data_is_refused(damaged):
    with pytest.raises(UserError, match="data"):
        Identity.from_json(damaged)


@pytest.mark.parametrize(
    "values, phrase",
    [
        ({"dataset": "bees"}, "the data set is bees, not birds"),
        ({"source": "an archive"}, "the source is an archive, not class folders"),
        ({"split_rule": "by name"}, "the split rule is 'by name', not 'as the folders are named'"),
        ({"class_names": ["crane"]}, "there are 1 classes, not 2"),
        ({"class_names": ["crane", "gull"]}, "class 1 is 'gull', not 'finch'"),
        (
            {"class_names": ["finch", "crane"]},
            "the classes are in another order: class 0 is 'finch', not 'crane'",
        ),
        ({"normalisation": {"mean": [1.5, 2]}}, "mean is 1.5, 2, not 1.0"),
        ({"augmentation": {"flip": False}}, "flip is False, not True"),
        ({"examples": {"train": 1001, "test": 8}}, "train has 1,001 images, not 1,000"),
        (
            {"file_names": "f" * 64},
            "the files have other names (SHA-256 ffffffffffff, not fedcba987654)",
        ),
        (
            {"contents": "f" * 64},
            "the files hold other images (SHA-256 ffffffffffff, not 0123456789ab)",
        ),
    ],
)
def test_each_difference_is_a_phrase(values, phrase):
    assert changed(**values).differences(KNOWN) == [phrase]
    with pytest.raises(OtherDataError) as error:
        require_same_data(changed(**values), KNOWN, what="runs/a was started on other data")
    assert str(error.value) == f"runs/a was started on other data: {phrase}."
    (aspect,) = values
    others = [name for name in EVERYTHING if name != aspect]
    require_same_data(changed(**values), KNOWN, what="", aspects=others)


def test_equal_classes_are_enough_where_only_they_matter():
    require_same_data(changed(dataset="bees", contents="f"), KNOWN, what="", aspects=CLASSES)


def test_one_value_or_label_of_many_changes_the_fingerprint():
    images, labels = np.zeros((50, 4, 4, 1), np.uint8), np.zeros(50, np.int64)
    before = in_memory_split(images, labels).fingerprint()
    assert in_memory_split(images.copy(), labels).fingerprint() == before
    images[49, 3, 3] = 1
    changed = in_memory_split(images, labels).fingerprint()
    labels[7] = 1
    assert before.names == changed.names == ""
    assert (
        len(
            {
                before.contents,
                changed.contents,
                in_memory_split(images, labels).fingerprint().contents,
            }
        )
        == 3
    )


def test_the_digits_are_the_same_everywhere():
    first, second = (load_dataset("digits").identity() for _ in range(2))
    assert first == second
    assert first.examples == {"train": 1257, "validation": 180, "test": 360}
    assert first.normalisation == {
        "mean": [77.8],
        "deviation": [82.4],
        "crop": None,
        "letterbox": False,
    }


def test_a_moved_archive_is_the_same_and_a_changed_one_is_not(tmp_path):
    records = write_cifar100(tmp_path / "a" / "cifar-100-binary")
    before = load_dataset("cifar100", data_dir=tmp_path / "a").identity()
    (tmp_path / "a").rename(tmp_path / "b")
    assert load_dataset("cifar100", data_dir=tmp_path / "b").identity() == before
    records["train"][3, 100] ^= 1
    records["train"].tofile(tmp_path / "b" / "cifar-100-binary" / "train.bin")
    (phrase,) = load_dataset("cifar100", data_dir=tmp_path / "b").identity().differences(before)
    assert phrase.startswith("the files hold other images")


def folder_identity(root) -> Identity:
    return load_dataset("folder", data_dir=root).identity()


def test_moved_class_folders_are_the_same(tmp_path):
    write_class_folders(tmp_path / "a", {"": 5})
    before = folder_identity(tmp_path / "a")
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    assert folder_identity(tmp_path / "b") == before
    assert folder_identity(f"{tmp_path}/b/../b/") == before


def test_renamed_classes_and_changed_images_are_others(tmp_path):
    root = tmp_path / "birds"
    write_class_folders(root, {"train": 5, "val": 1}, ("a", "b", "c"))
    before = folder_identity(root)
    (root / "train" / "a").rename(root / "train" / "x")
    (root / "val" / "a").rename(root / "val" / "x")
    found = folder_identity(root).differences(before)
    assert found[0] == "class 0 is 'b', not 'a'"
    (root / "train" / "x").rename(root / "train" / "a")
    (root / "val" / "x").rename(root / "val" / "a")
    assert folder_identity(root) == before
    image = root / "val" / "a" / "a_0.JPEG"
    content = image.read_bytes()
    image.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    (phrase,) = folder_identity(root).differences(before)
    assert phrase.startswith("the files hold other images")


def test_all_of_few_small_files_is_read_and_parts_of_many(tmp_path):
    assert spread(3, 5) == [0, 1, 2]
    assert spread(9, 5) == [0, 2, 4, 6, 8]
    assert len(spread(1_281_167, SIZED_FILES)) == SIZED_FILES
    names = [f"{index:04d}" for index in range(2 * READ_FILES)]
    for name in names:
        (tmp_path / name).write_bytes(bytes(3 * PART_BYTES))
    before = fingerprint_of_files(tmp_path, names)

    def after(name: str, place: int) -> str:
        content = bytearray(3 * PART_BYTES)
        content[place] = 1
        (tmp_path / name).write_bytes(content)
        found = fingerprint_of_files(tmp_path, names)
        (tmp_path / name).write_bytes(bytes(3 * PART_BYTES))
        return found

    assert after(names[0], 0) != before
    assert after(names[-1], 3 * PART_BYTES - 1) != before
    assert after(names[0], PART_BYTES) == before  # between beginning and end
    (tmp_path / names[1]).write_bytes(bytes(3 * PART_BYTES - 1))  # a size that is always counted
    shorter = fingerprint_of_files(tmp_path, names)
    assert (shorter.names, shorter.contents != before.contents) == (before.names, True)
    (tmp_path / names[1]).unlink()
    assert fingerprint_of_files(tmp_path, names) not in (before, shorter)
    assert fingerprint_of_files(tmp_path, names[1:]).names != before.names
