"""Make wrong files out of right ones: change one thing in a ``.tflite``."""

import copy
from collections.abc import Callable

import numpy as np
from flatbuffers import flexbuffers

from larq_igp.deploy.flatbuffer import read_tflite
from larq_igp.deploy.schema import pack, parse


def edited(content: bytes, change: Callable) -> bytes:
    """Return a file after ``change(graph)``, where ``graph`` is as TensorFlow Lite's schema has
    it.
    """
    model = parse(content)
    change(model.subgraphs[0])
    return pack(model)


def with_constant(
    content: bytes, operator: int, operand: int, change: Callable[[np.ndarray], None]
) -> bytes:
    """Return a file in which one operator reads a changed copy of a constant; the converter shares
    constants among operators.
    """
    file, model = read_tflite(content), parse(content)
    graph = model.subgraphs[0]
    tensor = file.operators[operator].inputs[operand]
    value = np.array(file.tensors[tensor].value)
    change(value)
    graph.tensors.append(copy.copy(graph.tensors[tensor]))
    graph.tensors[-1].buffer = len(model.buffers)
    model.buffers.append(type(model.buffers[0])())
    model.buffers[-1].data = np.frombuffer(value.tobytes(), np.uint8)
    inputs = list(graph.operators[operator].inputs)
    inputs[operand] = len(graph.tensors) - 1
    graph.operators[operator].inputs = inputs
    return pack(model)


def with_option(content: bytes, operator: int, **options: int) -> bytes:
    """Return a file in which one of Larq Compute Engine's operators has other options."""
    whole = read_tflite(content).operators[operator].options | options

    def change(graph) -> None:
        graph.operators[operator].customOptions = np.frombuffer(flexbuffers.Dumps(whole), np.uint8)

    return edited(content, change)


def with_swapped_inputs(content: bytes, first: tuple[int, int], second: tuple[int, int]) -> bytes:
    """Return a file in which two operands, each an operator and a place, are swapped."""

    def change(graph) -> None:
        inputs = {
            operator: list(graph.operators[operator].inputs) for operator, _ in (first, second)
        }
        (a, i), (b, j) = first, second
        inputs[a][i], inputs[b][j] = inputs[b][j], inputs[a][i]
        for operator, changed in inputs.items():
            graph.operators[operator].inputs = changed

    return edited(content, change)
