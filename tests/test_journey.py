"""From a folder of photos to a name printed where there is no TensorFlow, every step as typed."""

import json
import os
import platform
import subprocess
import sys
import venv
from pathlib import Path

import pytest
from PIL import Image
from sklearn.datasets import load_digits

from tests.conftest import ROOT

CLASSES = {0: "Größe null", 1: "eins", 7: "sieben"}
FORMATS = ("jpg", "png", "bmp", "webp")


def write_photos(root: Path) -> None:
    """Enlarged digits in four formats, in colour and grey, some turned by their EXIF."""
    digits = load_digits()
    for label, name in CLASSES.items():
        folder = root / name
        folder.mkdir(parents=True)
        for number, pixels in enumerate(digits.images[digits.target == label][:120]):
            image = Image.fromarray((255 - 15.9 * pixels).astype("uint8")).resize((64, 72))
            image = image if number % 3 else image.convert("RGB")
            options = {}
            if number % 8 == 0:  # the jpg of every other four
                exif = Image.Exif()
                exif[0x0112] = 6  # to be seen, it is turned to the right
                image, options = image.rotate(90, expand=True), {"exif": exif}
            image.save(folder / f"photo {number}.{FORMATS[number % 4]}", **options)


def wheel(folder: Path) -> Path:
    """The runtime for this machine; LARQ_IGP_DIST names a folder that has it."""
    dist, machine = Path(os.environ.get("LARQ_IGP_DIST", folder / "dist")), platform.machine()
    if not dist.is_dir():
        command = ["make", "-C", str(ROOT / "runtime"), "wheels", f"ARCH={machine}"]
        subprocess.run([*command, f"DIST={dist}", f"PYTHON={sys.executable}"], check=True)
    (found,) = dist.glob(f"larq_igp_runtime-*{machine}.whl")
    return found


@pytest.mark.slow
def test_from_photos_to_a_name_without_tensorflow(tmp_path):
    write_photos(tmp_path / "my photos")

    def typed(*arguments: str) -> str:
        command = [sys.executable, "-m", "larq_igp", *arguments]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    checked = typed("data", "check", "--data-dir", "my photos", "--contact-sheet", "samples.png")
    assert "Every image can be decoded." in checked
    assert (tmp_path / "samples.png").is_file()
    fields = ["--no-mirror", "--geometry", "letterbox", "--crop-area", "0.7", "--epochs", "12"]
    network = ["igp_resnet_tiny", "--input-shape", "32,32,1", "--batch-size", "32", *fields]
    typed("train", *network, "--data-dir", "my photos", "--quiet")
    run = "runs/igp_resnet_tiny-my_photos"
    measured = json.loads(typed("evaluate", run, "--json"))
    assert measured["top1"] > 0.6
    assert {each["class"] for each in measured["by_class"]} == set(CLASSES.values())
    typed("convert", run, "-o", "net.tflite")
    photos = [
        f"my photos/{name}/photo {n}.{FORMATS[n % 4]}"
        for name in CLASSES.values()
        for n in range(9)
    ]
    named = json.loads(typed("predict", "net.tflite", *photos, "--top", "1", "--json"))

    empty = tmp_path / "empty"
    venv.create(empty, with_pip=True)
    python = str(empty / "bin" / "python")
    subprocess.run([python, "-m", "pip", "install", "-q", wheel(tmp_path)], check=True)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    absent = subprocess.run(
        [python, "-c", "import tensorflow"], env=environment, capture_output=True
    )
    assert b"No module named 'tensorflow'" in absent.stderr
    command = [python, "-m", "larq_igp_runtime", "net.tflite", *photos, "--json"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    for mine, theirs in zip(named, rows, strict=True):
        (here,), (there,) = mine["classes"], theirs["classes"]
        assert mine["image"] == theirs["photo"]
        assert here["class_name"] == there["name"]
        assert here["probability"] == pytest.approx(there["probability"], abs=1e-3)
    alone = [python, "-m", "larq_igp_runtime", "net.tflite", photos[0]]
    done = subprocess.run(alone, cwd=tmp_path, env=environment, capture_output=True, text=True)
    best = rows[0]["classes"][0]
    assert done.stdout == f"{best['name']} {100 * best['probability']:.1f} %\n"
    assert done.stderr == ""
