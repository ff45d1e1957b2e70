"""Images that turn out to be corrupt while a run reads them."""

import json

import pytest

from larq_igp.data import load_dataset, train_indices
from larq_igp.data.tfrecord import find_records
from larq_igp.training.fit.train import train
from larq_igp.training.recipe import Recipe
from larq_igp.training.run.checkpoint import list_checkpoints, read_checkpoint
from tests.data.files import write_class_folders, write_prepared_imagenet

SMALL = [
    "--filters",
    "8",
    "--blocks",
    "1",
    "--input-shape",
    "28,28,3",
    "--batch-size",
    "8",
    "--epochs",
    "2",
    "--json",
]


@pytest.fixture()
def images(tmp_path):
    write_class_folders(tmp_path / "images", {"train": 20, "val": 5, "test": 5}, ("cat", "dog"))
    return tmp_path / "images"


def start(name, folder, run):
    return [
        "train",
        "resnet_tiny",
        *SMALL,
        "--dataset",
        name,
        "--data-dir",
        folder,
        "--checkpoint-seconds",
        0,
        "--run-dir",
        run,
    ]


def test_a_corrupt_training_image_is_named_and_once_replaced_the_run_goes_on(
    igp, refused, images, tmp_path
):
    dataset, run = load_dataset("folder", data_dir=images), tmp_path / "run"
    read = list(train_indices(dataset, batch_size=8, seed=0, steps=range(5)))
    bad = dataset.split("train").name(read[3 * 8 + 5])
    whole = (images / bad).read_bytes()
    (images / bad).write_bytes(whole[:300])
    errors = refused(*start("folder", images, run)[:-2], "--dry-run")
    assert f"{bad}, a train image of folder, cannot be decoded" in errors
    errors = refused(*start("folder", images, run))
    assert f"{bad}, a train image of folder, cannot be decoded" in errors
    assert f"find all such images with `larq-igp data check folder --data-dir {images}`" in errors
    assert f"resume with `larq-igp train --resume {run}`" in errors
    assert read_checkpoint(list_checkpoints(run / "checkpoints")[0]).state["step"] == 3
    assert bad in json.loads((run / "status.json").read_text())["reason"]
    (images / bad).write_bytes(whole)
    assert igp("train", "--resume", run).exit_code == 0

    igp("data", "check", "folder", "--data-dir", images)
    (images / bad).unlink()
    (images / bad).symlink_to(
        "nothing"
    )  # a name without an image, as on a disk that was not mounted
    errors = refused(*start("folder", images, tmp_path / "again"))
    assert f"{bad}, a train image of folder, cannot be decoded" in errors


@pytest.mark.parametrize("split", ["validation", "test"])
def test_a_corrupt_image_is_named_where_a_run_is_measured(refused, images, tmp_path, split):
    bad = load_dataset("folder", data_dir=images).split(split).name(9)
    (images / bad).write_bytes(b"<html>")
    errors = refused(*start("folder", images, tmp_path / "run"))
    assert f"{bad}, a {split} image of folder, cannot be decoded" in errors
    assert (
        read_checkpoint(list_checkpoints(tmp_path / "run" / "checkpoints")[0]).state["step"]
        == {"validation": 5, "test": 10}[split]
    )
    if split == "test":
        assert f"{bad}, a test image" in refused("evaluate", tmp_path / "run")


def test_a_corrupt_record_is_named(refused, tmp_path):
    write_prepared_imagenet(tmp_path, train=30, validation=2)
    path = next(tmp_path.rglob("*train*tfrecord*"))
    places = find_records(path)
    content = bytearray(path.read_bytes())
    begin = int(places.begins[6])
    place = content.index(b"\xff\xd8\xff", begin, begin + int(places.lengths[6]))
    content[place : place + 100] = bytes(100)
    path.write_bytes(content)
    errors = refused(*start("imagenet2012", tmp_path, tmp_path / "run"))
    assert (
        f"{path.name}, record 6 of train, a train image of imagenet2012, cannot be decoded"
        in errors
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run on image files, and the folder of these."""
    folder = tmp_path_factory.mktemp("trained")
    write_class_folders(folder / "images", {"train": 20, "val": 5, "test": 5}, ("cat", "dog"))
    fields = {
        "parameters": {"filters": 8, "blocks": (1,)},
        "input_shape": (28, 28, 3),
        "batch_size": 8,
        "epochs": 1,
    }
    recipe = Recipe(
        network="resnet_tiny", dataset="folder", data_dir=str(folder / "images"), **fields
    )
    train(recipe, folder / "run", verbose=0)
    return folder


@pytest.mark.parametrize(
    "command, split, options",
    [
        ("convert", "test", ["-o", "net.tflite"]),
        ("capability", "test", ["--images", 4]),
        (
            "gradients",
            "train",
            ["--batch-size", 8, "--batches", 2, "--no-twin", "--plot", "noise.svg"],
        ),
    ],
)
def test_a_corrupt_image_is_named_where_a_run_is_looked_at(
    refused, trained, tmp_path, monkeypatch, command, split, options
):
    dataset = load_dataset("folder", data_dir=trained / "images")
    index = (
        3
        if split == "test"
        else list(train_indices(dataset, batch_size=8, seed=0, steps=range(2)))[11]
    )
    bad = trained / "images" / dataset.split(split).name(index)
    whole = bad.read_bytes()
    monkeypatch.chdir(tmp_path)
    bad.write_bytes(whole[:300])
    try:
        errors = refused(command, trained / "run", *options)
    finally:
        bad.write_bytes(whole)
    assert (
        f"{bad.relative_to(trained / 'images')}, a {split} image of folder, cannot be decoded"
        in errors
    )
    assert list(tmp_path.iterdir()) == []
