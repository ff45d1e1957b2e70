"""Which network is suggested for which images, and which is called too large."""

import dataclasses
import io
import shlex
import shutil
import time
from contextlib import redirect_stdout

import numpy as np
import pytest
from PIL import Image

from larq_igp.data import load_dataset
from larq_igp.training.fit import progress as progress_module
from larq_igp.training.fit.progress import Progress
from larq_igp.training.fit.suggestion import suggest, too_large
from tests.data.files import write_class_folders


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    root = tmp_path_factory.mktemp("suggestion") / "my photos"
    write_class_folders(root, {"": 6}, ("ant", "Größe"))
    return root


def test_few_small_photos_get_a_small_network(photos, refused):
    found = suggest(load_dataset("folder", data_dir=str(photos)))
    assert (found.network, found.side) == ("igp_resnet_tiny", 32)  # 41 to 60 px are stored
    message = refused("train", "--data-dir", photos)
    command = shlex.join(["--data-dir", str(photos), "--input-shape", "32,32,3"])
    assert f"try `larq-igp train igp_resnet_tiny {command}`" in message


def test_corrupt_photos_are_left_out_of_a_suggestion_too(photos, refused, tmp_path):
    shutil.copytree(photos, tmp_path / "photos")
    (tmp_path / "photos" / "ant" / "torn.jpg").write_bytes(b"\xff\xd8\xff\xe0 torn")
    typed = ("train", "--data-dir", tmp_path / "photos", "--corrupt", "skip")
    assert "--input-shape 32,32,3 --corrupt skip`." in refused(*typed)


@pytest.mark.parametrize(
    "images, network", [(1_000, "igp_resnet_tiny"), (2**20, "igp_resnet41_48")]
)
def test_more_images_get_a_larger_network(images, network):
    digits = load_dataset("digits")
    train = dataclasses.replace(digits.splits["train"], examples=images)
    many = dataclasses.replace(digits, splits={**digits.splits, "train": train})
    found = suggest(many)
    assert (found.network, found.side) == (network, 32)


def test_what_is_far_too_large_is_said():
    assert too_large(27_000_000, 1_257).startswith(
        "warning: 27,000,000 parameters are far too many"
    )
    assert too_large(300_000, 1_257) is None
    assert too_large(11_000_000, 45_000) is None


def test_the_time_of_an_epoch_is_told_once_after_four_steps():
    with redirect_stdout(io.StringIO()) as stream:
        progress = Progress(verbose=2, epochs=3, steps=400, batch_size=10)
        for step in range(1, 9):
            assert ("s for an epoch" in stream.getvalue()) == (step > 4)
            progress.step(step, {"loss": 0.5})
        progress.close()
    (line,) = stream.getvalue().splitlines()
    assert line.endswith("s for an epoch of 400 steps, 00:00 for 3 epochs, without validation")


def test_validation_is_not_counted_as_steps():
    """Of a resumed run that has two of three epochs left, and one step of this one."""
    with redirect_stdout(io.StringIO()) as stream:
        progress = Progress(verbose=2, epochs=3, steps=100, batch_size=10, step=99)
        for step in (100, 101, 102, 103, 104):
            progress.step(step, {"loss": 0.5})
            if step == 100:
                progress.validating()
                time.sleep(0.5)
        progress.close()
    (line,) = stream.getvalue().splitlines()
    assert float(line.split()[1]) < 0.5 * 100 / 3
    assert "for 3 epochs" in line


def test_a_contact_sheet_shows_the_images_of_each_class(photos, igp, refused, tmp_path):
    red = Image.new("RGB", (40, 80), (250, 10, 10))
    folder = tmp_path / "folder"
    write_class_folders(folder, {"": 12}, ("ant",))
    (folder / "red").mkdir()
    for number in range(12):
        red.save(folder / "red" / f"{number}.png")
    sheet = tmp_path / "sheet.png"
    assert igp("data", "check", "--data-dir", folder, "--contact-sheet", sheet).exit_code == 0
    pixels = np.asarray(Image.open(sheet)).astype(int)
    assert pixels.shape == (4 + 2 * (16 + 96 + 4), 4 + 8 * (96 + 4), 3)
    is_red = (np.abs(pixels - (250, 10, 10)) < 3).all(axis=-1)
    assert not is_red[: 4 + 116].any()
    assert is_red[120:].sum() == 8 * 48 * 96  # 40 x 80 becomes 48 x 96
    assert "must end in one of" in refused(
        "data", "check", "--data-dir", folder, "--contact-sheet", tmp_path / "sheet.gif"
    )


def test_the_time_of_an_epoch_of_long_steps_is_told_after_the_second(monkeypatch):
    monkeypatch.setattr(progress_module, "LONG_SECONDS", 0.01)
    with redirect_stdout(io.StringIO()) as stream:
        progress = Progress(verbose=2, epochs=2, steps=1000, batch_size=10)
        progress.step(1, {"loss": 0.5})
        time.sleep(0.05)
        progress.step(2, {"loss": 0.5})
        (line,) = stream.getvalue().splitlines()
        progress.step(3, {"loss": 0.5})
        progress.close()
    assert stream.getvalue().splitlines() == [line]
    seconds = float(line.split()[1])
    assert 50 <= seconds < 500  # 1,000 steps of 0.05 s or somewhat more
