"""The README tells the truth."""

import ast
import importlib
import inspect
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import larq_igp
from larq_igp.architectures import get_spec
from larq_igp.architectures.accounting import closed_form
from larq_igp.cli import main

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def commands() -> list[str]:
    return sorted(
        {
            line.strip().split("#")[0].strip()
            for line in README.splitlines()
            if line.startswith("    larq-igp ")
        }
    )


@pytest.mark.parametrize("command", commands())
def test_its_commands_parse(command):
    name, *arguments = shlex.split(command)[1:]
    main.commands[name].make_context(name, arguments)


def test_its_python_runs():
    code = re.search(r"```python\n(.*?)```", README, re.DOTALL)[1]
    names = {}
    exec(code, names)  # the README's own example
    assert names["model"].output_shape == (None, 1000)
    small = get_spec("igp_resnet_tiny")
    assert (
        names["small"].count_params()
        == closed_form(small, input_shape=(32, 32, 3), num_classes=10).parameters
    )


def test_its_calls_of_python_take_these_arguments():
    blocks = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    called = [
        (node.func.attr, len(node.args), [keyword.arg for keyword in node.keywords])
        for block in blocks
        for node in ast.walk(ast.parse(block))
        if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("larq_igp.")
    ]
    assert {"build", "train", "evaluate", "export", "predict", "open_subject"} <= {
        name for name, _, _ in called
    }
    for name, positional, keywords in called:
        signature = inspect.signature(getattr(larq_igp, name))
        signature.bind(*range(positional), **dict.fromkeys(keywords))


def test_its_targets_and_folders_exist():
    targets = set(re.findall(r"^(\w+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"make (\w+)", README)) - {"a"} <= targets
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
    assert typed == [command.replace("--epochs 1 ", "--epochs 60 ") for command in ran]
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
