import json

from tests.data.files import jpeg, picture, write_cifar100, write_class_folders


def test_check_says_what_is_there(igp, tmp_path):
    write_cifar100(tmp_path / "cifar-100-binary")
    result = igp("data", "check", "cifar100", "--data-dir", tmp_path)
    assert result.exit_code == 0, result.stderr
    assert "54 train, 6 validation, 20 test images of 100 classes" in result.stdout
    assert "60 training images, and the official set has 50,000" in result.stdout
    document = json.loads(igp("data", "check", "digits", "--json").stdout)
    assert document["usable"]
    assert document["examples"] == {"train": 1257, "validation": 180, "test": 360}


def test_check_says_what_is_missing(refused, tmp_path):
    assert "imagenet2012 was not found in" in refused(
        "data", "check", "imagenet2012", "--data-dir", tmp_path
    )
    assert "Did you mean cifar100" in refused("data", "check", "cifar1000")


def test_check_names_corrupt_images_and_changes_nothing(igp, refused, tmp_path):
    write_class_folders(tmp_path, {"train": 5, "val": 2}, ("cat", "dog"))
    (tmp_path / "train" / "dog" / "torn.jpg").write_bytes(jpeg(picture(0))[:300])
    before = sorted(tmp_path.rglob("*"))
    result = igp("data", "check", "folder", "--data-dir", tmp_path)
    assert result.exit_code == 2
    assert "8 train, 2 validation, 4 test images of 2 classes" in result.stdout
    assert "corrupt: train/dog/torn.jpg" in result.stderr
    assert "1 of 15 images of folder cannot be decoded (train/dog/torn.jpg)" in result.stderr
    typed = ["train", "igp_resnet_tiny", "--data-dir", tmp_path]
    assert "leave them out with --corrupt skip" in refused(*typed)
    result = igp("data", "check", "folder", "--data-dir", tmp_path, "--corrupt", "skip")
    assert "8 train, 2 validation, 4 test images of 2 classes" in result.stdout
    assert "1 of 15 images of folder cannot be decoded" in result.stdout
    # The choice was of that command alone.
    assert "leave them out with --corrupt skip" in refused(*typed)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_folder_is_seen_for_what_it_holds(igp, refused, tmp_path):
    write_class_folders(tmp_path / "my photos", {"": 5}, ("Handschuh", "Stiefel"))
    (tmp_path / "my photos" / "Stiefel" / "a.heic").write_bytes(b"RIFF")
    (tmp_path / "my photos" / "Stiefel" / "new").mkdir()
    (tmp_path / "my photos" / "Stiefel" / "new" / "b.jpg").write_bytes(jpeg(picture(0)))
    text = igp("data", "check", "--data-dir", tmp_path / "my photos").stdout
    assert "Not read: 1 .heic file (Stiefel/a.heic), 1 file in sub-folders of a class" in text
    assert ["Stiefel", "3", "1", "1"] in [line.split() for line in text.splitlines()]
    assert text.endswith(f"\nnext: larq-igp train --data-dir '{tmp_path}/my photos'\n")
    write_cifar100(tmp_path / "cifar" / "cifar-100-binary")
    assert "cifar100: " in igp("data", "check", "--data-dir", tmp_path / "cifar").stdout
    (tmp_path / "nothing").mkdir()
    typed = ["train", "igp_resnet_tiny", "--data-dir"]
    assert "holds no known data set" in refused(*typed, tmp_path / "nothing")
    assert "is not a folder" in refused(*typed, tmp_path / "missing")
    assert "read from no folder: leave out --data-dir" in refused(
        *typed, tmp_path / "cifar", "--dataset", "digits"
    )
    assert "name a data set, or its folder" in refused("data", "check")
