"""Write the files that `model_benchmark.py` times, from networks of larq-igp with random weights.

    python models.py DIR

The twins of Bi-Real compute in float32 and, quantised after training, in int8. Needs larq-igp and
its converter.
"""

import argparse
from pathlib import Path

import larq_igp
import numpy as np
from larq_igp.deploy.convert import convert
from larq_igp.keras2 import tf

BINARY = {
    "bireal18_64": "bireal_resnet18_64",
    "igp37_41": "igp_resnet37_41",
    "igpdense51_53": "igp_densenet51_53",
}


def build(network: str, **options: int) -> tf.keras.Model:
    """A network whose batch normalisations have seen images, so that no value saturates."""
    tf.keras.utils.set_random_seed(0)
    model = larq_igp.build(network, **options)
    images = np.random.default_rng(0).normal(size=(8, *model.input_shape[1:])).astype(np.float32)
    for layer in model.layers:
        if isinstance(layer, tf.keras.layers.BatchNormalization):
            layer.momentum = 0.0
    model(images, training=True)
    return model


def to_int8(model: tf.keras.Model) -> bytes:
    """Quantised after training on random images, inputs and outputs included."""
    shape = (1, *model.input_shape[1:])
    random = np.random.default_rng(0)
    images = [random.normal(size=shape).astype(np.float32) for _ in range(8)]
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([image] for image in images)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    return converter.convert()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    for file, network in BINARY.items():
        (folder / f"{file}.tflite").write_bytes(convert(build(network)))
    twin = build("bireal_resnet18_64", bits=32)
    (folder / "resnet18_64_float.tflite").write_bytes(convert(twin))
    (folder / "resnet18_64_int8.tflite").write_bytes(to_int8(twin))


if __name__ == "__main__":
    main()
