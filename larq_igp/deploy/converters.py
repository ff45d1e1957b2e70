"""The converters of Larq Compute Engine and of TensorFlow Lite.

``larq_compute_engine.convert_keras_model`` spends most of its time saving a Keras SavedModel. If
that or the conversion fails, it tries again and hides the first error. Here the inference call is
traced once for batch 1, its variables become constants, and the graph goes straight to the
converter. The operators, weights and outputs are the same, and the first error is shown.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from absl import logging

from larq_igp.deploy.errors import ConversionError
from larq_igp.deploy.names import input_and_output_names
from larq_igp.keras2 import tf
from larq_igp.packages import BY_MODULE

READ_VARIABLE = "ReadVariableOp"
LONGEST_MESSAGE = 400


@dataclass(frozen=True)
class Traced:
    """The traced inference call for batch 1, and the names of the file's input and output."""

    function: object
    input_name: str
    output_name: str


def _trace(model: "tf.keras.Model") -> Traced:
    image = model.inputs[0]
    input_name, output_name = input_and_output_names(model)
    # If the scope had the output's name, TensorFlow would append a number to the output.
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


def _frozen_graph(function) -> "tf.compat.v1.GraphDef":
    """Return the graph of a concrete function with every variable as a constant.

    TensorFlow's ``convert_variables_to_constants_v2`` first runs the graph optimiser over all
    weights, which takes longer than the conversion itself. It is needed only for a graph that calls
    inner functions; that of a functional Keras model usually does not.
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


def convert_with_lce(model: "tf.keras.Model") -> bytes:
    """Convert a model with Larq Compute Engine.

    Raises:
        ConversionError: if it is not installed, or fails.
    """
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
            "arm",  # all CPU kernels of Larq Compute Engine run this target's operators
            None,
        )
    except Exception as error:
        raise ConversionError(
            f"Larq Compute Engine cannot convert {model.name!r}: {_first_lines(error)}"
        ) from error


def convert_with_tensorflow_lite(model: "tf.keras.Model") -> bytes:
    """Convert a model with TensorFlow Lite, whatever its quantizers are.

    Raises:
        ConversionError: if it fails.
    """
    traced = _trace(model)
    graph = _frozen_graph(traced.function)
    imported = tf.compat.v1.wrap_function(lambda: tf.import_graph_def(graph, name=""), [])
    ends = [
        imported.graph.get_tensor_by_name(f"{name}:0")
        for name in (traced.input_name, traced.output_name)
    ]
    try:
        with _quiet_absl():
            # Given a model, this converter would save it first. A frozen graph has nothing to save.
            return tf.lite.TFLiteConverter.from_concrete_functions(
                [imported.prune(*ends)]
            ).convert()
    except Exception as error:
        raise ConversionError(
            f"TensorFlow Lite cannot convert {model.name!r}: {_first_lines(error)}"
        ) from error


@contextmanager
def _quiet_absl() -> Iterator[None]:
    """Hide the advice to pass the model."""
    before = logging.get_verbosity()
    logging.set_verbosity(logging.ERROR)
    try:
        yield
    finally:
        logging.set_verbosity(before)


def _first_lines(error: Exception) -> str:
    """Return the first two lines of a message: Keras names the layer in the first and the error in
    the second.
    """
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [
        type(error).__name__
    ]
    return " ".join(lines[:2])[:LONGEST_MESSAGE]
