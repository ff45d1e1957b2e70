"""From a Keras model to the bytes of a ``.tflite``.

``larq_compute_engine.convert_keras_model`` spends most of its time in saving a Keras SavedModel
and, when that or the conversion raises, hides the error behind a second attempt. Here the inference
call is traced once for batch 1, its variables become constants in the graph, and the graph goes
straight to the converter: the same operators, weights and outputs, and the first error is the one
that is shown.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from absl import logging

from larq_igp.deploy.errors import ConversionError, TFLiteFileError
from larq_igp.deploy.flatbuffer import TFLiteFile, read_tflite
from larq_igp.deploy.lce_kernels import is_quantized, read_model, why_no_kernel
from larq_igp.deploy.matching import match_binary_convolutions, require_known_operators
from larq_igp.keras2 import tf
from larq_igp.packages import BY_MODULE

READ_VARIABLE = "ReadVariableOp"
LONGEST_MESSAGE = 400


def convert(model: "tf.keras.Model", *, float_model: bool = False) -> bytes:
    """Convert a model for inference at batch 1.

    A network with 1-bit convolutions goes through Larq Compute Engine, one without any quantizer
    through TensorFlow Lite's own converter.

    Args:
        model: a built Keras model with one input ``(N, H, W, C)`` and one output, in float32.
        float_model: convert with TensorFlow Lite whatever the quantizers are: they become float
            operations, so the file is large, runs anywhere, and computes the same.

    Returns:
        The content of the ``.tflite`` file.

    Raises:
        ConversionError: if there is no kernel for a layer's quantizers, the converter is missing or
            fails, or it left a binary convolution in float.
    """
    _check(model)
    if float_model:
        return _convert_float(model)
    graph = read_model(model)
    if not is_quantized(graph):
        return _convert_float(model)
    for kernel in graph.kernels().values():
        reason = why_no_kernel(kernel)
        if reason:
            raise ConversionError(
                f"{reason}, for which Larq Compute Engine has no kernel: ask for a float file, or "
                "use 1-bit quantizers."
            )
    flatbuffer = _convert_binary(model)
    file = _read(flatbuffer, model)
    require_known_operators(file)
    match_binary_convolutions(graph, file)  # raises for a layer that was left in float
    return flatbuffer


def _check(model: object) -> None:
    if not isinstance(model, tf.keras.Model):
        raise ConversionError(
            f"a tf.keras.Model is needed, got {type(model).__name__}: load it first."
        )
    if not model.built or not hasattr(model, "_network_nodes"):
        raise ConversionError(
            f"model {model.name!r} has to be a functional model that is built for an input shape."
        )
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise ConversionError(
            f"model {model.name!r} has {len(model.inputs)} inputs and {len(model.outputs)} "
            "outputs; "
            "one of each can be converted."
        )
    if None in model.inputs[0].shape[1:]:
        raise ConversionError(
            f"the input shape {tuple(model.inputs[0].shape[1:])} of {model.name!r} is open: "
            "build the model with a full shape."
        )
    if model.inputs[0].dtype != tf.float32:
        raise ConversionError(
            f"{model.name!r} takes {model.inputs[0].dtype.name}; a float32 input can be converted."
        )
    for layer in model._flatten_layers(include_self=False):
        if layer.compute_dtype != "float32":
            raise ConversionError(
                f"layer {layer.name!r} computes in {layer.compute_dtype}: "
                "rebuild the model with the float32 policy and load its weights."
            )


@dataclass(frozen=True)
class Traced:
    """The inference call for batch 1, and the names that the file shows to its users."""

    function: object
    input_name: str
    output_name: str


def _trace(model: "tf.keras.Model") -> Traced:
    image = model.inputs[0]
    input_name, output_name = _plain(model.input_names[0]), _plain(model.output_names[0])
    output_name = output_name if output_name != input_name else f"{output_name}_output"
    # The scope of a layer could bear the output's name, and then TensorFlow would number the
    # output.
    scope = "model" if "model" not in (input_name, output_name) else "network"

    def infer(x):
        with tf.name_scope(scope):
            y = model(x, training=False)
        return tf.identity(y, name=output_name)

    signature = tf.TensorSpec((1, *image.shape[1:]), image.dtype, name=input_name)
    try:
        function = tf.function(infer, autograph=False).get_concrete_function(signature)
    except Exception as error:
        raise ConversionError(
            f"{model.name!r} cannot be called with one image: {_first_lines(error)}"
        ) from error
    return Traced(function, input_name, output_name)


def _plain(name: str) -> str:
    """Return a name that TensorFlow takes for a node as it is."""
    return (
        "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in name).strip(
            "_"
        )
        or "tensor"
    )


def _frozen_graph(function) -> "tf.compat.v1.GraphDef":
    """Return the graph of a concrete function with every variable as a constant.

    TensorFlow's own ``convert_variables_to_constants_v2`` first runs the graph optimiser over all
    the weights, which takes longer than the conversion itself; the graph of a Keras functional
    model needs none of it. One that calls inner functions takes that way.
    """
    graph = function.graph.as_graph_def()
    if graph.library.function:
        from tensorflow.python.framework.convert_to_constants import (
            convert_variables_to_constants_v2,
        )

        return convert_variables_to_constants_v2(
            function, lower_control_flow=False
        ).graph.as_graph_def()
    variables = {id(variable.handle): variable for variable in function.graph.variables}
    captured = {inner.op.name: outer for outer, inner in function.graph.captures}
    frozen = tf.compat.v1.GraphDef(versions=graph.versions)
    for node in graph.node:
        if node.name in captured and captured[node.name].dtype == tf.resource:
            continue
        copy = frozen.node.add()
        if node.op == READ_VARIABLE:
            value = variables[id(captured[node.input[0]])].numpy()
            _set_constant(copy, node.name, value, node.attr["dtype"])
        elif node.name in captured:
            _set_constant(copy, node.name, captured[node.name].numpy(), node.attr["dtype"])
        else:
            copy.CopyFrom(node)
    return frozen


def _set_constant(node, name: str, value, dtype) -> None:
    node.name, node.op = name, "Const"
    node.attr["dtype"].CopyFrom(dtype)
    node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(value))


def _convert_binary(model: "tf.keras.Model") -> bytes:
    try:
        from larq_compute_engine.mlir._tf_tfl_flatbuffer import (
            convert_graphdef_to_tflite_flatbuffer,
        )
    except (ImportError, OSError) as error:
        raise ConversionError(BY_MODULE["larq_compute_engine"].why_unusable(error)) from error
    traced = _trace(model)
    shape = [1, *model.inputs[0].shape[1:]]
    try:
        return convert_graphdef_to_tflite_flatbuffer(
            _frozen_graph(traced.function).SerializeToString(),
            [traced.input_name],
            ["DT_FLOAT"],
            [shape],
            [traced.output_name],
            False,  # no int8 quantization
            "arm",  # the target whose operators all of Larq Compute Engine's CPU kernels run
            None,
        )
    except Exception as error:
        raise ConversionError(
            f"Larq Compute Engine cannot convert {model.name!r}: {_first_lines(error)}"
        ) from error


def _convert_float(model: "tf.keras.Model") -> bytes:
    traced = _trace(model)
    graph = _frozen_graph(traced.function)
    imported = tf.compat.v1.wrap_function(lambda: tf.import_graph_def(graph, name=""), [])
    ends = [
        imported.graph.get_tensor_by_name(f"{name}:0")
        for name in (traced.input_name, traced.output_name)
    ]
    try:
        with _quiet_absl():
            # Given the model, this converter would save it first; of what is frozen, nothing is
            # left to save.
            return tf.lite.TFLiteConverter.from_concrete_functions(
                [imported.prune(*ends)]
            ).convert()
    except Exception as error:
        raise ConversionError(
            f"TensorFlow Lite cannot convert {model.name!r}: {_first_lines(error)}"
        ) from error


@contextmanager
def _quiet_absl() -> Iterator[None]:
    """Keep advice to give the model from the screen."""
    before = logging.get_verbosity()
    logging.set_verbosity(logging.ERROR)
    try:
        yield
    finally:
        logging.set_verbosity(before)


def _read(flatbuffer: bytes, model: "tf.keras.Model") -> TFLiteFile:
    try:
        return read_tflite(flatbuffer)
    except TFLiteFileError as error:
        complaint = error.__cause__ or error
        raise ConversionError(
            f"{model.name!r} makes a file that no interpreter here can run: {complaint}."
        ) from error


def _first_lines(error: Exception) -> str:
    """Return the beginning of a message; Keras puts the layer into the first line and the error
    into the second.
    """
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [
        type(error).__name__
    ]
    return " ".join(lines[:2])[:LONGEST_MESSAGE]
