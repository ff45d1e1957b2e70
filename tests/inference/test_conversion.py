"""What ``convert`` writes on the card of a run beside the findings on the file."""

import json

from larq_igp.deploy.card import read_card
from larq_igp.inference.evaluate import evaluate
from larq_igp.training.recipe.command import command_of
from larq_igp.training.run.directory import open_run
from tests.data.files import write_class_folders


def test_measured_accuracies_are_those_of_the_file(run_dir, tmp_path, igp):
    path = tmp_path / "my net.tflite"
    igp("convert", run_dir, "-o", path, "--measure")
    card, recipe = read_card(path), open_run(run_dir).recipe
    assert [each.engine for each in card.measurements] == [
        check.engine for check in card.verifications if check.passed
    ]
    for each in card.measurements:
        found = evaluate(path, engine=each.engine)
        assert (each.top1, each.examples) == (found["top1"], found["examples"])
        assert each.examples == 360
    assert (card.command, card.seed) == (command_of(recipe), recipe.seed)


def test_random_weights_have_no_accuracy(tmp_path, refused):
    path = tmp_path / "net.tflite"
    message = refused("convert", "igp_resnet_tiny", "-o", path, "--measure")
    assert "leave out --measure for igp_resnet_tiny: its weights are random" in message
    assert not path.exists()


def test_a_file_knows_where_its_images_lay(tmp_path, monkeypatch, igp):
    write_class_folders(tmp_path / "my photos", {"": 12}, ("cat", "dog"))
    (tmp_path / "my photos" / "cat" / "torn.jpg").write_bytes(b"<html>")
    monkeypatch.chdir(tmp_path)
    sizes = ["--filters", 8, "--blocks", 1, "--input-shape", "28,28,3", "--batch-size", 8]
    typed = ["--data-dir", "my photos", "--corrupt", "skip", "--epochs", 1, *sizes]
    trained = igp("train", "resnet_tiny", *typed)
    assert "runs/resnet_tiny-my_photos" in trained.stdout
    igp("convert", "runs/resnet_tiny-my_photos", "-o", "net.tflite")
    card = read_card("net.tflite")
    assert (card.data_dir, card.corrupt) == (str(tmp_path / "my photos"), "skip")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    for source in (tmp_path / "net.tflite", tmp_path / "runs" / "resnet_tiny-my_photos"):
        found = json.loads(igp("evaluate", source, "--json").stdout)
        assert (found["dataset"], found["examples"]) == ("folder", 2)
