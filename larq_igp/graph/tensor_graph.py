"""A Keras functional model as a plain graph of tensors, in topological order, nested models opened.

Every call of a layer is its own place in the graph, so a layer that is used twice stands there
twice.
"""

from dataclasses import dataclass, field
from math import prod
from typing import Any

import larq as lq

from larq_igp.analysis.count import KERNELS, _precision
from larq_igp.errors import UserError
from larq_igp.keras2 import tf

COUNTED: dict[type, tuple[str, ...]] = {
    **{kind: (kernel,) for kind, kernel in KERNELS.items() if kind.__module__.startswith("larq.")},
    lq.layers.QuantConv1D: ("kernel",),
    lq.layers.QuantConv3D: ("kernel",),
    lq.layers.QuantSeparableConv2D: ("depthwise_kernel", "pointwise_kernel"),
}
"""Larq's layers that multiply and accumulate at each output place, and their kernels.

A dense layer is a 1x1 convolution of a 1x1 map.
"""

QUANTIZERS = ("input_quantizer", "kernel_quantizer", "depthwise_quantizer", "pointwise_quantizer")


class GraphError(UserError, ValueError):
    """A model is not a graph whose gradient paths can be told."""


@dataclass(frozen=True)
class Place:
    """One tensor of the graph, and the call of a layer that gives it.

    Attributes:
        layer: that gives the tensor; None for what joins several sources.
        name: of that layer, with the names of the nested models around it:
            ``backbone/stage1_conv``.
        inputs: indices of the tensors that the call reads, once for each time.
        cost: multiply-accumulates, if the layer is counted; otherwise None.
        shape: of the tensor, without the batch.
    """

    layer: Any
    name: str
    inputs: tuple[int, ...]
    cost: int | None = None
    shape: tuple[int | None, ...] = ()


@dataclass
class TensorGraph:
    """All tensors between a model's inputs and outputs; each stands after those that it is made
    from.

    Attributes:
        places: the tensors.
        inputs: indices of the model's inputs.
        outputs: indices of the model's outputs.
    """

    places: list[Place] = field(default_factory=list)
    inputs: list[int] = field(default_factory=list)
    outputs: list[int] = field(default_factory=list)
    index_of: dict[tuple, int] = field(default_factory=dict, repr=False)

    def find(self, what: Any) -> list[int]:
        """Return the indices of a layer's outputs, of a tensor, or of several of them.

        Args:
            what: a layer, its name, a Keras tensor, the index of one, or a list of these.

        Raises:
            GraphError: if the model holds no such layer or tensor.
        """
        if isinstance(what, (list, tuple)):
            return [index for one in what for index in self.find(one)]
        if isinstance(what, int) and 0 <= what < len(self.places):
            return [what]
        if isinstance(what, str):
            found = [i for i, place in enumerate(self.places) if place.name == what]
            found = found or self._nested_outputs(what)
        elif isinstance(what, tf.keras.layers.Layer):
            found = [
                i for i, place in enumerate(self.places) if place.layer is what
            ] or self._nested_outputs(what.name)
        elif hasattr(what, "_keras_history"):
            found = [
                self.index_of[key] for key in [_key((), what)] if key in self.index_of
            ] or self._anywhere(what)
        else:
            raise GraphError(
                f"source and target are layers, their names, or Keras tensors; got {what!r}."
            )
        if not found:
            raise GraphError(
                f"the model holds no layer or tensor {getattr(what, 'name', what)!r} between its "
                "inputs and outputs."
            )
        return found

    def _nested_outputs(self, name: str) -> list[int]:
        return sorted(
            {index for key, index in self.index_of.items() if len(key) == 5 and key[4] == name}
        )

    def _anywhere(self, tensor: Any) -> list[int]:
        tail = _key((), tensor)[1:4]
        return sorted({index for key, index in self.index_of.items() if key[1:4] == tail})


def _key(context: tuple, tensor: Any) -> tuple:
    layer, node_index, tensor_index = tensor._keras_history
    return context, id(layer), node_index, tensor_index


def _width(layer: Any) -> int:
    """Return the width in bits of the wider operand of a layer of ``COUNTED``."""
    input_bits = _precision(getattr(layer, "input_quantizer", None))
    kernels = [getattr(layer, name) for name in QUANTIZERS[1:] if hasattr(layer, name)]
    return max([input_bits, *[_precision(kernel) for kernel in kernels]])


def _cost(layer: Any, output: Any, bits: int) -> int | None:
    kind = type(layer)
    if kind not in COUNTED:
        inner = [
            part
            for part in layer._flatten_layers()
            if type(part) in COUNTED or _has_quantizer(part)
        ]
        if inner:
            raise GraphError(
                f"layer {layer.name!r} is of class {kind.__name__}, whose quantized operations "
                "cannot be counted: "
                "build the model from functional layers, or add the class to COUNTED in "
                "larq_igp/graph/tensor_graph.py."
            )
        return None
    if _width(layer) > bits:
        return None
    return _output_places(output, layer) * sum(
        prod(getattr(layer, kernel).shape) for kernel in COUNTED[kind]
    )


def _has_quantizer(layer: Any) -> bool:
    return any(getattr(layer, name, None) is not None for name in QUANTIZERS)


def _output_places(output: Any, layer: Any) -> int:
    shape = tuple(output.shape[1:-1])
    if None in shape:
        raise GraphError(
            f"layer {layer.name!r} has an open output shape {tuple(output.shape)}: build the "
            "model with a full input_shape."
        )
    return prod(shape)


def tensor_graph(model: "tf.keras.Model", *, bits: int = 1) -> TensorGraph:
    """Read the graph of a functional (or built sequential) model.

    Args:
        model: any of Keras, nested models included.
        bits: a convolution of Larq's is counted if neither operand is wider. 1 counts binary
            convolutions; 32 counts every place where one stands, so that a full-precision twin has
            the paths of its binary network.

    Raises:
        GraphError: if the model is not functional, or a layer hides quantized operations.
    """
    graph = TensorGraph()
    if not isinstance(model, tf.keras.Model):
        raise GraphError(f"a Keras model is needed, not {type(model).__name__}.")
    if not getattr(model, "inputs", None) or not hasattr(model, "outputs"):
        raise GraphError(
            f"model {model.name!r} is not functional: its layers are called in Python code, not "
            "joined in a graph."
        )
    for tensor in model.inputs:
        _append(
            graph,
            _key((), tensor),
            Place(
                tensor._keras_history.layer,
                tensor._keras_history.layer.name,
                (),
                shape=_shape(tensor),
            ),
        )
    graph.inputs = list(range(len(model.inputs)))
    graph.outputs = [_enter(graph, (), "", tensor, bits) for tensor in model.outputs]
    return graph


def _passes_gradient(layer: Any, tensor: Any) -> bool:
    """Say whether a gradient flows from a tensor to what it was made from:

    not through whole numbers, nor where it is stopped.
    """
    is_stopped = str(getattr(layer, "symbol", "")).endswith(
        "stop_gradient"
    )  # Keras' layer around a TensorFlow function
    return not is_stopped and (tensor.dtype.is_floating or isinstance(layer, tf.keras.Model))


def _shape(tensor: Any) -> tuple[int | None, ...]:
    return tuple(tensor.shape[1:])


def _append(graph: TensorGraph, key: tuple, place: Place) -> int:
    graph.places.append(place)
    graph.index_of[key] = len(graph.places) - 1
    return len(graph.places) - 1


def _enter(graph: TensorGraph, context: tuple, prefix: str, output: Any, bits: int) -> int:
    """Add a tensor and all that it is made from; return its index.

    A stack stands for recursion: graphs are deeper than Python's.
    """
    stack = [output]
    while stack:
        tensor = stack[-1]
        key = _key(context, tensor)
        if key in graph.index_of:
            stack.pop()
            continue
        layer, node_index, _tensor_index = tensor._keras_history
        read = layer._inbound_nodes[node_index].keras_inputs
        waiting = [one for one in read if _key(context, one) not in graph.index_of]
        if waiting:
            stack.extend(waiting)
            continue
        stack.pop()
        inputs = (
            tuple(graph.index_of[_key(context, one)] for one in read)
            if _passes_gradient(layer, tensor)
            else ()
        )
        if isinstance(layer, tf.keras.Model):
            graph.index_of[key] = _open(graph, context, prefix, tensor, inputs, bits)
            graph.index_of[(*key, prefix + layer.name)] = graph.index_of[key]
        else:
            _append(
                graph,
                key,
                Place(
                    layer, prefix + layer.name, inputs, _cost(layer, tensor, bits), _shape(tensor)
                ),
            )
    return graph.index_of[_key(context, output)]


def _open(
    graph: TensorGraph, context: tuple, prefix: str, tensor: Any, inputs: tuple[int, ...], bits: int
) -> int:
    """Add the inside of a nested model, its inputs bound to what it was called on; return the index
    of one of its outputs.
    """
    model, node_index, tensor_index = tensor._keras_history
    if not getattr(model, "inputs", None):
        raise GraphError(
            f"nested model {model.name!r} is not functional: its layers are called in Python "
            "code, not joined in a graph."
        )
    inside = (*context, id(model), node_index)
    call = model._inbound_nodes[node_index].call_args[0]
    if isinstance(call, dict):
        inputs = tuple(graph.index_of[_key(context, call[name])] for name in model.input_names)
    for one, index in zip(model.inputs, inputs, strict=True):
        graph.index_of[_key(inside, one)] = index
    return _enter(graph, inside, f"{prefix}{model.name}/", model.outputs[tensor_index], bits)
