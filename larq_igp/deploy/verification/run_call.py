"""Run one call of a Keras graph on chosen inputs."""

import numpy as np

from larq_igp.graph import Call
from larq_igp.keras2 import tf


def run_call(call: Call, inputs: list[np.ndarray]) -> list[np.ndarray]:
    """Return a layer's outputs in inference for inputs in the order of ``call.inputs``."""
    values: dict[str, list] = {}
    for tensor, value in zip(call.node.keras_inputs, inputs, strict=True):
        values.setdefault(str(id(tensor)), []).insert(0, tf.convert_to_tensor(value))
    arguments, options = call.node.map_arguments(values)
    return [each.numpy() for each in tf.nest.flatten(call.layer(*arguments, **options))]
