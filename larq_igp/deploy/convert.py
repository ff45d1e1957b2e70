"""Convert a Keras model to the bytes of a ``.tflite`` with one of three converters.

``own`` is ``larq_igp.deploy.writer``, which writes the file from the Keras graph. ``lce`` is Larq
Compute Engine's converter, and TensorFlow Lite's for models without quantizers. ``auto`` is ``own``
if it knows all layers of the model, else ``lce``.
"""

from dataclasses import dataclass

import numpy as np

from larq_igp.deploy.converters import convert_with_lce, convert_with_tensorflow_lite
from larq_igp.deploy.errors import ConversionError, TFLiteFileError, UnwritableError
from larq_igp.deploy.flatbuffer import TFLiteFile, read_tflite
from larq_igp.deploy.lce_kernels import binary_layers, is_quantized, read_model, why_no_kernel
from larq_igp.deploy.matching import BINARY_CONV, match_binary_convolutions, require_known_operators
from larq_igp.deploy.names import input_and_output_names
from larq_igp.deploy.writer import write
from larq_igp.graph import Graph
from larq_igp.keras2 import tf
from larq_igp.packages import BY_MODULE

CONVERTERS = ("auto", "own", "lce")
TENSORFLOW_LITE = "tensorflow_lite"


@dataclass(frozen=True)
class Converted:
    """A file and the converter that made it.

    Attributes:
        content: content of the file.
        converter: ``own``, ``lce`` or ``tensorflow_lite``.
    """

    content: bytes
    converter: str


def convert(
    model: "tf.keras.Model", *, float_model: bool = False, converter: str = "auto"
) -> bytes:
    """Convert a model for inference at batch 1.

    Args:
        model: a built Keras model with one input ``(N, H, W, C)`` and one output, in float32.
        float_model: convert with TensorFlow Lite whatever the quantizers are: they become float
            operations, so the file is large, runs anywhere, and computes the same.
        converter: ``own``, ``lce``, or ``auto``: the first of these that can convert the model.

    Returns:
        The content of the ``.tflite`` file.

    Raises:
        ConversionError: if there is no kernel for a layer's quantizers, the converter is missing or
            fails, or it left a binary convolution in float.
    """
    return convert_by(model, float_model=float_model, converter=converter).content


def convert_by(
    model: "tf.keras.Model", *, float_model: bool = False, converter: str = "auto"
) -> Converted:
    """Convert a model, and return the converter's name as well; see ``convert``."""
    if converter not in CONVERTERS:
        raise ConversionError(
            f"no converter is named {converter!r}; there are {', '.join(CONVERTERS)}."
        )
    if float_model and converter != "auto":
        raise ConversionError(
            f"leave out converter {converter!r} for a float file: TensorFlow Lite's makes it."
        )
    _check(model)
    if float_model:
        return Converted(convert_with_tensorflow_lite(model), TENSORFLOW_LITE)
    graph = read_model(model)
    _require_kernels(graph)
    try:
        converted = _convert(model, graph, "own" if converter == "auto" else converter)
    except UnwritableError:
        if converter == "own" or (is_quantized(graph) and not lce_is_installed()):
            raise
        converted = _convert(model, graph, "lce")
    if converted.converter != TENSORFLOW_LITE:
        _require_binary(model, graph, converted.content)
    return converted


def lce_is_installed() -> bool:
    """Tell whether Larq Compute Engine's converter can be used here."""
    return BY_MODULE["larq_compute_engine"].is_installed


def _convert(model: "tf.keras.Model", graph: Graph, converter: str) -> Converted:
    if converter == "own":
        input_name, output_name = input_and_output_names(model)
        content = write(graph, input_name=input_name, output_name=output_name)
        return Converted(content, converter)
    if is_quantized(graph):
        return Converted(convert_with_lce(model), converter)
    return Converted(convert_with_tensorflow_lite(model), TENSORFLOW_LITE)


def _require_kernels(graph: Graph) -> None:
    for kernel in graph.kernels().values():
        reason = why_no_kernel(kernel)
        if reason:
            raise ConversionError(
                f"{reason}, for which Larq Compute Engine has no kernel: ask for a float file, or "
                "use 1-bit quantizers."
            )


def _require_binary(model: "tf.keras.Model", graph: Graph, content: bytes) -> None:
    """Check that every binary convolution of the model is binary in the file.

    Raises:
        ConversionError: naming a layer that was left in float.
    """
    file = _read(content, model)
    require_known_operators(file)
    match_binary_convolutions(graph, file)  # raises for a layer that was left in float
    layers = binary_layers(model)
    if layers and BINARY_CONV not in file.histogram():
        raise ConversionError(
            f"{layers[0]}, and no 1-bit operator computes it: ask for a float file."
        )


def _check(model: object) -> None:
    if not isinstance(model, tf.keras.Model):
        raise ConversionError(
            f"a tf.keras.Model is needed, got {type(model).__name__}: load it first."
        )
    if not model.built or not hasattr(model, "_network_nodes"):
        raise ConversionError(
            f"model {model.name!r} must be a functional model that is built for an input shape."
        )
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        ends = ", ".join(map(repr, [*model.input_names, *model.output_names]))
        raise ConversionError(
            f"model {model.name!r} has {len(model.inputs)} inputs and {len(model.outputs)} outputs "
            f"({ends}); a model must have one of each."
        )
    if None in model.inputs[0].shape[1:]:
        raise ConversionError(
            f"the input shape {tuple(model.inputs[0].shape[1:])} of {model.name!r} is not "
            "fixed: build the model with a full shape."
        )
    if model.inputs[0].dtype != tf.float32:
        raise ConversionError(
            f"{model.name!r} takes {model.inputs[0].dtype.name}; only float32 can be converted."
        )
    for layer in model._flatten_layers(include_self=False):
        if layer.compute_dtype != "float32":
            raise ConversionError(
                f"layer {layer.name!r} computes in {layer.compute_dtype}: "
                "rebuild the model with the float32 policy and load its weights."
            )
        if getattr(layer, "data_format", None) == "channels_first":
            raise ConversionError(
                f"layer {layer.name!r} has channels first, which no .tflite operator supports: "
                "rebuild the model with channels_last and load its weights."
            )
    for weight in model.weights:
        if not np.all(np.isfinite(weight.numpy())):
            raise ConversionError(
                f"weight {weight.name!r} has values that are not finite: the training diverged, "
                "or the file is damaged."
            )


def _read(flatbuffer: bytes, model: "tf.keras.Model") -> TFLiteFile:
    try:
        return read_tflite(flatbuffer)
    except TFLiteFileError as error:
        complaint = error.__cause__ or error
        raise ConversionError(
            f"{model.name!r} makes a file that no interpreter here can run: {complaint}."
        ) from error
