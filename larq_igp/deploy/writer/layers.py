"""A table of the functions that write the operators of layers. Users can add to it.

larq_igp.deploy.writer.register_writer(Swap, lambda draft, call, inputs: ...)
"""

from collections.abc import Callable, Sequence
from typing import Any

from larq_igp.deploy.errors import UnwritableError
from larq_igp.deploy.writer.draft import Draft, Tensor
from larq_igp.graph import Call, Graph

LayerWriter = Callable[[Draft, Call, Sequence[Tensor]], Tensor | list[Tensor]]
"""Adds the operators of one call of a layer to a draft, and returns the results."""

_WRITERS: dict[type, LayerWriter] = {}
_FUNCTIONS: dict[str, LayerWriter] = {}


def register_writer(kind: type, write: LayerWriter) -> None:
    """Register the function that writes a class of layers, but not its subclasses."""
    _WRITERS[kind] = write


def writes(*kinds: type) -> Callable[[LayerWriter], LayerWriter]:
    """Return a decorator that registers a function for some classes of layers."""

    def register(write: LayerWriter) -> LayerWriter:
        for kind in kinds:
            register_writer(kind, write)
        return write

    return register


def writes_function(*symbols: str) -> Callable[[LayerWriter], LayerWriter]:
    """Return a decorator that registers a function for TensorFlow functions, by their names in
    Keras.
    """

    def register(write: LayerWriter) -> LayerWriter:
        _FUNCTIONS.update(dict.fromkeys(symbols, write))
        return write

    return register


def write_graph(
    draft: Draft, graph: Graph, inputs: Sequence[Tensor], *, is_inner: bool = False
) -> list[Tensor]:
    """Add the operators of all calls of a graph, and return its outputs.

    Args:
        draft: the draft to add to.
        graph: the Keras graph.
        inputs: tensors of the draft for its inputs.
        is_inner: whether the graph is one call of the graph that is being written.

    Raises:
        UnwritableError: naming a layer.
    """
    results: dict[int, list[Tensor]] = {
        index: [tensor] for index, tensor in zip(graph.inputs, inputs, strict=True)
    }
    for index, call in enumerate(graph.calls):
        if index in results:
            continue
        if call.layer is None:  # one of several outputs of the call that it reads
            results[index] = [results[call.inputs[0]][int(call.name.rpartition(":")[2])]]
            continue
        if not is_inner:
            draft.place = index
        results[index] = write_call(draft, call, [results[each][0] for each in call.inputs])
    return [results[index][0] for index in graph.outputs]


def write_call(draft: Draft, call: Call, inputs: Sequence[Tensor]) -> list[Tensor]:
    """Add the operators of a call, and return the results, which have Keras' shapes.

    Raises:
        UnwritableError: naming the layer.
    """
    layer: Any = call.layer
    write = _WRITERS.get(type(layer)) or _FUNCTIONS.get(getattr(layer, "symbol", ""))
    if write is None:
        what = getattr(layer, "symbol", None)
        called = f"the function tf.{what}" if what else f"of class {type(layer).__name__}"
        raise UnwritableError(
            f"layer {call.name!r} is {called}, which larq-igp's writer does not know: use layers "
            "of Keras, or register it with larq_igp.deploy.writer.register_writer."
        )
    if getattr(layer, "data_format", None) == "channels_first":
        raise UnwritableError(
            f"layer {call.name!r} has channels first, but a .tflite needs channels last."
        )
    written = write(draft, call, inputs)
    results = written if isinstance(written, list) else [written]
    expected = (1, *call.output_shape)
    if results[0].shape != expected:
        raise UnwritableError(
            f"layer {call.name!r} returns {expected} in Keras, but its operators return "
            f"{results[0].shape}."
        )
    return results
