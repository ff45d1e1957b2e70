"""The one traversal of a Keras model: its calls in the order in which Keras runs them."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from operator import attrgetter
from types import MappingProxyType
from typing import Any

from larq_igp.graph.bits import FLOAT_BITS, bits_after, output_quantizer
from larq_igp.graph.calls import Call, Graph, Kernel, key_of
from larq_igp.graph.errors import GraphError, UnknownLayerError
from larq_igp.graph.layers import LayerRule, Shape, require_readable, rule_of
from larq_igp.keras2 import tf


def read_graph(model: "tf.keras.Model | Graph") -> Graph:
    """Return the graph of a functional (or built sequential) model, which is left as it was.

    Args:
        model: any of Keras, nested models included; a graph is returned as it is.

    Raises:
        GraphError: if the model, or one nested in it, is not functional.
        UnknownLayerError: naming a layer of an unknown class that has weights or quantizers.
    """
    if isinstance(model, Graph):
        return model
    if not isinstance(model, tf.keras.Model):
        raise GraphError(f"a Keras model is needed, not {type(model).__name__}.")
    _require_functional(model, f"model {model.name!r}")
    reader = _Reader()
    inputs = [reader.read_input(tensor) for tensor in model.inputs]
    outputs = reader.read(model, inputs, "")
    index = {key: tuple(dict.fromkeys(found)) for key, found in reader.index.items()}
    return Graph(tuple(reader.calls), tuple(inputs), tuple(outputs), MappingProxyType(index))


class _Reader:
    """Collects calls, and under which keys they are found."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.index: dict[Any, list[int]] = defaultdict(list)

    def add(self, call: Call) -> int:
        self.calls.append(call)
        self.index[call.name].append(len(self.calls) - 1)
        return len(self.calls) - 1

    def read_input(self, tensor: Any) -> int:
        layer, node_index, _ = tensor._keras_history
        node = layer._inbound_nodes[node_index]
        index = self.add(Call(layer.name, (), _shape(tensor), layer, node=node))
        for what in (layer, tensor):
            self.index[key_of(what)].append(index)
        return index

    def read(self, model: "tf.keras.Model", inputs: Sequence[int], prefix: str) -> list[int]:
        """Add the calls of a model that is called on ``inputs``; return its outputs."""
        returned_by = dict(zip(map(id, model.inputs), inputs, strict=True))
        for node in _nodes(model):
            layer, name = node.layer, prefix + node.layer.name
            if isinstance(layer, tf.keras.Model) and rule_of(layer) is None:
                _require_functional(layer, f"nested model {name!r}")
                given = layer._flatten_to_reference_inputs(node.call_args[0])
                found = self.read(layer, [returned_by[id(each)] for each in given], f"{name}/")
                self.index[name] += found
                self.index[key_of(layer)] += found
            else:
                found = self.read_call(node, name, [returned_by[id(t)] for t in node.keras_inputs])
            for tensor, index in zip(tf.nest.flatten(node.outputs), found, strict=True):
                returned_by[id(tensor)] = index
                self.index[key_of(tensor)].append(index)
        return [returned_by[id(tensor)] for tensor in model.outputs]

    def read_call(self, node: Any, name: str, inputs: list[int]) -> list[int]:
        """Add one call; return the indices of its outputs."""
        layer, tensors = node.layer, tf.nest.flatten(node.outputs)
        require_readable(layer, name)
        rule, shape = rule_of(layer), _shape(tensors[0])
        read = [self.calls[index] for index in inputs]
        call = Call(
            name=name,
            inputs=tuple(inputs),
            output_shape=shape,
            layer=layer,
            kernels=_kernels(layer, name, rule, read, shape) if rule else (),
            is_known=rule is not None,
            passes_gradient=not _stops_gradient(layer)
            and (len(tensors) > 1 or tensors[0].dtype.is_floating),
            node=node,
        )
        index = self.add(call)
        self.index[key_of(layer)].append(index)
        if len(tensors) == 1:
            return [index]
        return [
            self.add(
                Call(
                    f"{name}:{place}",
                    (index,),
                    _shape(tensor),
                    passes_gradient=tensor.dtype.is_floating,
                )
            )
            for place, tensor in enumerate(tensors)
        ]


def _nodes(model: "tf.keras.Model") -> Iterator[Any]:
    """Yield Keras' records of the calls inside a model, in the order in which it runs them."""
    order = {id(layer): place for place, layer in enumerate(model.layers)}
    for depth in sorted(model._nodes_by_depth, reverse=True):
        nodes = [node for node in model._nodes_by_depth[depth] if not node.is_input]
        yield from sorted(nodes, key=lambda node: order.get(id(node.layer), 0))


def _require_functional(model: "tf.keras.Model", name: str) -> None:
    if not getattr(model, "_is_graph_network", False):
        raise GraphError(
            f"{name} is not functional: its layers are called in Python code, not joined in a "
            "graph."
        )


def _kernels(
    layer: Any, name: str, rule: LayerRule, read: list[Call], output: Shape
) -> tuple[Kernel, ...]:
    kernels = []
    is_first = getattr(layer, "data_format", None) == "channels_first"
    inputs = [_channels_last(call.output_shape, is_first) for call in read]
    output = _channels_last(output, is_first)
    read_bits = max((bits_after(output_quantizer(each.layer)) for each in read), default=FLOAT_BITS)
    for path, quantizer_path in zip(rule.kernels, rule.quantizers, strict=True):
        owner_path = path.rpartition(".")[0]
        try:
            weights = attrgetter(path)(layer)
            owner = attrgetter(owner_path)(layer) if owner_path else layer
        except AttributeError as error:
            raise UnknownLayerError(
                f"layer {name!r} has no attribute {path!r}, which was given to "
                f"larq_igp.graph.register_layer for {type(layer).__name__}."
            ) from error
        quantizer = _get(layer, quantizer_path)
        input_quantizer = getattr(owner, "input_quantizer", None)
        shape = tuple(weights.shape)
        is_open = None in output or any(None in each for each in inputs)
        kernels.append(
            Kernel(
                name=name if len(rule.kernels) == 1 else f"{name}/{path}",
                owner=owner,
                weights=weights,
                bits=bits_after(quantizer),
                input_bits=bits_after(input_quantizer) if input_quantizer else read_bits,
                macs=None if is_open else rule.macs(shape, inputs, output),
                quantizer=quantizer,
                input_quantizer=input_quantizer,
                is_quantizable=_get(layer, quantizer_path, missing=_MISSING) is not _MISSING,
            )
        )
    return tuple(kernels)


_MISSING = object()


def _get(layer: Any, path: str, missing: Any = None) -> Any:
    try:
        return attrgetter(path)(layer)
    except AttributeError:
        return missing


def _channels_last(shape: Shape, is_first: bool) -> Shape:
    return (*shape[1:], shape[0]) if is_first and shape else shape


def _shape(tensor: Any) -> Shape:
    return tuple(tensor.shape[1:]) if tensor.shape.rank else ()


def _stops_gradient(layer: Any) -> bool:
    """Tell whether a layer is Keras' wrapper of ``tf.stop_gradient``."""
    return str(getattr(layer, "symbol", "")).endswith("stop_gradient")
