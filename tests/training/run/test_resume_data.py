"""A run is resumed on the data that it was started on: wherever they lie now, and on no others."""

import dataclasses
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

import larq_igp
from larq_igp.data import DATASETS, load_dataset
from larq_igp.data.identity import OtherDataError
from larq_igp.training.fit.signals import StoppedError
from larq_igp.training.fit.train import resume, train
from larq_igp.training.recipe import Recipe
from larq_igp.training.run.checkpoint import list_checkpoints, read_checkpoint
from larq_igp.training.run.directory import open_run
from tests.data.files import (
    SYNSETS,
    write_cifar100,
    write_class_folders,
    write_idx,
    write_prepared_cifar100,
    write_prepared_imagenet,
)
from tests.training.run.test_resume import assert_same, outcome, stop_at_first_checkpoint

SMALL = {
    "network": "resnet_tiny",
    "parameters": {"filters": 4, "blocks": (1,)},
    "input_shape": (28, 28, 3),
    "epochs": 1,
    "batch_size": 9,
}


def flip_a_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2 + 5] ^= 1
    path.write_bytes(content)


def swap_two_classes(root: Path) -> None:
    """Every image keeps its place among as many others, and every label of two classes changes."""
    for part in ("train", "val"):
        first, second = (root / part / name for name in ("ant", "bee"))
        first.rename(root / "other")
        second.rename(first)
        (root / "other").rename(second)


def rename_a_class(root: Path) -> None:
    for part in ("train", "val"):
        (root / part / "ant").rename(root / part / "wasp")


@dataclass(frozen=True)
class Source:
    """A data set in one of its forms, and what must not be changed unseen."""

    dataset: str
    write: Callable[[Path], object]
    change: Callable[[Path], object]
    sentence: str


SOURCES = {
    "IDX files": Source(
        "fashion_mnist",
        lambda root: write_idx(root, train=5_036, test=5_010),
        lambda root: flip_a_byte(root / "t10k-labels-idx1-ubyte"),
        "the files hold other images",
    ),
    "binary archive": Source(
        "cifar100",
        lambda root: write_cifar100(root / "cifar-100-binary"),
        lambda root: flip_a_byte(root / "cifar-100-binary" / "train.bin"),
        "the files hold other images",
    ),
    "prepared arrays": Source(
        "cifar100",
        write_prepared_cifar100,
        lambda root: write_cifar100(root / "cifar-100-binary"),
        "the source is archive, not tensorflow-datasets",
    ),
    "class folders": Source(
        "folder",
        lambda root: write_class_folders(root, {"train": 20, "val": 5}, ("ant", "bee", "cat")),
        swap_two_classes,
        "the files have other names",
    ),
    "renamed class folders": Source(
        "folder",
        lambda root: write_class_folders(root, {"train": 20, "val": 5}, ("ant", "bee", "cat")),
        rename_a_class,
        "class 0 is 'bee', not 'ant'",
    ),
    "ImageNet folders": Source(
        "imagenet2012",
        lambda root: write_class_folders(root, {"train": 8, "val": 2}),
        lambda root: flip_a_byte(root / "train" / SYNSETS[0] / f"{SYNSETS[0]}_0.JPEG"),
        "the files hold other images",
    ),
    "prepared ImageNet": Source(
        "imagenet2012",
        lambda root: write_prepared_imagenet(root, train=60, validation=12),
        lambda root: write_class_folders(root, {"train": 8, "val": 2}),
        "the source is class folders, not tensorflow-datasets",
    ),
}


def stop_early(recipe: Recipe, run: Path) -> None:
    """Train until there is a checkpoint in the middle of the epoch."""
    watch = threading.Thread(target=stop_at_first_checkpoint, args=(run,), daemon=True)
    watch.start()
    with pytest.raises(StoppedError):
        train(recipe, run, verbose=0, checkpoint_seconds=0)
    watch.join()


@pytest.mark.parametrize("name", SOURCES)
def test_moved_data_are_the_same_and_changed_ones_are_refused(name, tmp_path, igp):
    source, data, run = SOURCES[name], tmp_path / "data", tmp_path / "run"
    data.mkdir()
    source.write(data)
    recipe = Recipe(**SMALL, dataset=source.dataset, data_dir=str(data))
    stop_early(recipe, run)
    assert open_run(run).data == load_dataset(source.dataset, data_dir=data).identity((28, 28, 3))
    state = read_checkpoint(list_checkpoints(run / "checkpoints")[0]).state
    assert state["data"] == open_run(run).data.to_json()

    data = data.rename(tmp_path / "moved")
    assert igp("train", "--resume", run).exit_code == 2  # nothing is where it was
    other = tmp_path / "changed"
    other.mkdir()
    source.write(other)
    source.change(other)
    result = igp("train", "--resume", run, "--data-dir", other)
    assert result.exit_code == 2
    began = f"Error: {run} cannot be resumed on other data than it was started on: "
    assert result.stderr.splitlines()[-1].startswith(began + source.sentence)

    result = igp("train", "--resume", run, "--data-dir", data, "--quiet", "--json")
    assert result.exit_code == 0, result.output
    assert open_run(run).recipe.data_dir == str(data)
    assert (
        json.loads(igp("evaluate", run, "--json").stdout)["top1"] == open_run(run).metrics()["top1"]
    )


def test_another_normalisation_is_refused(tmp_path, monkeypatch):
    run = tmp_path / "run"
    recipe = Recipe(**SMALL, dataset="digits")
    stop_early(dataclasses.replace(recipe, batch_size=400), run)
    config = (run / "config.json").read_bytes()
    for changes, phrase in (
        ({"mean": (70.0,)}, "mean is 70.0, not 77.8"),
        ({"shift": 0.2}, "shift is 0.2, not 0.1"),
        ({"split_rule": "by chance"}, "the split rule is 'by chance', not .by class"),
    ):
        digits = dataclasses.replace(load_dataset("digits"), **changes)
        monkeypatch.setitem(DATASETS, "digits", lambda folder, download, digits=digits: digits)
        with pytest.raises(OtherDataError, match=phrase):
            resume(run, verbose=0)
        assert (run / "config.json").read_bytes() == config
        monkeypatch.undo()


def test_a_checkpoint_of_other_data_is_refused(tmp_path):
    """As where the folders of two runs were mixed."""
    data, run = tmp_path / "data", tmp_path / "run"
    write_class_folders(data, {"": 20}, ("ant", "bee"))
    stop_early(Recipe(**SMALL, dataset="folder", data_dir=str(data)), run)
    swapped = tmp_path / "swapped"
    write_class_folders(swapped, {"": 20}, ("ant", "cat"))
    config = json.loads((run / "config.json").read_text())
    del config["sha256"]  # else it is noticed that it was edited
    config["data"] = load_dataset("folder", data_dir=swapped).identity((28, 28, 3)).to_json()
    (run / "config.json").write_text(json.dumps(config))
    with pytest.raises(OtherDataError, match="class 1 is 'bee', not 'cat'"):
        resume(run, verbose=0)
    with pytest.raises(OtherDataError, match="class 1 is 'cat', not 'bee'"):
        larq_igp.train(None, run, resume=True, verbose=0, data_dir=str(swapped))


@pytest.mark.slow
def test_random_changes_of_photos_come_back(tmp_path):
    """Parts that keep the ratio of the photo, in letterboxes, with other colours and holes."""
    write_class_folders(tmp_path / "photos", {"train": 9, "val": 2, "test": 2}, ("left", "right"))
    recipe = Recipe(
        **SMALL | {"epochs": 2, "batch_size": 4},
        dataset="folder",
        data_dir=str(tmp_path / "photos"),
        geometry="letterbox",
        crop_area=0.5,
        mirror=False,
        colour_jitter=0.3,
        cut_out=0.2,
        mixup=0.4,
        class_weights="balanced",
        ema=0.5,
    )
    train(recipe, tmp_path / "alone", verbose=0)
    run = tmp_path / "run"
    watch = threading.Thread(target=stop_at_first_checkpoint, args=(run,), daemon=True)
    watch.start()
    with pytest.raises(StoppedError):
        train(recipe, run, verbose=0, checkpoint_seconds=0)
    watch.join()
    resume(run, verbose=0)
    assert_same(outcome(run), outcome(tmp_path / "alone"))
