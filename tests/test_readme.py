"""The README tells the truth."""

import re
import shlex
from pathlib import Path

import pytest

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


def test_its_targets_and_folders_exist():
    targets = set(re.findall(r"^(\w+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"make (\w+)", README)) - {"a"} <= targets
    for folder in re.findall(r"^    ((?:\w+/)+)", README, re.MULTILINE):
        assert (ROOT / folder).is_dir(), folder
    for link in re.findall(r"\]\((docs/[^)]+)\)", README):
        assert (ROOT / link).is_file(), link


def test_its_transcript_is_of_the_demo():
    block = re.search(r"<!-- demo -->\n(.*?)<!-- /demo -->", README, re.DOTALL)[1]
    typed = re.findall(r"^ +\$ larq-igp (\w+)", block, re.MULTILINE)
    assert typed == re.findall(r'larq_igp\("(\w+)"', (ROOT / "experiments" / "demo.py").read_text())
    accuracies = [float(share) for share in re.findall(r"test accuracy, \S+ +([\d.]+)%", block)]
    assert len(accuracies) == 2
    assert min(accuracies) >= 98
