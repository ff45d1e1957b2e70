"""A family of one's own, from outside the package to a verified file."""

import dataclasses
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import larq_igp
from larq_igp.analysis import count
from larq_igp.analysis.summary import AccountingError, summarise
from larq_igp.architectures.accounting import COUNTS, closed_form
from larq_igp.architectures.checks import SpecError
from larq_igp.architectures.zoo import ZOO
from larq_igp.cli.modules import MODULES, import_modules
from larq_igp.errors import UserError
from larq_igp.models.build import BODIES
from larq_igp.report.blocks import family_blocks
from larq_igp.report.palette import FAMILIES, OTHERS, look_of
from larq_igp.search.budget import DesignError
from larq_igp.search.design import design
from tests.conftest import ROOT

EXAMPLE = ROOT / "docs" / "examples" / "own_blocks.py"
NAME = "triple_resnet_tiny"


@pytest.fixture
def example(monkeypatch):
    """The module of the docs, imported as the command line does, and forgotten afterwards."""
    before = [(registry, dict(registry)) for registry in (ZOO, COUNTS, BODIES)]
    monkeypatch.setenv(MODULES, "")
    import_modules((str(EXAMPLE),))
    yield
    for registry, content in before:
        registry.clear()
        registry.update(content)


@pytest.mark.parametrize("bits", [1, 2, 32])
def test_counts_agree_with_each_other_and_with_arithmetic(example, bits):
    model = larq_igp.build(NAME, input_shape=(33, 28, 1), num_classes=5, bits=bits)
    spec = larq_igp.get_spec(NAME)
    counts = count(model, spec)
    assert counts == closed_form(spec, input_shape=(33, 28, 1), num_classes=5, bits=bits)
    binary = 3 * 9 * (16 * 16 + 32 * 32 + 64 * 64)  # three 3x3 convolutions a stage
    pixels = (33 * 28, 17 * 14, 9 * 7)
    macs = sum(3 * 9 * w * w * p for w, p in zip((16, 32, 64), pixels, strict=True))
    assert counts.kernel_weights[bits] == binary + (0 if bits < 32 else _float_weights())
    if bits < 32:
        assert counts.macs[bits] == macs
        assert counts.kernel_weights[32] == _float_weights()
    assert counts.runtime_memory_bytes == 0


def _float_weights() -> int:
    return 9 * 16 + 16 * 32 + 32 * 64 + 64 * 5  # stem, two transitions, classifier


def test_wrong_accounting_is_named(example):
    right = COUNTS["triple_resnet"]

    def wrong(ledger, spec, pixels):
        ledger.norm(7)
        return right(ledger, spec, pixels)

    larq_igp.register_family("triple_resnet", body=BODIES["triple_resnet"], count=wrong)
    model = larq_igp.build(NAME, input_shape=(32, 32, 3), num_classes=10)
    with pytest.raises(
        AccountingError, match=r"its parameters are .* as its family counts"
    ) as said:
        summarise(NAME, model, larq_igp.get_spec(NAME))
    first, second = (
        int(word) for word in str(said.value).replace(",", "").split() if word.isdigit()
    )
    assert second - first == 28


def test_parameters_are_checked_as_those_of_the_package(example):
    assert larq_igp.get_spec(NAME, filters=8).stage_filters(2) == 32
    with pytest.raises(SpecError, match="columns is not a parameter of triple_resnet"):
        larq_igp.get_spec(NAME, columns=2)


def test_design_says_that_it_knows_the_paper_alone(example):
    with pytest.raises(DesignError, match="design knows only the paper's families"):
        design(NAME, "igp_resnet")


def test_the_report_draws_its_block_in_a_look_of_its_own(example):
    charts = {chart.name: chart for chart in family_blocks()}
    assert set(charts) == {f"block-{family}" for family in [*FAMILIES, "triple_resnet"]}
    nodes = charts["block-triple_resnet"].nodes
    assert sum(is_binary for _, is_binary, _ in nodes) == 3
    assert look_of("triple_resnet") == OTHERS[0]


def _body(x, *, spec, quantization):
    return x


def _count(ledger, spec, pixels):
    return 1


def test_what_cannot_be_registered_is_refused(example):
    spec = larq_igp.get_spec(NAME)
    for family in ("igp_resnet", "Mine", "", None):
        with pytest.raises(SpecError, match="family"):
            larq_igp.register_family(family, body=_body, count=_count)
    with pytest.raises(SpecError, match="body of mine must be a function"):
        larq_igp.register_family("mine", body=None, count=_count)
    with pytest.raises(SpecError, match="count of mine must be a function"):
        larq_igp.register_family("mine", body=_body, count=3)
    with pytest.raises(SpecError, match="is a network of this package"):
        larq_igp.register_network("igp_resnet_tiny", spec)
    with pytest.raises(SpecError, match="must be a dataclass"):
        larq_igp.register_network("mine", type(spec))
    with pytest.raises(SpecError, match="call register_family before"):
        larq_igp.register_network("mine", dataclasses.replace(spec, family="nobodys"))
    with pytest.raises(SpecError, match="has no family, blocks, stem_filters, depth"):
        larq_igp.register_network("mine", dataclasses.make_dataclass("Empty", [])())
    assert "mine" not in {*ZOO, *COUNTS, *BODIES}


@pytest.mark.parametrize(
    "text, message",
    [
        (None, "the file does not exist"),
        ("x = 1\ny = x / 0\n", "ZeroDivisionError, line 2: division by zero"),
        ("import nowhere_to_be_found\n", "ModuleNotFoundError, line 1: .*nowhere_to_be_found"),
        ("def\n", "SyntaxError"),
        (
            "import larq_igp\nlarq_igp.register_family('resnet', body=1, count=1)\n",
            "choose another",
        ),
    ],
)
def test_a_module_that_cannot_be_imported_is_one_sentence(tmp_path, monkeypatch, text, message):
    monkeypatch.setenv(MODULES, "")
    path = tmp_path / "my own blocks.py"
    if text is not None:
        path.write_text(text)
    with pytest.raises(UserError, match=message):
        import_modules((str(path),))
    assert not os.environ[MODULES]


def run(folder: Path, *arguments: str | Path) -> subprocess.CompletedProcess:
    """Run the command line in a folder."""
    command = [Path(sys.executable).with_name("larq-igp"), *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def typed(folder: Path, *arguments: str) -> str:
    """Run it with the example, and return its answer."""
    finished = run(folder, "--import", EXAMPLE, *arguments)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


def test_from_its_name_to_a_verified_file(tmp_path):
    train = ("train", NAME, "--epochs", "1", "--run-dir", "run", "--quiet")
    trained = typed(tmp_path, *train)
    assert "of 360 test images" in trained
    assert trained.endswith(f"next: larq-igp --import {shlex.quote(str(EXAMPLE))} convert run\n")
    without = run(tmp_path, "evaluate", "run").stderr
    assert f"run is of the network '{NAME}', which is not known here: import the file" in without
    converted = json.loads(typed(tmp_path, "convert", "run", "-o", "net.tflite", "--json"))
    assert converted["audit"]["lce_bconv2d"] == converted["audit"]["binary_convolutions"] == 9
    assert all(each["passed"] for each in converted["verifications"])
    (block, *_) = json.loads(typed(tmp_path, "paths", "net.tflite", "--block", "--json"))
    assert [each["length"] for each in block["smallest"]] == [0, 3]


@pytest.mark.slow
def test_workers_and_the_report_know_it(tmp_path):
    train = (NAME, "--epochs", "1", "--run-dir", "run", "--quiet", "--json")
    assert json.loads(typed(tmp_path, "launch", "--workers", "2", *train))["examples"] == 360
    typed(tmp_path, "report", "run", "-o", "report.html")
    assert NAME in (tmp_path / "report.html").read_text()
