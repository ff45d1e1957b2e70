"""The commands that a command names as the next ones: complete, and with quotes where needed."""

import shlex
import shutil
from pathlib import Path

import click
import pytest

from larq_igp.cli import main
from tests.conftest import ROOT
from tests.data.files import picture

RUNS = ROOT / "tests" / "fixtures" / "format_2"
NET = ROOT / "tflite_models" / "digits_igp_resnet.tflite"
SMALL = ["--filters", "4", "--input-shape", "32,32,3"]


@pytest.fixture()
def files(tmp_path, monkeypatch) -> Path:
    """A folder with a space in its name: runs, a file with its card, and a photo."""
    folder = tmp_path / "my files"
    shutil.copytree(RUNS, folder)
    for part in (NET, NET.with_suffix(".json")):
        shutil.copy(part, folder / f"a net{part.suffix}")
    picture(0).save(folder / "PHOTO", format="PNG")
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture()
def following(igp):
    """Run a command, and return the words of the next commands that it prints."""

    def call(*words) -> list[list[str]]:
        result = igp(*words)
        assert result.exit_code == 0, result.output
        last = result.stdout.splitlines()[-1]
        assert last.startswith("next: larq-igp ")
        commands = [shlex.split(each) for each in last.removeprefix("next: ").split(", or ")]
        assert all(each.pop(0) == "larq-igp" for each in commands)
        for name, *options in commands:
            command = main.commands[name]
            command.make_context(name, list(options), parent=click.Context(main))  # it parses
        return commands

    return call


@pytest.mark.parametrize("words", [["list"], ["list", "--dataset", "digits"], ["doctor"]])
def test_first_commands_lead_to_a_training(words, following):
    assert following(*words) == [["train", "igp_resnet_tiny", *words[1:]]]


def test_a_network_keeps_its_options(igp, following):
    options = [*SMALL, "--bits", "2"]
    paths, train = following("summary", "igp_resnet_tiny", *options, "--num-classes", 7)
    assert paths[:2] == ["paths", "igp_resnet_tiny"] and train[:2] == ["train", "igp_resnet_tiny"]
    assert sorted(train[2:]) == sorted(options)
    assert sorted(paths[2:]) == sorted([*options, "--num-classes", "7"])
    assert igp(*paths).exit_code == 0
    (gradients,) = following("paths", "igp_resnet_tiny", *options)
    assert gradients == ["gradients", *train[1:]]


def test_a_network_of_the_paper_is_not_trained_on_digits(following):
    assert following("summary", "igp_resnet21_53") == [["paths", "igp_resnet21_53"]]


def test_what_is_timed_is_converted_and_a_file_goes_to_a_device(igp, following, files):
    once = ["--runs", 1, "--warmup", 0, "--no-twin"]
    ((command, network, *options),) = following("benchmark", "igp_resnet_tiny", *SMALL, *once)
    assert (command, network, sorted(options)) == ("convert", "igp_resnet_tiny", sorted(SMALL))
    file = str(files / "a net.tflite")
    assert following("benchmark", file, *once) == [["benchmark", file, "--on", "ssh://USER@HOST"]]
    assert following("summary", file) == [["benchmark", file]]


def test_a_finished_run_is_converted_and_a_file_names_photos(igp, following, files):
    assert following("summary", files / "finished") == [["convert", str(files / "finished")]]
    (predict,) = following("evaluate", files / "a net.tflite")
    assert predict == ["predict", str(files / "a net.tflite"), "PHOTO"]
    assert igp(*predict).exit_code == 0


def test_runs_name_what_is_to_be_resumed_else_the_report(following, files):
    assert following("runs", files) == [["train", "--resume", str(files / "interrupted")]]
    shutil.rmtree(files / "interrupted")
    assert following("runs", files) == [["report", str(files / "finished")]]


def test_what_is_piped_names_nothing(igp, files):
    for words in (["list", "--table3"], ["list", "--json"], ["runs", files, "--json"]):
        assert "next:" not in igp(*words).output
