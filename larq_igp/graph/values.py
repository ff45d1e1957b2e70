"""What the calls of a graph return for given images."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from larq_igp.graph.calls import Call, Graph
from larq_igp.keras2 import tf


def call_values(graph: Graph, images: Any, wanted: Sequence[int]) -> list[Any]:
    """Return the outputs of some calls, computed in inference mode.

    No model is built on the layers, so nested models are no obstacle and the layers stay as they
    were.

    Args:
        graph: of a model.
        images: what the model reads, ``(N, H, W, C)``; a list if it has several inputs.
        wanted: indices of calls.

    Returns:
        the tensors, in the order of ``wanted``.
    """
    given = images if len(graph.inputs) > 1 else [images]
    values: dict[int, Any] = {
        index: tf.cast(each, graph.calls[index].node.outputs.dtype)
        for index, each in zip(graph.inputs, given, strict=True)
    }
    last_reader = {index: len(graph.calls) for index in wanted}
    for index, call in enumerate(graph.calls):
        for read in call.inputs:
            last_reader[read] = max(index, last_reader.get(read, 0))
    for index in range(max(wanted, default=-1) + 1):
        call = graph.calls[index]
        if index not in graph.inputs:
            values[index] = _call(call, [values[read] for read in call.inputs])
        for read in call.inputs:
            if last_reader[read] == index:
                values.pop(read, None)
    return [values[index] for index in wanted]


def _call(call: Call, inputs: list[Any]) -> Any:
    if call.layer is None:  # one of several outputs
        return tf.nest.flatten(inputs[0])[int(call.name.rpartition(":")[2])]
    by_tensor = defaultdict(list)
    for tensor, value in zip(call.node.flat_input_ids, inputs, strict=True):
        by_tensor[tensor].append(value)
    arguments, options = call.node.map_arguments(by_tensor)
    if call.layer._expects_training_arg and len(arguments) == 1:
        options.setdefault("training", False)
    return call.layer(*arguments, **options)
