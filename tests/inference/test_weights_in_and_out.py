"""Checkpoints of larq-zoo come in, strictly, and weights go out to whoever has Keras and Larq."""

import shutil
import subprocess
import sys

import h5py
import numpy as np
import pytest

from larq_igp.inference.opening import open_subject
from larq_igp.keras2 import tf
from larq_igp.models.larq_zoo import build_larq_zoo

NAME, SHAPE = "BiRealNet", (64, 64, 3)
TYPED = ("--input-shape", "64,64,3", "--num-classes", 7)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """What larq-zoo publishes: ``save_weights`` of its network, in HDF5."""
    tf.keras.utils.set_random_seed(11)
    model = build_larq_zoo(NAME, input_shape=SHAPE, num_classes=7)
    path = tmp_path_factory.mktemp("larq zoo") / "birealnet_weights.h5"
    model.save_weights(path)
    return path, model


def test_a_checkpoint_gives_its_weights(checkpoint):
    path, model = checkpoint
    opened = open_subject(f"larq_zoo:{NAME}", weights=str(path), input_shape=SHAPE, num_classes=7)
    for ours, theirs in zip(opened.model().get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.slow
def test_a_checkpoint_is_converted(checkpoint, igp, tmp_path):
    path, _ = checkpoint
    file = tmp_path / "net.tflite"
    typed = ("--weights", path, *TYPED, "--images", 2)
    found = igp("convert", f"larq_zoo:{NAME}", "-o", file, *typed)
    assert found.exit_code == 0, found.output
    assert file.is_file()


def test_the_first_difference_is_one_sentence_and_nothing_is_written(checkpoint, refused, tmp_path):
    path, _ = checkpoint
    other = tmp_path / "other.h5"
    shutil.copy(path, other)
    with h5py.File(other, "a") as file:
        names = [name for name in file if name.startswith("conv2d")]  # Keras counts on
        first = min(names, key=lambda name: (len(name), name))
        stem = file[first][first]
        kernel = stem["kernel:0"][...]
        del stem["kernel:0"]
        stem["kernel:0"] = kernel[..., :5]
    torn = tmp_path / "torn.h5"
    torn.write_bytes(path.read_bytes()[:100_000])
    for source, file, complaint in (
        (
            "larq_zoo:BiRealNet",
            other,
            "has shape (7, 7, 3, 5) in the file and (7, 7, 3, 64) in the network",
        ),
        ("larq_zoo:BinaryResNetE18", path, "does not hold the weights of binary_resnet_e_18"),
        ("larq_zoo:BiRealNet", torn, "torn.h5 does not hold the weights"),
        ("larq_zoo:BiRealNet", tmp_path / "none.h5", "none.h5 does not exist"),
    ):
        message = refused("convert", source, "-o", tmp_path / "a.tflite", "--weights", file, *TYPED)
        assert complaint in message
        assert len(message.strip().splitlines()) == 1
    assert not list(tmp_path.glob("a.*"))


def test_what_a_run_learned_goes_to_larq(run_dir, igp, refused, tmp_path):
    path = tmp_path / "for larq.h5"
    found = igp("convert", run_dir, "-o", path)
    assert found.exit_code == 0, found.output
    mine = open_subject(run_dir).model()
    np.save(tmp_path / "images.npy", images := np.random.default_rng(0).normal(size=(2, 32, 32, 3)))
    script = f"""
import numpy as np, larq
import tf_keras
model = tf_keras.models.load_model({str(path)!r})
np.save({str(tmp_path / "out.npy")!r}, model(np.load({str(tmp_path / "images.npy")!r})))
"""
    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)
    np.testing.assert_allclose(np.load(tmp_path / "out.npy"), mine(images), atol=1e-6)
    mine.load_weights(path)  # Keras' own way takes it too
    message = refused("convert", run_dir, "-o", tmp_path / "b.keras", "--dense", "int8")
    assert "leave out --dense" in message
    assert not (tmp_path / "b.keras").exists()


def test_a_run_has_its_own_weights(run_dir, checkpoint, refused, tmp_path):
    typed = ("-o", tmp_path / "a.tflite", "--weights", checkpoint[0])
    assert "its weights are best or last" in refused("convert", run_dir, *typed)
