"""What each command refuses: one sentence, exit code 2, nothing written."""

import json

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
        (["summary", "igp_resnet_tiny", "--input-shape", "big"], "is not H,W,C: give numbers with commas between"),
        (["summary", "igp_resnet_tiny", "--input-shape", "20,20,3"], "at least 28 px on each side; got 20x20"),
        (["summary", "igp_resnet_tiny", "--growth-rate", 8], "growth_rate is not a parameter of igp_resnet"),
        (["summary", "igp_resnet_tiny", "--columns", 9], "columns must be an integer from 1 to 8; got 9"),
        (["summary", "igp_resnet_tiny", "--num-classes", -1], "num_classes must be a positive integer; got -1"),
        (["train", "igp_resnet_tiny", "--dataset", "digit"], "no data set is named 'digit'. Did you mean digits?"),
        (["train", "igp_resnet_tiny", "--data-dir", "none"], "--data-dir none is not a folder"),
        (["train", "igp_resnet_tiny", "--dataset", "fashion_mnist", "--data-dir", "."], "fashion_mnist was not found"),
        (["train", "igp_resnet_tiny", "--batch-size", 5000], "a batch of 5000 cannot be filled from 1257"),
        (["train", "igp_resnet_tiny", "--learning-rate", 0], "learning_rate must be above 0; got 0"),
        (["train", "igp_resnet_tiny", "--input-shape", "20,20,3"], "at least 28 px on each side"),
        (["train", "igp_resnet_tiny", "--run-dir", "/proc/none/run"], "cannot be made"),
        (["evaluate", "none"], "none does not exist: a run directory or a .tflite file is needed"),
        (["evaluate", "."], ". is not a run directory: it holds no config.json"),
        (["predict", "none", "x.png"], "none does not exist"),
        (["convert", "runs/none", "-o", "net.tflite"], "runs/none does not exist"),
        (["convert", "igp_resnet_tiny", "-o", "none/net.tflite"], "the folder none does not exist"),
        (["convert", "igp_resnet_tiny", "-o", "net.json"], "must end in .tflite"),
        (["benchmark", "none.tflite"], "none.tflite"),
        (["train", "igp_resnet_tiny", "--epochs", 0], "0 is not in the range"),
        (["predict", "none"], "Missing argument 'IMAGE...'"),
    ],
)
def test_refusals(arguments, message, refused, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert message in refused(*arguments)
    assert not list(tmp_path.iterdir())


def test_an_image_that_is_none(refused, run_dir, tmp_path):
    text = tmp_path / "text.png"
    text.write_text("no image")
    assert "text.png is not a PNG, JPEG, GIF or BMP image" in refused("predict", run_dir, text)
    half = tmp_path / "half.png"
    half.write_bytes(tf.io.encode_png(tf.zeros((64, 64, 3), tf.uint8)).numpy()[:60])
    assert "half.png is not" in refused("predict", run_dir, half)
    assert "image none.png does not exist" in refused("predict", run_dir, "none.png")


def test_options_of_a_network_are_not_for_a_run(refused, run_dir, tmp_path):
    message = refused("convert", run_dir, "-o", tmp_path / "net.tflite", "--bits", 32)
    assert "--bits is for a network by name" in message


@pytest.mark.parametrize("command", [["benchmark"], ["evaluate"], ["predict"]])
@pytest.mark.parametrize("content", [b"", b"no model", b"\x1c\0\0\0TFL3" + bytes(40)])
def test_damaged_files(command, content, refused, tmp_path):
    path = tmp_path / "a net.tflite"
    path.write_bytes(content)
    assert "a net.tflite" in refused(*command, path, *(["x.png"] if command == ["predict"] else []))


def test_a_card_that_is_missing_or_of_another_file(refused, igp, tmp_path):
    path = tmp_path / "net.tflite"
    small = ("--filters", 8, "--blocks", "1", "--input-shape", "28,28,1", "--num-classes", 5, "--images", 20)
    assert igp("convert", "resnet_tiny", "-o", path, *small).exit_code == 0
    assert "was not trained on any data set: name one with --dataset" in refused("evaluate", path)
    assert "digits has 10 classes, and this network tells 5 apart" in refused("evaluate", path, "--dataset", "digits")
    card = path.with_suffix(".json")
    fields = json.loads(card.read_text())
    card.write_text(json.dumps({**fields, "sha256": "0" * 64}))
    assert "belongs to another file" in refused("evaluate", path, "--dataset", "digits")
    card.unlink()
    assert "has no card" in refused("evaluate", path, "--dataset", "digits")
