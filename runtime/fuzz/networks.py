"""Writes the networks that `files.py` damages, with random weights and small images.

    python networks.py DIR

Ours and larq-zoo's with 1-bit layers between float and between int8 ones, and Keras' MobileNets in
float and in int8. Needs larq-igp, larq-zoo and their converters.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np

IMAGE = (32, 32, 3)
INT8_RANGE = (-6.0, 6.0)


def own(name: str, **options) -> Callable[[], bytes]:
    """A network of larq-igp."""

    def convert() -> bytes:
        import larq_igp
        from larq_igp.deploy.convert import convert

        return convert(larq_igp.build(name, input_shape=IMAGE, num_classes=10, **options))

    return convert


def lce(build: Callable, *, int8: bool = False) -> Callable[[], bytes]:
    """A model of larq, by LCE's converter."""

    def convert() -> bytes:
        import larq_compute_engine
        import tensorflow as tf

        options = {}
        if int8:
            types = {"inference_input_type": tf.int8, "inference_output_type": tf.int8}
            options = {**types, "experimental_default_int8_range": INT8_RANGE}
        return larq_compute_engine.convert_keras_model(build(), **options)

    return convert


def zoo(family: str, name: str, **options) -> Callable:
    """Builds a model of larq-zoo."""

    def build():
        import larq_zoo

        shape = {"input_shape": IMAGE, "num_classes": 10, **options}
        return getattr(getattr(larq_zoo, family), name)(weights=None, **shape)

    return build


def binary_of(name: str) -> Callable:
    """Builds a network of larq-igp as Keras has it."""

    def build():
        import larq_igp

        return larq_igp.build(name, input_shape=IMAGE, num_classes=10)

    return build


def keras(name: str, *, int8: bool = False, side: int = 32, **options) -> Callable[[], bytes]:
    """A model of `tf.keras.applications`, by TensorFlow Lite's converter."""

    def convert() -> bytes:
        import tensorflow as tf

        shape = (side, side, 3)
        build = getattr(tf.keras.applications, name)
        model = build(weights=None, input_shape=shape, classes=10, **options)
        converter = tf.lite.TFLiteConverter.from_keras_model(model)
        if int8:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            image = np.random.default_rng(0).normal(size=(1, *shape)).astype(np.float32)
            converter.representative_dataset = lambda: ([image] for _ in range(4))
            converter.inference_input_type = converter.inference_output_type = tf.int8
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        return converter.convert()

    return convert


NETWORKS = {
    "igp_resnet_tiny": own("igp_resnet_tiny"),
    "igp_resnet_tiny_float": own("igp_resnet_tiny", bits=32),
    "binary_densenet_tiny": own("binary_densenet_tiny"),
    "ebireal_resnet_tiny_int8": lce(binary_of("ebireal_resnet_tiny"), int8=True),
    "zoo_quicknet_small": lce(zoo("sota", "QuickNetSmall")),
    "zoo_quicknet_small_int8": lce(zoo("sota", "QuickNetSmall"), int8=True),
    "zoo_densenet28": lce(zoo("literature", "BinaryDenseNet28")),
    "mobilenet": keras("MobileNet", alpha=0.25),
    "mobilenet_int8": keras("MobileNet", alpha=0.25, int8=True),
    "mobilenet_v2_int8": keras("MobileNetV2", alpha=0.35, int8=True),
    "mobilenet_v3_small": keras("MobileNetV3Small", alpha=0.75, minimalistic=True),
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    for name, convert in NETWORKS.items():
        path = folder / f"{name}.tflite"
        if not path.exists():
            path.write_bytes(convert())
        print(f"{path}: {path.stat().st_size} bytes", flush=True)


if __name__ == "__main__":
    main()
