"""Why an element-wise operator of a file was not fused.

A factor and an offset for each channel cost nothing if the converter folds them into the preceding
convolution. It cannot if there is none, if other operators also read its result, or if both
operands are feature maps.
"""

from dataclasses import dataclass

import numpy as np

from larq_igp.deploy.flatbuffer import ABSENT, Operator, TFLiteFile

ELEMENTWISE = ("ADD", "SUB", "MUL", "DIV")
CONVOLUTIONS = ("LceBconv2d", "CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")


@dataclass(frozen=True)
class Unfused:
    """An element-wise operator that was not fused.

    Attributes:
        index: its place in the order of execution.
        operator: its kind.
        tensor: name of its output, which contains the names of the Keras layers.
        reason: why it was not folded into a convolution.
    """

    index: int
    operator: str
    tensor: str
    reason: str


def unfused_operators(file: TFLiteFile) -> tuple[Unfused, ...]:
    """Return the unfused element-wise operators of a file, in the order of execution."""
    return tuple(
        Unfused(
            operator.index,
            operator.name,
            file.tensors[operator.outputs[0]].name,
            why_unfused(file, operator),
        )
        for operator in file.operators
        if operator.name in ELEMENTWISE and not _is_for_device(file, operator)
    )


def _is_for_device(file: TFLiteFile, operator: Operator) -> bool:
    """Tell whether an operator is there on purpose: it normalises pixels, or scales products with
    8-bit weights.
    """
    source = _source(file, operator)
    if source is None or _constant(file, operator) is None:
        return False
    if source.name == "FULLY_CONNECTED":
        weights = file.tensors[source.inputs[1]].value
        return weights is not None and weights.dtype == np.int8
    return source.name == "DEQUANTIZE" and source.inputs[0] in file.inputs


def why_unfused(file: TFLiteFile, operator: Operator) -> str:
    """Say why an element-wise operator was not fused."""
    constant = _constant(file, operator)
    if constant is None:
        verb = {"ADD": "adds", "SUB": "subtracts", "MUL": "multiplies", "DIV": "divides"}[
            operator.name
        ]
        return f"{verb} two feature maps (a shortcut or a join of branches)"
    source = _source(file, operator)
    if constant.size and np.ptp(constant) == 0 and source is not None and _adds_maps(file, source):
        return f"scales a join of branches by {constant.flat[0]:g}"
    role = (
        "BatchNorm before a sign"
        if _feeds_sign(file, operator)
        else "scale or offset of each channel"
    )
    return f"{role}, {_obstacle(file, operator, source)}"


def _constant(file: TFLiteFile, operator: Operator) -> np.ndarray | None:
    values = (file.tensors[index].value for index in operator.inputs if index != ABSENT)
    return next((value for value in values if value is not None), None)


def _adds_maps(file: TFLiteFile, operator: Operator) -> bool:
    return operator.name == "ADD" and _constant(file, operator) is None


def _data_producer(file: TFLiteFile, operator: Operator) -> Operator | None:
    """Return the operator that writes the feature map read by an operator with one constant."""
    data = [
        index for index in operator.inputs if index != ABSENT and file.tensors[index].value is None
    ]
    return file.producer(data[0]) if data else None


def _source(file: TFLiteFile, operator: Operator) -> Operator | None:
    """Return the operator before a chain of element-wise operators with constants; None for the
    file's input.
    """
    source = _data_producer(file, operator)
    while source is not None and source.name in ELEMENTWISE and _constant(file, source) is not None:
        source = _data_producer(file, source)
    return source


def _feeds_sign(file: TFLiteFile, operator: Operator) -> bool:
    """Tell whether the result, perhaps after more operators with constants, becomes signs."""
    for consumer in file.consumers(operator.outputs[0]):
        if consumer.name == "LceQuantize":
            return True
        is_link = consumer.name in ELEMENTWISE and _constant(file, consumer) is not None
        if is_link and _feeds_sign(file, consumer):
            return True
    return False


def _obstacle(file: TFLiteFile, operator: Operator, source: Operator | None) -> str:
    if source is None:
        return "over the input of the network"
    if source.name not in CONVOLUTIONS:
        what = {"CONCATENATION": "a concatenation", "ADD": "a sum of feature maps"}.get(
            source.name, source.name
        )
        return f"over {what}: no convolution stands directly before it"
    readers = len(file.consumers(source.outputs[0]))
    if readers > 1:
        return f"after {source.name} whose result {readers} operators read"
    return f"after {source.name}, with which the converter does not fuse it"
