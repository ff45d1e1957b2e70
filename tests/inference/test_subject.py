"""One subject: whatever commands work on is opened in one place, and says what it is."""

import json
import os

import numpy as np
import pytest

import larq_igp
from larq_igp.architectures import get_spec
from larq_igp.data import load_dataset
from larq_igp.data.geometry import GEOMETRY
from larq_igp.data.identity import OtherDataError
from larq_igp.errors import UserError
from larq_igp.inference.opening import open_subject
from larq_igp.keras2 import tf
from larq_igp.training.recipe import Recipe
from tests.conftest import ROOT
from tests.data.files import write_cifar100

OLD = ROOT / "tests" / "fixtures" / "version_0.1.0"
SMALL = get_spec("igp_resnet_tiny", filters=4, blocks=(1, 1))


@pytest.mark.parametrize("name", ["digits", "fashion_mnist", "cifar10", "cifar100"])
def test_geometry_is_that_of_the_data_sets(name, request, tmp_path):
    folder = tmp_path / "cifar-100-binary"
    if name == "cifar100":
        write_cifar100(folder)
    if name in ("fashion_mnist", "cifar10"):
        folder = request.getfixturevalue(f"{name.partition('_')[0]}_folder")
    dataset = load_dataset(name, data_dir=None if name == "digits" else folder)
    assert GEOMETRY[name] == (dataset.input_shape, len(dataset.class_names))


def test_a_network_by_name():
    subject = open_subject("igp_resnet_tiny", parameters={"filters": 4, "blocks": (1, 1)})
    assert (subject.kind, subject.spec, subject.bits, subject.is_trained) == (
        "network",
        SMALL,
        1,
        False,
    )
    assert (subject.input_shape, subject.classes) == ((224, 224, 3), 1000)
    small = open_subject("igp_resnet_tiny", input_shape=(28, 28, 1), num_classes=7, bits=2)
    assert small.network().output_shape == (None, 7)
    of_digits = open_subject("igp_resnet_tiny", dataset="digits")
    assert (of_digits.input_shape, of_digits.classes) == ((32, 32, 3), 10)


def test_random_weights_are_those_of_the_seed():
    first, again, other = (
        open_subject("resnet_tiny", dataset="digits", seed=seed).model().get_weights()
        for seed in (1, 1, 2)
    )
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(first, other, strict=True))


def test_a_recipe_file_is_the_network_that_it_trains(tmp_path):
    path = tmp_path / "my.toml"
    path.write_text('network = "resnet_tiny"\nbits = 2\ndataset = "cifar100"\n')
    subject = open_subject(path)
    assert (subject.kind, subject.bits, subject.name) == ("recipe", 2, "resnet_tiny")
    assert (subject.input_shape, subject.classes) == ((32, 32, 3), 100)
    assert open_subject(path, bits=1).bits == 1


def test_a_run_has_its_weights_and_its_data():
    subject = open_subject(OLD / "finished")
    assert (subject.kind, subject.spec, subject.is_trained) == ("run", SMALL, True)
    assert subject.data.dataset == "digits"
    assert subject.class_names == tuple("0123456789")
    kept = subject.run.load_model("best").get_weights()
    assert all(
        np.array_equal(a, b) for a, b in zip(subject.model().get_weights(), kept, strict=True)
    )


def test_a_file_is_described_by_its_card(tmp_path):
    subject = open_subject(OLD / "net.tflite")
    assert (subject.kind, subject.spec, subject.bits) == ("tflite", SMALL, 1)
    assert subject.accuracy == pytest.approx(64 / 360)
    assert (
        subject.network().count_params() == open_subject(OLD / "finished").network().count_params()
    )
    (tmp_path / "foreign.tflite").write_bytes((OLD / "net.tflite").read_bytes())
    foreign = open_subject(tmp_path / "foreign.tflite")
    assert (foreign.recipe, foreign.spec, foreign.input_shape) == (None, None, (28, 28, 1))
    with pytest.raises(UserError, match="has no card that says which network it is"):
        foreign.network()


def test_a_model_of_larq_zoo_has_no_specification_and_no_twin(zoo_run):
    for source in (zoo_run, "larq_zoo:BiRealNet"):
        subject = open_subject(source)
        assert (subject.name, subject.spec, subject.has_twin) == ("larq_zoo:BiRealNet", None, False)
        with pytest.raises(UserError, match="has no 32-bit twin"):
            subject.twin()


def test_the_twin_of_a_run_is_that_of_its_network_by_name(quantizer_run):
    """It pads with 0, has no quantizers, and is what ``teacher = twin`` trains."""
    run = open_subject(quantizer_run)
    assert run.recipe.pad_values == 1
    parameters = {"filters": 4, "blocks": (1, 1)}
    name = open_subject(
        "igp_resnet_tiny", parameters=parameters, input_shape=(28, 28, 1), num_classes=10
    )
    configs = [subject.twin().get_config() for subject in (run, name)]
    assert configs[0] == configs[1]
    padded = [
        layer["config"]["pad_values"]
        for layer in configs[0]["layers"]
        if "pad_values" in layer["config"]
    ]
    assert padded and set(padded) == {0}
    built = larq_igp.build(
        "igp_resnet_tiny", **parameters, input_shape=(28, 28, 1), num_classes=10, bits=32
    )
    assert built.get_config() == configs[0]


def test_a_run_that_names_quantizers_has_gradients_beside_its_twin(quantizer_run, igp):
    result = igp("gradients", quantizer_run, "--batches", 2, "--json")
    assert result.exit_code == 0, result.stderr
    layers = json.loads(result.stdout)["layers"]
    assert len(layers) == 6
    other = igp("gradients", quantizer_run, "--batches", 2, "--seed", 1, "--json")
    assert json.loads(other.stdout)["layers"] != layers  # the seed draws other mini-batches
    assert all(-1 <= layer["cosine_to_twin"] <= 1 for layer in layers)


def test_a_network_of_digits_is_not_measured_on_other_classes(run_dir, cifar10_folder, refused):
    message = refused("evaluate", run_dir, "--dataset", "cifar10", "--data-dir", cifar10_folder)
    assert "was not trained for the classes of cifar10: " in message
    assert "class 0 is 'airplane', not '0'" in message
    with pytest.raises(OtherDataError):
        larq_igp.evaluate(OLD / "net.tflite", dataset="cifar10", data_dir=str(cifar10_folder))
    assert "cifar10" in refused(
        "gradients", run_dir, "--dataset", "cifar10", "--data-dir", cifar10_folder
    )


def test_a_card_without_class_names_serves_all_commands(tmp_path, igp):
    path = tmp_path / "net.tflite"
    path.write_bytes((OLD / "net.tflite").read_bytes())
    card = json.loads((OLD / "net.json").read_text())
    (tmp_path / "net.json").write_text(json.dumps({**card, "class_names": []}))
    with_names = igp("evaluate", OLD / "net.tflite", "--json")
    without = igp("evaluate", path, "--json")
    assert json.loads(without.stdout)["top1"] == json.loads(with_names.stdout)["top1"]
    timed = igp("benchmark", path, "--runs", 1, "--warmup", 0, "--json")
    assert timed.exit_code == 0, timed.stderr
    assert json.loads(timed.stdout)[-1]["role"] == "float twin"
    image = tmp_path / "a.png"
    image.write_bytes(tf.io.encode_png(tf.zeros((28, 28, 1), tf.uint8)).numpy())
    (row,) = larq_igp.predict(path, [image], top=10)
    assert {guess["class_name"] for guess in row["classes"]} == set("0123456789")


def test_a_run_of_larq_zoo_is_converted_timed_and_reported(zoo_run, igp, tmp_path):
    path = tmp_path / "zoo.tflite"
    result = igp("convert", zoo_run, "-o", path, "--images", 8, "--json")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["audit"]["lce_bconv2d"] == 16
    card = json.loads(path.with_suffix(".json").read_text())
    assert card["variant"] == "larq_zoo:BiRealNet"
    assert larq_igp.evaluate(path)["examples"] == 360
    timed = igp("benchmark", zoo_run, path, "--runs", 1, "--warmup", 0, "--json")
    assert {row["role"] for row in json.loads(timed.stdout)} == {"converted"}
    assert f"{path} has no 32-bit twin: its topology" in timed.stderr
    (tmp_path / "latency.json").write_text(timed.stdout)
    page = tmp_path / "page.html"
    result = igp("report", zoo_run, path, "-o", page, "--latency", tmp_path / "latency.json")
    assert result.exit_code == 0, result.stderr
    assert "larq_zoo:BiRealNet" in page.read_text()


@pytest.mark.parametrize("command", ["summary", "paths", "benchmark"])
def test_commands_take_each_kind(command, igp, zoo_run, tmp_path):
    (tmp_path / "my.toml").write_text('network = "resnet_tiny"\n')
    sources = [OLD / "finished", OLD / "net.tflite", tmp_path / "my.toml", zoo_run]
    options = ["--runs", 1, "--warmup", 0, "--no-twin"] if command == "benchmark" else []
    for source in sources:
        result = igp(command, source, *options, "--json")
        assert result.exit_code == 0, (source, result.stderr)
    by_name = igp(command, "resnet_tiny", "--input-shape", "32,32,3", "--num-classes", 10, *options)
    assert by_name.exit_code == 0, by_name.stderr


def test_options_of_python_are_refused_by_their_names():
    with pytest.raises(UserError, match=r"leave out bits: .*finished is a run directory and knows"):
        open_subject(OLD / "finished", bits=2)
    with pytest.raises(UserError, match="leave out weights: resnet_tiny is not a run directory"):
        open_subject("resnet_tiny", weights="last")
    with pytest.raises(UserError, match="unknown field depth of a recipe"):
        open_subject("resnet_tiny", depth=3)


def test_old_recipes_and_new_ones_build_the_same(quantizer_run):
    recipe = Recipe.from_json(json.loads((quantizer_run / "config.json").read_text())["recipe"])
    assert open_subject(quantizer_run).recipe == recipe


def test_models_of_keras_may_name_what_they_take_and_give(tmp_path):
    image = tf.keras.Input((8, 8, 1), name="image")
    scores = tf.keras.layers.Dense(3)(tf.keras.layers.Flatten()(image))
    tf.keras.Model({"image": image}, {"scores": scores}).save(tmp_path / "named.keras")
    subject = open_subject(tmp_path / "named.keras")
    assert (subject.input_shape, subject.classes) == ((8, 8, 1), 3)
    assert subject.model().predict_on_batch(np.zeros((2, 8, 8, 1))).shape == (2, 3)


@pytest.mark.parametrize("axes", [None, (1, 2, 3)])
def test_models_of_keras_have_an_output_for_each_class(tmp_path, axes):
    image = tf.keras.Input((8, 8, 1))
    mean = tf.keras.layers.Lambda(lambda x: tf.reduce_mean(x, axes))(image)
    tf.keras.Model(image, mean).save(tmp_path / "mean.h5")
    with pytest.raises(UserError, match="does not have one output for each class"):
        open_subject(tmp_path / "mean.h5")


@pytest.mark.parametrize("name", ["saved_model.pb", "fingerprint.pb", "variables/variables.index"])
def test_saved_models_are_regular_files_of_bounded_size(tmp_path, name):
    (tmp_path / "variables").mkdir()
    (tmp_path / "saved_model.pb").touch()
    (tmp_path / name).unlink(missing_ok=True)
    (tmp_path / name).touch()
    os.truncate(tmp_path / name, 1 << 40)
    with pytest.raises(UserError, match=rf"{name} cannot be read: it has 1,099,511,627,776 bytes"):
        open_subject(tmp_path)
    if name != "saved_model.pb":  # with a pipe of this name the folder is no model
        (tmp_path / name).unlink()
        os.mkfifo(tmp_path / name)
        with pytest.raises(UserError, match=rf"{name} cannot be read: it is not a regular file"):
            open_subject(tmp_path)


def test_models_of_keras_have_a_largest_input(tmp_path):
    image = tf.keras.Input((100_000, 100_000, 3))
    scores = tf.keras.layers.Dense(3)(tf.keras.layers.GlobalAveragePooling2D()(image))
    tf.keras.Model(image, scores).save(tmp_path / "large.keras")
    with pytest.raises(UserError, match="at most 16,777,216 values"):
        open_subject(tmp_path / "large.keras")
