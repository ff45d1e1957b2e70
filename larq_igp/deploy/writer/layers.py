"""Which function writes the operators of which layer: a table that users add to.

larq_igp.deploy.writer.register_writer(Swap, lambda draft, call, inputs: ...)
"""

from collections.abc import Callable, Sequence
from typing import Any

from larq_igp.deploy.errors import UnwritableError
from larq_igp.deploy.writer.draft import Draft, Tensor
from larq_igp.graph import Call

LayerWriter = Callable[[Draft, Call, Sequence[Tensor]], Tensor]
"""Adds to a draft what one call of a layer computes from tensors; returns the result."""

_WRITERS: dict[type, LayerWriter] = {}
_FUNCTIONS: dict[str, LayerWriter] = {}


def register_writer(kind: type, write: LayerWriter) -> None:
    """Register the function that writes a class of layers, but not of its subclasses."""
    _WRITERS[kind] = write


def writes(*kinds: type) -> Callable[[LayerWriter], LayerWriter]:
    """Register the function that follows for some classes of layers."""

    def register(write: LayerWriter) -> LayerWriter:
        for kind in kinds:
            register_writer(kind, write)
        return write

    return register


def writes_function(*symbols: str) -> Callable[[LayerWriter], LayerWriter]:
    """Register what writes some functions of TensorFlow, by the names that Keras gives them."""

    def register(write: LayerWriter) -> LayerWriter:
        _FUNCTIONS.update(dict.fromkeys(symbols, write))
        return write

    return register


def write_call(draft: Draft, call: Call, inputs: Sequence[Tensor]) -> Tensor:
    """Add what a call computes; return the result, of the shape that Keras has.

    Raises:
        UnwritableError: naming the layer.
    """
    layer: Any = call.layer
    if layer is None:
        raise UnwritableError(
            f"layer {call.name.rpartition(':')[0]!r} has several outputs, which larq-igp's writer "
            "cannot write."
        )
    write = _WRITERS.get(type(layer)) or _FUNCTIONS.get(getattr(layer, "symbol", ""))
    if write is None:
        kind = type(layer).__name__
        what = getattr(layer, "symbol", None)
        called = f"the function {what!r} of TensorFlow" if what else f"of class {kind}"
        raise UnwritableError(
            f"layer {call.name!r} is {called}, which larq-igp's writer does not know: use "
            "layers of Keras, or register it with larq_igp.deploy.writer.register_writer."
        )
    if getattr(layer, "data_format", None) == "channels_first":
        raise UnwritableError(
            f"layer {call.name!r} has its channels first: a .tflite has them last."
        )
    result = write(draft, call, inputs)
    expected = (1, *call.output_shape)
    if result.shape != expected:
        raise UnwritableError(
            f"layer {call.name!r} makes {expected} in Keras, but its operators make {result.shape}."
        )
    return result
