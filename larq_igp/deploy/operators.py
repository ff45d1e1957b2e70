"""Extract single operators of a file into separate files with their real weights, to time them one
by one.
"""

import copy

from larq_igp.deploy.flatbuffer import ABSENT
from larq_igp.deploy.schema import pack


def cut_operator(model, index: int) -> bytes:
    """Return a ``.tflite`` of one operator.

    The file includes the operator's constants; the feature maps that it reads become the file's
    inputs.

    Args:
        model: a file as ``schema.parse`` returns it.
        index: place of the operator in the order of execution.
    """
    graph = model.subgraphs[0]
    operator = copy.copy(graph.operators[index])
    used = [
        int(tensor)
        for tensor in dict.fromkeys([*operator.inputs, *operator.outputs])
        if tensor != ABSENT
    ]
    places = {tensor: place for place, tensor in enumerate(used)} | {ABSENT: ABSENT}
    buffers, tensors = [_empty(model.buffers[0])], []
    for tensor in used:
        copied = copy.copy(graph.tensors[tensor])
        content = model.buffers[copied.buffer]
        copied.buffer = len(buffers) if _has_data(content) else 0
        buffers += [content] if copied.buffer else []
        tensors.append(copied)
    cut = copy.copy(model)
    cut.operatorCodes = [model.operatorCodes[operator.opcodeIndex]]
    cut.buffers, cut.metadata, cut.metadataBuffer, cut.signatureDefs = buffers, None, None, None
    operator.opcodeIndex = 0
    operator.inputs = [places[int(tensor)] for tensor in operator.inputs]
    operator.outputs = [places[int(tensor)] for tensor in operator.outputs]
    small = copy.copy(graph)
    small.tensors, small.operators = tensors, [operator]
    small.inputs = [
        place for place in operator.inputs if place != ABSENT and not tensors[place].buffer
    ]
    small.outputs = list(operator.outputs)
    cut.subgraphs = [small]
    return pack(cut)


def _has_data(buffer) -> bool:
    return buffer.data is not None and len(buffer.data) > 0


def _empty(buffer):
    """Return an empty buffer of the same class; a file's first buffer is empty by convention."""
    return type(buffer)()
