"""What each command refuses: one sentence, exit code 2, nothing written."""

import json
from pathlib import Path

import pytest

from larq_igp.keras2 import tf


def test_a_mistyped_command_offers_the_nearest(refused):
    assert "no command is named 'sumary'. Did you mean summary?" in refused("sumary")


@pytest.mark.parametrize("command", [["summary"], ["train"], ["convert", "-o", "net.tflite"]])
def test_a_mistyped_network_offers_the_nearest(command, refused, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "Did you mean igp_resnet41_48" in refused(command[0], "igp_resnet41_84", *command[1:])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "arguments, message",
    [
        (
            ["summary", "igp_resnet_tiny", "--input-shape", "big"],
            "--input-shape: input_shape must be 3 integers with commas between or none; got 'big'",
        ),
        (
            ["summary", "igp_resnet_tiny", "--input-shape", "20,20,3"],
            "at least 28 px on each side; got 20x20",
        ),
        (
            ["summary", "igp_resnet_tiny", "--growth-rate", 8],
            "growth_rate is not a parameter of igp_resnet",
        ),
        (
            ["summary", "igp_resnet_tiny", "--columns", 9],
            "columns must be an integer from 1 to 8; got 9",
        ),
        (["summary", "igp_resnet_tiny", "--filters", 100_000], "filters must be at most 4096"),
        (
            ["summary", "binary_densenet_tiny", "--reduction", "1e-300,2"],
            "reduction must be 2 numbers from 1",
        ),
        (
            ["convert", "igp_resnet_tiny", "-o", "net.tflite", "--num-classes", 0],
            "num_classes must be a positive integer",
        ),
        (
            ["convert", "igp_resnet_tiny", "-o", "net.tflite", "--seed", -1],
            "seed must be an integer from 0",
        ),
        (
            ["summary", "igp_resnet_tiny", "--num-classes", -1],
            "num_classes must be a positive integer; got -1",
        ),
        (
            ["train", "igp_resnet_tiny", "--dataset", "digit"],
            "no data set is named 'digit'. Did you mean digits?",
        ),
        (["train", "igp_resnet_tiny", "--data-dir", "none"], "--data-dir none is not a folder"),
        (
            ["train", "igp_resnet_tiny", "--dataset", "fashion_mnist", "--data-dir", "."],
            "fashion_mnist was not found",
        ),
        (
            ["train", "igp_resnet_tiny", "--batch-size", 5000],
            "a batch of 5000 cannot be filled from 1257",
        ),
        (
            ["train", "igp_resnet_tiny", "--learning-rate", 0],
            "--learning-rate: learning_rate must be a number above 0; got 0",
        ),
        (["train", "igp_resnet_tiny", "--input-shape", "20,20,3"], "at least 28 px on each side"),
        (["train", "igp_resnet_tiny", "--run-dir", "/proc/none/run"], "cannot be made"),
        (["evaluate", "none"], "no run directory, no file and no network is named 'none'"),
        (["evaluate", "none.tflite"], "none.tflite does not exist: a run directory, the name of a"),
        (["predict", "none", "x.png"], "no run directory, no file and no network is named 'none'"),
        (["convert", "runs/none", "-o", "net.tflite"], "runs/none does not exist: a run directory"),
        (["summary", "none.toml"], "recipe none.toml does not exist"),
        (["benchmark", "igp_resnet_tiny", "--num-classes", 0], "num_classes must be a positive"),
        (["evaluate", "igp_resnet_tiny", "--weights", "last"], "leave out --weights: igp_resnet"),
        (["evaluate", "."], ". is not a run directory: it holds no config.json"),
        (["convert", "igp_resnet_tiny", "-o", "none/net.tflite"], "the folder none does not exist"),
        (["convert", "igp_resnet_tiny", "-o", "net.json"], "must end in .tflite"),
        (["report", "-o", "none/page.html"], "the folder none does not exist"),
        (["report", "-o", "."], "it is a folder"),
        (["report", "igp_resnet41_84", "-o", "page.html"], "Did you mean igp_resnet41_48"),
        (
            ["gradients", "igp_resnet_tiny", "--plot", "none/noise.png"],
            "the folder none does not exist",
        ),
        (
            ["reproduce", "table1", "--format", "csv", "--json"],
            "contradict each other: give one of them",
        ),
        (["gradients", "runs/none"], "runs/none does not exist"),
        (["benchmark", "none.tflite"], "none.tflite"),
        (["train", "igp_resnet_tiny", "--epochs", 0], "--epochs: epochs must be a positive"),
        (["predict", "none"], "Missing argument 'IMAGE...'"),
    ],
)
def test_refusals(arguments, message, refused, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert message in refused(*arguments)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "command",
    [["evaluate"], ["convert"], ["report"], ["train", "--resume"]],
    ids=["evaluate", "convert", "report", "resume"],
)
@pytest.mark.parametrize("folder", [".", "my runs"])
def test_a_mistyped_run(command, folder, refused, tmp_path, monkeypatch):
    """The run that has nearly this name is named, and nothing else that lies there."""
    monkeypatch.chdir(tmp_path)
    for name in ("bireal-digits", "photos of cats"):
        Path(folder, name).mkdir(parents=True)
    answer = refused(*command, Path(folder, "birael-digits"))
    assert "Did you mean bireal-digits?" in answer and "photos" not in answer


def test_an_image_is_no_network(refused, tmp_path):
    photo = tmp_path / "a photo.jpg"
    photo.write_bytes(tf.io.encode_jpeg(tf.zeros((8, 8, 3), tf.uint8)).numpy())
    for words in (["convert", photo, "-o", tmp_path / "a.tflite"], ["predict", photo, photo]):
        assert "a photo.jpg is not a .tflite file, a recipe or a model" in refused(*words)
    assert "name it with --on" in refused("predict", "none", photo, "--wheel", tmp_path)


def test_an_image_that_is_none(refused, run_dir, tmp_path):
    text = tmp_path / "text.png"
    text.write_text("no image")
    assert "text.png is not an image, or it is damaged" in refused("predict", run_dir, text)
    half = tmp_path / "half.png"
    half.write_bytes(tf.io.encode_png(tf.zeros((64, 64, 3), tf.uint8)).numpy()[:60])
    assert "half.png is not" in refused("predict", run_dir, half)
    assert "image none.png does not exist" in refused("predict", run_dir, "none.png")


COMMANDS = {
    "summary": [],
    "paths": [],
    "capability": [],
    "gradients": [],
    "benchmark": [],
    "convert": ["-o", "x.tflite"],
}


@pytest.mark.parametrize("command", COMMANDS)
def test_options_of_a_network_are_not_for_what_knows_its_own(
    command, refused, run_dir, small_file, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    options = (*COMMANDS[command], "--bits", 32, "--filters", 4)
    for source, kind in ((run_dir, "a run directory"), (small_file, "a .tflite file")):
        message = refused(command, source, *options)
        assert f"leave out --bits, --filters: {source} is {kind} and knows its own." in message
    assert not list(tmp_path.iterdir())


def test_what_a_file_cannot_serve_is_one_sentence(refused, small_file, tmp_path):
    for command in ("capability", "gradients"):
        assert "is a .tflite, which holds no weights for Keras" in refused(command, small_file)
    message = refused("convert", small_file, "-o", tmp_path / "again.tflite")
    assert "is a .tflite file already" in message


@pytest.mark.parametrize("command", [["benchmark"], ["evaluate"], ["predict"]])
@pytest.mark.parametrize("content", [b"", b"no model", b"\x1c\0\0\0TFL3" + bytes(40)])
def test_damaged_files(command, content, refused, tmp_path):
    path = tmp_path / "a net.tflite"
    path.write_bytes(content)
    assert "a net.tflite" in refused(*command, path, *(["x.png"] if command == ["predict"] else []))


def test_a_card_that_is_missing_or_of_another_file(refused, igp, tmp_path):
    path = tmp_path / "net.tflite"
    small = (
        "--filters",
        8,
        "--blocks",
        "1",
        "--input-shape",
        "28,28,1",
        "--num-classes",
        5,
        "--images",
        20,
    )
    assert igp("convert", "resnet_tiny", "-o", path, *small).exit_code == 0
    assert "does not name its data set: name one with --dataset" in refused("evaluate", path)
    message = refused("evaluate", path, "--dataset", "digits")
    assert f"digits has 10 classes, but {path} has 5 outputs" in message
    card = path.with_suffix(".json")
    fields = json.loads(card.read_text())
    card.write_text(json.dumps({**fields, "sha256": "0" * 64}))
    assert "belongs to another file" in refused("evaluate", path, "--dataset", "digits")
    card.unlink()
    assert "digits has 10 classes" in refused("evaluate", path, "--dataset", "digits")
    assert "has no card that says which network it is" in refused("summary", path)


@pytest.fixture(scope="module")
def small_file(tmp_path_factory):
    from click.testing import CliRunner

    from larq_igp.cli import main

    path = tmp_path_factory.mktemp("small") / "net.tflite"
    options = [
        "--filters",
        "8",
        "--blocks",
        "1",
        "--input-shape",
        "28,28,1",
        "--num-classes",
        "10",
        "--images",
        "20",
    ]
    assert (
        CliRunner().invoke(main, ["convert", "resnet_tiny", "-o", str(path), *options]).exit_code
        == 0
    )
    return path


@pytest.mark.parametrize(
    "edit",
    [
        {"class_names": ["a"]},
        {"class_names": 5},
        {"preprocessing": {}},
        {"preprocessing": {"mean": ["x"]}},
        {"preprocessing": {"deviation": [0.0]}},
        {"preprocessing": {"mean": [float("nan")]}},
        {"preprocessing": {"resize": "nearest"}},
        {"preprocessing": {"input_shape": [32, 32, 1]}},
        {"input_shape": [32, 32, 1]},
        {"dataset": 5},
        {"bits": "1"},
        {"variant": 5},
        {"parameters": [1]},
    ],
)
def test_edited_cards(edit, small_file, refused, tmp_path):
    path = tmp_path / "net.tflite"
    path.write_bytes(small_file.read_bytes())
    card = json.loads(small_file.with_suffix(".json").read_text())
    for name, value in edit.items():
        card[name] = {**card[name], **value} if isinstance(value, dict) and value else value
    path.with_suffix(".json").write_text(json.dumps(card))
    refused("evaluate", path, "--dataset", "digits")


def test_a_card_cannot_pass_other_arguments(small_file, igp, tmp_path):
    path = tmp_path / "net.tflite"
    path.write_bytes(small_file.read_bytes())
    card = json.loads(small_file.with_suffix(".json").read_text())
    card["parameters"] |= {"weights": "/etc/passwd", "input_shape": [1]}
    path.with_suffix(".json").write_text(json.dumps(card))
    assert igp("benchmark", path, "--runs", 1, "--warmup", 0).exit_code == 0


def test_options_for_the_other_kind(refused, run_dir, small_file, tmp_path):
    message = refused("evaluate", run_dir, "--engine", "lce")
    assert f"leave out --engine: {run_dir} is not a .tflite file" in message
    message = refused("predict", run_dir, __file__, "--threads", 2, "--engine", "lce")
    assert f"leave out --engine, --threads: {run_dir} is not a .tflite file" in message
    message = refused("evaluate", small_file, "--weights", "last")
    assert f"leave out --weights: {small_file} is not a run directory" in message
    message = refused("convert", "resnet_tiny", "-o", tmp_path / "x.tflite", "--weights", "last")
    assert "leave out --weights: resnet_tiny is not a run directory" in message
    assert "256" in refused("evaluate", small_file, "--threads", 100_000)


def test_an_output_that_cannot_be_written_leaves_nothing(refused, run_dir, tmp_path):
    (tmp_path / "net.json").mkdir()
    assert "net.json cannot be written: it is a folder" in refused(
        "convert", run_dir, "-o", tmp_path / "net.tflite"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["net.json"]
