"""Whether larq-igp's writer makes the file that Larq Compute Engine makes."""

import numpy as np

from larq_igp.deploy.convert import convert
from larq_igp.deploy.engines import ENGINES, open_engine
from larq_igp.deploy.flatbuffer import TFLiteFile, read_tflite
from larq_igp.keras2 import tf
from tests.deploy.conftest import random_images, random_norms

INTERPRETERS = ("lce", "larq_igp_runtime")


def randomize(model: "tf.keras.Model") -> "tf.keras.Model":
    """Give a model BatchNorm of any statistics, and biases and slopes that are not 0."""
    random_norms(model, seed=2)
    generator = np.random.default_rng(3)
    for layer in model._flatten_layers(include_self=False):
        for name in ("bias", "alpha"):
            variable = getattr(layer, name, None)
            if isinstance(variable, tf.Variable):
                variable.assign(generator.normal(0, 0.5, variable.shape))
    return model


def require_same(
    model: "tf.keras.Model", images: np.ndarray | None = None, engines: tuple = INTERPRETERS
) -> TFLiteFile:
    """Check for the same operators, and the same outputs bit for bit; return our file."""
    ours, theirs = (convert(model, converter=name) for name in ("own", "lce"))
    file = read_tflite(ours)
    assert file.histogram() == read_tflite(theirs).histogram()
    if images is None:
        images = random_images(*model.input_shape[1:])
    used = 0
    for engine in engines:
        if ENGINES[engine].refusal(file) is None:
            outputs = [open_engine(each, engine=engine).predict(images) for each in (ours, theirs)]
            assert np.ptp(outputs[0]) > 0
            np.testing.assert_array_equal(*outputs)
            used += 1
    assert used
    return file
