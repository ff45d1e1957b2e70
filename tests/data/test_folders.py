import itertools
import os

import numpy as np
import pytest

from larq_igp.data import DatasetError, eval_batches, load_dataset, train_batches, train_indices
from larq_igp.data.augment import augment
from larq_igp.data.check import check_dataset
from larq_igp.data.hold_out import held_out
from larq_igp.data.images import decode_random_part
from larq_igp.data.kept_files import path_of
from larq_igp.data.prepared import PLACES
from larq_igp.data.tfrecord import find_records, small_features
from larq_igp.inference.predict import read_image
from larq_igp.keras2 import tf
from tests.data.files import (
    SYNSETS,
    bilinear,
    jpeg,
    picture,
    write_class_folders,
    write_prepared_imagenet,
)

SHAPE = (32, 32, 3)


@pytest.fixture(scope="module")
def imagenet(tmp_path_factory):
    root = tmp_path_factory.mktemp("with a space")
    write_class_folders(root, {"train": 6, "val": 2}, tuple(reversed(SYNSETS)))
    return root


def names(split) -> list[str]:
    return [split.name(index) for index in range(split.examples)]


def test_imagenet_folders_have_sorted_synsets_and_every_image_once(imagenet):
    dataset = load_dataset("imagenet2012", data_dir=imagenet)
    assert dataset.class_names == SYNSETS
    assert {name: split.examples for name, split in dataset.splits.items()} == {
        "train": 30,
        "validation": 6,
        "test": 12,
    }
    files = sorted(str(path.relative_to(imagenet)) for path in imagenet.rglob("*.JPEG"))
    assert sorted(name for split in dataset.splits.values() for name in names(split)) == files
    for split in dataset.splits.values():
        for index in range(split.examples):
            content, label = split.read(index)
            assert content.numpy() == (imagenet / split.name(index)).read_bytes()
            assert split.name(index).split("/")[1] == SYNSETS[int(label)]


def test_held_out_images_do_not_depend_on_the_folder(imagenet, tmp_path):
    write_class_folders(tmp_path, {"train": 6, "val": 2})
    both = [
        load_dataset("imagenet2012", data_dir=root).split("validation")
        for root in (imagenet, tmp_path)
    ]
    assert names(both[0]) == names(both[1])


def test_a_tenth_of_each_class_is_held_out_by_the_smallest_hashes():
    hashes = np.random.default_rng(0).permutation(60).astype(np.uint64)
    labels = np.array([0] * 25 + [2] * 33 + [3] * 2)
    out = held_out(hashes, labels)
    for label, count in ((0, 2), (2, 3), (3, 1)):
        of_class = hashes[labels == label]
        assert set(hashes[out & (labels == label)]) == set(sorted(of_class)[:count])
    assert held_out(hashes, labels, limit=1).sum() == 3
    assert not held_out(hashes[:2], np.array([0, 1])).any()  # one image of a class stays


def test_one_level_of_class_folders_is_split_by_name(tmp_path):
    write_class_folders(tmp_path, {"": 20}, ("cat", "dog"))
    (tmp_path / "cat" / "notes.txt").write_text("no image")
    dataset = load_dataset("folder", data_dir=tmp_path)
    assert dataset.class_names == ("cat", "dog")
    assert {name: split.examples for name, split in dataset.splits.items()} == {
        "train": 34,
        "validation": 2,
        "test": 4,
    }
    assert len({name for split in dataset.splits.values() for name in names(split)}) == 40


def test_three_parts_are_what_they_are_called(tmp_path):
    write_class_folders(tmp_path, {"train": 3, "val": 2, "test": 1}, ("cat", "dog"))
    dataset = load_dataset("folder", data_dir=tmp_path)
    assert {name: split.examples for name, split in dataset.splits.items()} == {
        "train": 6,
        "validation": 4,
        "test": 2,
    }
    assert all(name.startswith("val/") for name in names(dataset.split("validation")))


@pytest.mark.parametrize("first_step", [1, 2, 4])
def test_a_stream_of_files_can_be_entered_at_any_step(imagenet, first_step):
    dataset = load_dataset("imagenet2012", data_dir=imagenet)

    def take(step, count):
        stream = train_batches(
            dataset, dataset.preprocessing(SHAPE), batch_size=10, seed=5, first_step=step
        )
        return list(itertools.islice(stream.as_numpy_iterator(), count))

    for (images, labels), (again, same) in zip(
        take(0, 7)[first_step:], take(first_step, 7 - first_step), strict=True
    ):
        np.testing.assert_array_equal(images, again)
        np.testing.assert_array_equal(labels, same)


def test_random_parts_are_resized_and_rounded_to_whole_grey_levels(imagenet):
    dataset = load_dataset("imagenet2012", data_dir=imagenet)
    stream = train_batches(dataset, dataset.preprocessing(SHAPE), batch_size=30, seed=5)
    images, _ = next(stream.as_numpy_iterator())
    assert images.dtype == np.uint8
    for place, index in enumerate(train_indices(dataset, batch_size=30, seed=5, steps=range(1))):
        seed = tf.constant([5, place], tf.int64)
        content = tf.io.read_file(str(imagenet / dataset.split("train").name(index)))
        part = augment(decode_random_part(content, SHAPE[:2], seed), dataset, seed)
        assert np.abs(images[place] - bilinear(part.numpy(), *SHAPE[:2])).max() < 0.501


def test_workers_share_every_batch(imagenet):
    dataset = load_dataset("imagenet2012", data_dir=imagenet)

    def take(share):
        stream = train_batches(
            dataset, dataset.preprocessing(SHAPE), batch_size=10, seed=5, first_step=1, share=share
        )
        return list(itertools.islice(stream.as_numpy_iterator(), 4))

    for whole, first, second in zip(take((0, 1)), take((0, 2)), take((1, 2)), strict=True):
        np.testing.assert_array_equal(whole[0], np.concatenate([first[0], second[0]]))
        np.testing.assert_array_equal(whole[1], np.concatenate([first[1], second[1]]))
    with pytest.raises(DatasetError, match="a batch of 10 cannot be shared out to 3 workers"):
        take((0, 3))


def test_evaluation_and_prediction_see_the_same_pixels(imagenet):
    dataset = load_dataset("imagenet2012", data_dir=imagenet)
    for shape in (SHAPE, (32, 32, 1)):
        preprocessing, split = dataset.preprocessing(shape), dataset.split("test")
        images, _ = next(eval_batches(split, preprocessing, batch_size=12).as_numpy_iterator())
        for index, image in enumerate(images):
            np.testing.assert_array_equal(
                image, read_image(imagenet / split.name(index), preprocessing)
            )


@pytest.mark.parametrize(
    "name, parts, change, message",
    [
        ("imagenet2012", {"train": 2}, None, "lacks val/"),
        ("imagenet2012", {"val": 2}, None, "was not found in .*image-net.org"),
        (
            "imagenet2012",
            {"train": 2, "val": 1},
            "train/cat",
            "a class 'cat', and ImageNet's are named",
        ),
        (
            "folder",
            {"train": 2, "val": 1},
            "val/cat",
            "a class 'cat' that the training images do not have",
        ),
        ("folder", {"train": 2}, "val", "holds val next to train, but it is not a split"),
        ("folder", {}, None, "0 class folders, and at least 2 are needed"),
        ("folder", {"train": 1, "val": 1}, None, "too few images to hold any out for validation"),
    ],
)
def test_layouts_that_cannot_be_read_are_explained(tmp_path, name, parts, change, message):
    write_class_folders(tmp_path, parts)
    if change:
        (tmp_path / change).mkdir()
    with pytest.raises(DatasetError, match=message):
        load_dataset(name, data_dir=tmp_path)


def test_validation_images_without_folders_are_explained(tmp_path):
    write_class_folders(tmp_path, {"train": 2})
    (tmp_path / "val").mkdir()
    (tmp_path / "val" / "ILSVRC2012_val_00000001.JPEG").write_bytes(jpeg(picture(0)))
    with pytest.raises(DatasetError, match="images outside of class folders"):
        load_dataset("imagenet2012", data_dir=tmp_path)


def test_corrupt_images_are_named_refused_or_left_out(tmp_path):
    write_class_folders(tmp_path, {"train": 6, "val": 2})
    before = load_dataset("imagenet2012", data_dir=tmp_path)
    bad = [before.split("train").name(3), before.split("test").name(0)]
    (tmp_path / bad[0]).write_bytes((tmp_path / bad[0]).read_bytes()[:400])
    (tmp_path / bad[1]).write_bytes(b"<html>")

    report = check_dataset("imagenet2012", data_dir=tmp_path)
    assert [each.name for each in report.corrupt] == bad
    assert not report.is_usable
    with pytest.raises(
        DatasetError,
        match=r"2 of 48 images of imagenet2012 cannot be decoded \(.*, \.\.\.\): .*--corrupt skip",
    ):
        load_dataset("imagenet2012", data_dir=tmp_path)

    assert check_dataset("imagenet2012", data_dir=tmp_path, choice="skip").is_usable
    after = load_dataset("imagenet2012", data_dir=tmp_path, corrupt="skip")
    assert after.left_out == 2
    for name, split in after.splits.items():
        assert names(split) == [each for each in names(before.split(name)) if each not in bad]
        assert [int(split.read(index)[1]) for index in range(split.examples)] == list(split.labels)
    stream = train_batches(after, after.preprocessing(SHAPE), batch_size=29, seed=0).take(2)
    assert sum(len(labels) for _, labels in stream.as_numpy_iterator()) == 58


def test_images_that_were_not_checked_are_checked_where_corrupt_ones_are_to_be_left_out(
    tmp_path, capsys
):
    write_class_folders(tmp_path, {"train": 6, "val": 2})
    load_dataset("imagenet2012", data_dir=tmp_path, corrupt="skip")
    assert "every image is decoded once" in capsys.readouterr().err
    load_dataset("imagenet2012", data_dir=tmp_path, corrupt="skip")
    assert capsys.readouterr().err == ""
    (tmp_path / "val" / SYNSETS[0] / "new.JPEG").write_bytes(b"<html>")
    assert load_dataset("imagenet2012", data_dir=tmp_path, corrupt="skip").left_out == 1
    record = next(path_of(tmp_path, "x").parent.glob("check-*"))
    for torn in (record.read_bytes()[:40], b"[]"):
        record.write_bytes(torn)
        assert load_dataset("imagenet2012", data_dir=tmp_path, corrupt="skip").left_out == 1


@pytest.mark.parametrize(
    "parts, says",
    [
        ({"Train": 3, "Valid": 2, "TEST": 1}, {"train": 6, "validation": 4, "test": 2}),
        ({"training": 3, "dev": 2, "testing": 1}, {"train": 6, "validation": 4, "test": 2}),
        ({"train": 12, "eval": 2}, {"train": 22, "validation": 2, "test": 4}),
    ],
)
def test_splits_are_known_by_the_names_that_people_give_them(tmp_path, parts, says):
    write_class_folders(tmp_path, parts, ("cat", "dog"))
    dataset = load_dataset("folder", data_dir=tmp_path)
    assert {name: split.examples for name, split in dataset.splits.items()} == says


@pytest.mark.parametrize(
    "parts, change, message",
    [
        ({"train": 2, "val": 1, "valid": 1}, None, "val and valid, which both mean validation"),
        ({"train": 2, "extra": 1}, None, "holds extra next to train, but it is not a split"),
        ({"val": 2, "test": 1}, None, "holds test, val but no folder of training images"),
        ({"train": 2}, "valid/x.jpg", "holds valid next to train.*one folder for each class"),
        ({"": 2}, "empty/", "empty has no images, so the class 'empty' cannot be learned"),
        ({"": 2}, "bird/a.heic", "cannot be learned: .* Not read: 1 .heic file .bird/a.heic"),
    ],
)
def test_folders_that_would_vanish_are_refused(tmp_path, parts, change, message):
    write_class_folders(tmp_path, parts, ("cat", "dog"))
    if change:
        path = tmp_path / change
        (path if change.endswith("/") else path.parent).mkdir()
        if not change.endswith("/"):
            path.write_bytes(jpeg(picture(0)))
    with pytest.raises(DatasetError, match=message):
        load_dataset("folder", data_dir=tmp_path)


def test_what_is_no_image_is_counted_and_named(tmp_path):
    write_class_folders(tmp_path, {"": 3}, ("cat", "dog"))
    for name in ("cat/a.heic", "cat/b.HEIC", "dog/README", "dog/.DS_Store", "loose.jpg"):
        (tmp_path / name).write_bytes(b"x")
    for name in ("__MACOSX", "@eaDir", "dog/old"):
        (tmp_path / name).mkdir()
    (tmp_path / "dog" / "old" / "a.jpg").write_bytes(b"x")
    os.mkfifo(tmp_path / "dog" / "pipe.png")
    dataset = load_dataset("folder", data_dir=tmp_path)
    assert dataset.class_names == ("cat", "dog")
    assert {(each.what, each.count, each.example) for each in dataset.not_taken} == {
        (".heic files", 2, "cat/a.heic"),
        ("files without a suffix", 1, "dog/README"),
        ("hidden files and folders", 3, "@eaDir"),
        ("files in sub-folders of a class", 1, "dog/old/a.jpg"),
        ("images outside of class folders", 1, "loose.jpg"),
        ("special files", 1, "dog/pipe.png"),
    }


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """ImageNet as tensorflow-datasets prepares it, from 30 and 12 JPEGs."""
    folder = tmp_path_factory.mktemp("prepared")
    write_prepared_imagenet(folder, train=30, validation=12)
    return folder


def test_imagenet_through_tensorflow_datasets(prepared):
    import tensorflow_datasets as tfds

    stored = tfds.load(
        "imagenet2012",
        data_dir=prepared,
        split="train",
        decoders={"image": tfds.decode.SkipDecoding()},
    )
    expected = [(each["image"], int(each["label"])) for each in stored.as_numpy_iterator()]
    kept = path_of(prepared / "imagenet2012" / "5.1.0", PLACES)
    # the places of the records are found; read from where they were kept; found again, as those are
    # torn
    for turn in range(3):
        if turn == 2:
            kept.write_bytes(kept.read_bytes()[:-100])
        dataset = load_dataset("imagenet2012", data_dir=prepared)
        assert len(dataset.class_names) == 1000
        assert list(dataset.class_names) == sorted(dataset.class_names)
        found = []
        for name in ("train", "validation"):
            split = dataset.split(name)
            pairs = [split.read(index) for index in range(split.examples)]
            found += [(content.numpy(), int(label)) for content, label in pairs]
        assert sorted(found) == sorted(expected)
        assert {name: split.examples for name, split in dataset.splits.items()} == {
            "train": 24,
            "validation": 6,  # one of the five in each of six classes
            "test": 12,
        }
    batches = train_batches(dataset, dataset.preprocessing(SHAPE), batch_size=8, seed=0).take(3)
    assert sorted(
        int(label) for _, labels in batches.as_numpy_iterator() for label in labels
    ) == sorted([*range(6)] * 4)


def test_the_same_images_are_held_out_of_folders_and_of_tensorflow_datasets(prepared, tmp_path):
    for part, count in (("train", 30), ("val", 12)):
        for index in range(count):
            synset = SYNSETS[index % len(SYNSETS)]
            path = tmp_path / part / synset / f"{synset}_{index}.JPEG"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(jpeg(picture(index)))
    both = [load_dataset("imagenet2012", data_dir=root) for root in (prepared, tmp_path)]
    for name in ("train", "validation", "test"):
        splits = [dataset.split(name) for dataset in both]
        contents = [
            {split.read(index)[0].numpy() for index in range(split.examples)} for split in splits
        ]
        assert contents[0] == contents[1]
    found = both[0].identity().differences(both[1].identity())
    assert found[0] == "the source is tensorflow-datasets, not class folders"
    assert not any("rule" in phrase for phrase in found)


def test_small_features_are_those_that_tensorflow_reads(prepared, tmp_path):
    """Also where they stand behind an image, and where a feature is longer than what is read."""
    path = tmp_path / "records"
    long = b"a name " * 400
    examples = [{"image": bytes(900), "label": 300}, {"z": b"", "image": b"", "name": long}]
    with tf.io.TFRecordWriter(str(path)) as writer:
        for values in [*examples, dict(reversed(examples[1].items())), {"image": b"x"}]:
            example = tf.train.Example()
            for name, value in values.items():
                feature = example.features.feature[name]
                if isinstance(value, bytes):
                    feature.bytes_list.value.append(value)
                else:
                    feature.int64_list.value.append(value)
            writer.write(example.SerializeToString())
    places = find_records(path)
    first, *both, last = small_features(path, places, {"label", "name"})
    assert first["label"].int64_list.value == [300]
    for found in both:
        assert found["name"].bytes_list.value == [long]
    assert last == {}
    content = bytearray(path.read_bytes())
    content[places.begins[0]] = 0
    path.write_bytes(content)
    with pytest.raises(DatasetError, match="record 0 is not an example"):
        list(small_features(path, places, {"label"}))


def test_truncated_records_are_refused(prepared, tmp_path):
    path = next(prepared.rglob("*train*tfrecord*"))
    cut = tmp_path / path.name
    cut.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DatasetError, match="ends within record"):
        find_records(cut)
