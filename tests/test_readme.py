"""The README tells the truth."""

import importlib
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from experiments.fashion_mnist.__main__ import RESULTS
from experiments.fashion_mnist.plan import EPOCHS, LONGER, Run, main_pair
from experiments.fashion_mnist.rows import read_rows
from experiments.fashion_mnist.statistics import errors, paired
from larq_igp.architectures import get_spec
from larq_igp.architectures.accounting import closed_form
from larq_igp.cli import main
from larq_igp.models import build

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
PYTHON = re.compile(r"```python\n(.*?)```", re.DOTALL)


def commands(text: str) -> list[str]:
    """Return the commands of a page, without comments: those of its indented lines."""
    joined = text.replace("\\\n", " ")
    lines = [line.strip() for line in joined.splitlines() if line.startswith("    larq-igp ")]
    # Two spaces end a command where what follows says what it does.
    return [re.split(r"\s#|(?<=\S)\s{3,}(?=\w)", line)[0].strip() for line in lines]


def test_its_first_sentence_is_what_was_found():
    rows = read_rows(RESULTS)
    bireal, igp = main_pair(rows)
    short, long = (
        paired(*(errors(rows, Run(name, epochs=epochs)) for name in (igp, bireal)))
        for epochs in (EPOCHS, LONGER * EPOCHS)
    )
    said = " ".join(README.split("\n\n")[1].split())
    assert f"makes {-short.mean:.1f} points fewer errors than Bi-Real after {EPOCHS} epochs" in said
    low, high = short.interval
    assert (f"which {short.n} seeds cannot tell from none" in said) == (low <= 0 <= high)
    assert f"as many after {LONGER * EPOCHS}" in said and abs(long.mean) < 0.05


@pytest.mark.parametrize(
    "command", sorted({each for page in PAGES for each in commands(page.read_text())})
)
def test_commands_of_all_pages_parse(command):
    arguments = shlex.split(command)[1:]
    if arguments[0] == "--import":
        arguments = arguments[2:]
    name, *arguments = arguments
    main.commands[name].make_context(name, arguments)


def test_its_python_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (40, 30)).save("photo.png")
    names: dict = {}
    (code,) = PYTHON.findall(README)
    exec(code, names)
    small = get_spec("igp_resnet_tiny")
    counts = closed_form(small, input_shape=(32, 32, 3), num_classes=10)
    assert names["model"].count_params() == counts.parameters
    assert names["trained"]["examples"] == 360
    assert Path("net.tflite").is_file()


def test_the_python_of_the_networks_runs():
    (code,) = PYTHON.findall((ROOT / "docs" / "networks.md").read_text())
    names: dict = {}
    exec(code, names)
    assert names["model"].output_shape == (None, 1000)
    small = get_spec("igp_resnet_tiny")
    counts = closed_form(small, input_shape=(32, 32, 3), num_classes=10)
    assert names["small"].count_params() == counts.parameters


@pytest.mark.slow
def test_its_commands_run(tmp_path):
    """All but those that need ImageNet, with one epoch."""
    Image.new("RGB", (40, 30)).save(tmp_path / "photo.png")
    build("resnet_tiny", input_shape=(32, 32, 3), num_classes=10).save(tmp_path / "my_model.h5")
    typed = [each for each in commands(README) if "imagenet" not in each]
    assert len(typed) > 10
    for command in typed:
        _, *arguments = shlex.split(re.sub(r"--epochs \d+", "--epochs 1", command))
        if arguments[:1] == ["launch"]:
            arguments += ["--epochs", "1"]
        finished = subprocess.run(
            [Path(sys.executable).with_name("larq-igp"), *arguments],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert finished.returncode == 0, (command, finished.stderr)


def test_its_targets_and_folders_exist():
    targets = set(re.findall(r"^(\w+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"(?:`|^ {4})make (\w+)", README, re.MULTILINE)) <= targets
    for folder in re.findall(r"^    ((?:\w+/)+)", README, re.MULTILINE):
        assert (ROOT / folder).is_dir(), folder
    for link in re.findall(r"\]\((docs/[^)]+)\)", README):
        assert (ROOT / link).is_file(), link


def without_measurements(text: str) -> list[str]:
    """Return a table's lines without what differs from one run and machine to another."""
    text = re.sub(r"\d+\.\d+(%| ms| kB \.tflite)|\d\.\de-\d+", r"#\1", text)
    return [line.strip() for line in text.strip().splitlines()]


def test_its_transcript_is_of_the_demo(tmp_path):
    """It is run with one epoch: the same commands, and the same table but for measurements."""
    finished = subprocess.run(
        [sys.executable, ROOT / "experiments" / "demo.py", "1"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    block = re.search(r"<!-- demo -->\n(.*?)<!-- /demo -->", README, re.DOTALL)[1]
    typed, ran = (
        re.findall(r"\$ (larq-igp .*?)(?: +\(\d+ s\))?$", text, re.MULTILINE)
        for text in (block, finished.stdout)
    )
    assert typed == [command.replace("--epochs 1 ", "--epochs 40 ") for command in ran]
    shown, printed = (text[text.index("---") :] for text in (block, finished.stdout))
    assert without_measurements(shown) == without_measurements(printed)


def test_what_it_and_the_docs_name_exists():
    """Files by their paths, and modules and names of the package by their dots."""
    found = 0
    for file in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]:
        text = file.read_text()
        for path in re.findall(
            r"(?<![\w/.-])((?:larq_igp|tests|docs|runtime|benchmarks)/[\w./-]*\w)", text
        ):
            assert (ROOT / path).exists(), (file.name, path)
            found += 1
        for name in set(re.findall(r"\blarq_igp(?:\.[A-Za-z_]\w*)+", text)):
            module, attributes = importlib.import_module("larq_igp"), name.split(".")[1:]
            for place, attribute in enumerate(attributes, start=1):
                inner = ".".join(["larq_igp", *attributes[:place]])
                if not hasattr(module, attribute):
                    importlib.import_module(inner)
                module = getattr(module, attribute)
            found += 1
    assert found > 50
