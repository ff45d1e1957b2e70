"""Which Keras is used when TensorFlow was imported first, as notebooks do."""

import os
import subprocess
import sys

import pytest

TINY = "'igp_resnet_tiny', input_shape=(32, 32, 3), num_classes=10"
BUILD = f"import larq_igp; larq_igp.build({TINY})"


def run(code: str) -> subprocess.CompletedProcess:
    variables = {k: v for k, v in os.environ.items() if k != "TF_USE_LEGACY_KERAS"}
    command = [sys.executable, "-c", code]
    return subprocess.run(command, env=variables, capture_output=True, text=True)


def test_tensorflow_may_be_imported_first():
    finished = run(f"import tensorflow as tf; {BUILD}; print(tf.keras.Model.__module__)")
    assert finished.returncode == 0, finished.stderr
    assert "tf_keras" in finished.stdout or "keras.src.engine" in finished.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    "use", ["import tensorflow as tf; tf.keras.layers", "from tensorflow.keras import layers"]
)
def test_keras_3_that_is_already_in_use_is_one_clear_sentence(use):
    pytest.importorskip("keras", minversion="3")
    finished = run(f"{use}; {BUILD}")
    assert finished.returncode == 1
    last = finished.stderr.strip().splitlines()[-1]
    assert "is already active, but Larq needs Keras 2: import larq_igp before tensorflow" in last
    assert last.endswith("restart the kernel first.")
