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


def test_check_names_corrupt_images_and_keeps_the_choice(igp, refused, tmp_path):
    write_class_folders(tmp_path, {"train": 5, "val": 2}, ("cat", "dog"))
    (tmp_path / "train" / "dog" / "torn.jpg").write_bytes(jpeg(picture(0))[:300])
    errors = refused("data", "check", "folder", "--data-dir", tmp_path)
    assert "corrupt: train/dog/torn.jpg" in errors
    assert "1 of 15 images of folder are corrupt" in errors
    assert "are corrupt" in refused(
        "train", "igp_resnet_tiny", "--dataset", "folder", "--data-dir", tmp_path
    )
    result = igp("data", "check", "folder", "--data-dir", tmp_path, "--corrupt", "skip")
    assert result.exit_code == 0, result.stderr
    assert "1 corrupt images are left out" in result.stdout
    record = tmp_path / "larq-igp-check-folder.json"
    for torn in (record.read_text()[:40], "[]"):
        record.write_text(torn)
        errors = refused("train", "igp_resnet_tiny", "--dataset", "folder", "--data-dir", tmp_path)
        assert f"{record} is damaged: remove it, and check the images again" in errors
