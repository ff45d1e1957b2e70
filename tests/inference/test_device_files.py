"""Files of a run: pixels in, small weights if asked for, and what the card says of it."""

import json
import zipfile

import numpy as np
import pytest

from larq_igp.data import load_dataset
from larq_igp.data.pipeline import eval_arrays
from larq_igp.deploy.card import read_card
from larq_igp.deploy.engines import open_engine
from larq_igp.errors import UserError
from larq_igp.inference.conversion import export
from larq_igp.inference.opening import open_subject
from larq_igp.inference.predict import predict
from tests.data.files import jpeg, picture


@pytest.fixture(scope="module")
def files(run_dir, tmp_path_factory):
    folder = tmp_path_factory.mktemp("device")
    export(run_dir, folder / "usual.tflite")
    export(run_dir, folder / "small.tflite", dense="int8", scores="logits", images=20)
    export(run_dir, folder / "float.tflite", input="float", dense="float", images=20)
    return folder


def test_a_run_takes_pixels_and_the_card_says_so(files):
    card = read_card(files / "usual.tflite")
    assert (card.input, card.scores, card.converter) == ("uint8", "probabilities", "own")
    choice = card.dense_choice
    assert (choice.bits, card.dense_bits, choice.examples) == (32, 32, None)
    assert choice.reason == "180 validation images are too few to tell 0.1 points"
    assert card.storage_bits == 261_376  # as `larq-igp list` counts
    assert all(each.passed for each in card.verifications)
    with zipfile.ZipFile(files / "usual.tflite") as archive:
        assert archive.read("labels.txt").decode().split("\n") == list(card.class_names)


def test_validation_images_decide_where_there_are_enough(run_dir, tmp_path, monkeypatch):
    monkeypatch.setattr("larq_igp.inference.dense.FEWEST_IMAGES", 180)
    export(run_dir, tmp_path / "net.tflite", images=20)
    card = read_card(tmp_path / "net.tflite")
    choice = card.dense_choice
    assert choice.examples == 180  # the validation images of the digits
    lost = choice.float_top1 - choice.int8_top1
    assert (choice.bits, card.dense_bits) == ((8, 8) if lost < 0.001 else (32, 32))
    assert f"{-100 * lost:+.2f} points" in choice.reason


def test_small_weights_are_measured_on_the_test_images(files):
    card, before = read_card(files / "small.tflite"), read_card(files / "float.tflite")
    assert (card.dense_bits, card.scores) == (8, "logits")
    assert {each.examples for each in card.measurements} == {360}
    assert all(abs(each.top1 - card.accuracy) < 0.05 for each in card.measurements)
    assert card.file_storage_bits < before.file_storage_bits
    assert card.storage_bits == before.storage_bits
    assert card.file_bytes < before.file_bytes
    assert (before.input, before.dense_bits, before.measurements) == ("float32", 32, ())


def test_pixels_are_fed_to_one_and_normalised_images_to_the_other(files):
    """Binary networks flip signs within rounding, so most images agree, and not all."""
    answers, digits = [], load_dataset("digits")
    for name in ("usual", "float"):
        subject = open_subject(files / f"{name}.tflite")
        fed = subject.preprocessing_of(digits)
        images, _ = next(eval_arrays(digits, "test", fed, batch_size=50))
        assert images.dtype == (np.uint8 if name == "usual" else np.float32)
        answers.append(open_engine(subject.content).predict(images).argmax(axis=1))
    assert np.mean(answers[0] == answers[1]) > 0.9


def test_evaluate_and_predict_feed_each_file_as_it_wants(files, igp, tmp_path):
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(jpeg(picture(1)))
    for name in ("usual", "small", "float"):
        path = files / f"{name}.tflite"
        found = json.loads(igp("evaluate", path, "--json").stdout)
        assert abs(found["top1"] - read_card(path).accuracy) < 0.05
        assert found["loss"] < 2.3  # of equal probabilities
        (row,) = predict(path, photo, top=10)
        assert sum(each["probability"] for each in row["classes"]) == pytest.approx(1, abs=1e-5)


def test_benchmark_times_a_file_of_pixels(files, igp):
    typed = ["--runs", 3, "--warmup", 1, "--operators", "--json"]
    found = igp("benchmark", files / "usual.tflite", *typed)
    assert found.exit_code == 0, found.output
    assert "DEQUANTIZE" in json.loads(found.stdout)[0]["by_kind"]


def test_random_weights_stay_float_unless_asked(tmp_path):
    options = {"parameters": {"filters": 8, "blocks": (1, 1)}, "input_shape": (28, 28, 1)}
    subject = open_subject("igp_resnet_tiny", **options)
    done = export(subject, tmp_path / "a.tflite", images=3)
    assert done.audit.input.dtype == "float32"
    assert done.choice.reason == "there are no validation images to decide"
    done = export(subject, tmp_path / "b.tflite", images=3, input="uint8", dense="int8")
    assert (done.audit.input.dtype, done.audit.dense_bits) == ("uint8", 8)
    assert read_card(tmp_path / "b.tflite").measurements == ()


def test_what_is_not_known_is_refused(tmp_path, run_dir):
    for options, complaint in (
        ({"input": "int8"}, "input must be uint8 or float, not 'int8'"),
        ({"dense": "4"}, "dense must be int8 or float, not '4'"),
        ({"scores": "ranks"}, "scores must be probabilities or logits"),
    ):
        with pytest.raises(UserError, match=complaint):
            export(run_dir, tmp_path / "a.tflite", **options)
    assert not list(tmp_path.iterdir())
