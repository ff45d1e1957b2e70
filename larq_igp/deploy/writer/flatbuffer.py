"""Serialise a draft to the bytes of a ``.tflite``."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from larq_igp.deploy.schema import LCE_PREFIX, SCHEMA_VERSION, element_kinds, pack, schema
from larq_igp.deploy.writer.draft import Draft, Operator, Tensor

ABSENT = -1
DESCRIPTION = b"larq-igp"
SIGNATURE = b"serving_default"
OPTIONS = {
    "CONV_2D": "Conv2DOptions",
    "DEPTHWISE_CONV_2D": "DepthwiseConv2DOptions",
    "TRANSPOSE_CONV": "TransposeConvOptions",
    "FULLY_CONNECTED": "FullyConnectedOptions",
    "MAX_POOL_2D": "Pool2DOptions",
    "AVERAGE_POOL_2D": "Pool2DOptions",
    "ADD": "AddOptions",
    "SUB": "SubOptions",
    "MUL": "MulOptions",
    "DIV": "DivOptions",
    "MAXIMUM": "MaximumMinimumOptions",
    "MINIMUM": "MaximumMinimumOptions",
    "CONCATENATION": "ConcatenationOptions",
    "SOFTMAX": "SoftmaxOptions",
    "MEAN": "ReducerOptions",
    "REDUCE_MAX": "ReducerOptions",
    "SUM": "ReducerOptions",
    "RESHAPE": "ReshapeOptions",
    "SPLIT": "SplitOptions",
    "PAD": "PadOptions",
    "PADV2": "PadV2Options",
    "TRANSPOSE": "TransposeOptions",
    "LEAKY_RELU": "LeakyReluOptions",
    "STRIDED_SLICE": "StridedSliceOptions",
    "RESIZE_NEAREST_NEIGHBOR": "ResizeNearestNeighborOptions",
    "RESIZE_BILINEAR": "ResizeBilinearOptions",
    "EXP": "ExpOptions",
}
"""Tables of the schema for the options of operators; other kinds have no options."""


def to_bytes(draft: Draft) -> bytes:
    """Return the content of the file."""
    names = schema()
    operators = draft.ordered()
    tensors = _Tensors()
    model = names.ModelT()
    model.version, model.description = SCHEMA_VERSION, DESCRIPTION
    graph = names.SubGraphT()
    graph.name = b"main"
    graph.inputs = _indices([tensors.index(draft.input)])
    codes: dict[tuple[str, int], int] = {}
    graph.operators = []
    for operator in operators:
        packed = names.OperatorT()
        code = (operator.kind, _version(operator))
        packed.opcodeIndex = codes.setdefault(code, len(codes))
        packed.inputs = _indices(tensors.index(tensor) for tensor in operator.inputs)
        packed.outputs = _indices(tensors.index(tensor) for tensor in operator.outputs)
        if operator.kind.startswith(LCE_PREFIX):
            packed.customOptions = _custom_options(operator.options)
        else:
            _set_options(packed, operator)
        graph.operators.append(packed)
    graph.outputs = _indices([tensors.index(draft.output)])
    graph.tensors, model.buffers = tensors.tensors, tensors.buffers
    model.subgraphs = [graph]
    model.operatorCodes = [_code(kind, version) for kind, version in codes]
    model.signatureDefs = [_signature(draft, tensors)]
    return pack(model)


class _Tensors:
    """The tensors of the file; constants with the same content are stored once."""

    def __init__(self) -> None:
        self._schema = schema()
        self._kinds = {name: number for number, name in element_kinds().items()}
        self._places: dict[Any, int] = {}
        self.tensors: list = []
        self.buffers = [self._schema.BufferT()]  # by convention the first one is empty

    def index(self, tensor: Tensor | None) -> int:
        """Return a tensor's index; the first call for a tensor adds it."""
        if tensor is None:
            return ABSENT
        key = tensor.key()
        if key not in self._places:
            self._places[key] = len(self.tensors)
            self._add(tensor)
        return self._places[key]

    def _add(self, tensor: Tensor) -> None:
        packed = self._schema.TensorT()
        packed.shape = np.array(tensor.shape, np.int32)
        packed.type = self._kinds[tensor.dtype.name.upper()]
        packed.name = (tensor.name or f"constant_{len(self.tensors)}").encode()
        packed.hasRank = True
        packed.buffer = 0
        if tensor.value is not None:
            packed.buffer = len(self.buffers)
            buffer = self._schema.BufferT()
            buffer.data = np.frombuffer(tensor.value.tobytes(), np.uint8)
            self.buffers.append(buffer)
        self.tensors.append(packed)


def _indices(values: Iterable[int]) -> np.ndarray:
    return np.array(list(values), np.int32)


def _code(kind: str, version: int):
    numbers = schema().BuiltinOperator
    code = schema().OperatorCodeT()
    number = numbers.CUSTOM if kind.startswith(LCE_PREFIX) else getattr(numbers, kind)
    code.builtinCode, code.version = number, version
    # For older readers; 127 tells them that a newer field has the code.
    code.deprecatedBuiltinCode = min(number, numbers.PLACEHOLDER_FOR_GREATER_OP_CODES)
    if number == numbers.CUSTOM:
        code.customCode = kind.encode()
    return code


def _version(operator: Operator) -> int:
    """Return the version of an operator that the file needs: the first one with its features."""
    if operator.kind == "FULLY_CONNECTED":
        if operator.inputs[2] is None:
            return 6
        return 5 if operator.options.get("keepNumDims") else 1
    if operator.kind == "CONV_2D":
        filters = operator.inputs[1]
        assert filters is not None
        return 6 if filters.shape[3] != operator.source.shape[3] else 1
    if operator.kind == "DEPTHWISE_CONV_2D":
        dilations = [operator.options.get(f"dilation{side}Factor", 1) for side in "HW"]
        return 1 if dilations == [1, 1] else 2
    return 1


def _set_options(packed, operator: Operator) -> None:
    table = OPTIONS.get(operator.kind)
    if table is None:
        return
    options = getattr(schema(), f"{table}T")()
    for name, value in operator.options.items():
        if not hasattr(options, name):
            raise AttributeError(f"{table} has no {name}.")
        setattr(options, name, value)
    packed.builtinOptionsType = getattr(schema().BuiltinOptions, table)
    packed.builtinOptions = options


def _custom_options(options: dict[str, int]) -> np.ndarray | None:
    if not options:
        return None
    from flatbuffers import flexbuffers

    builder = flexbuffers.Builder()
    with builder.Map():
        for name, value in options.items():
            builder.Key(name)
            builder.Int(int(value))
    return np.frombuffer(bytes(builder.Finish()), np.uint8)


def _signature(draft: Draft, tensors: _Tensors):
    """Return the signature for ``Interpreter.get_signature_runner``."""
    signature = schema().SignatureDefT()
    signature.signatureKey, signature.subgraphIndex = SIGNATURE, 0
    for end, tensor in (("inputs", draft.input), ("outputs", draft.output)):
        entry = schema().TensorMapT()
        entry.name, entry.tensorIndex = tensor.name.encode(), tensors.index(tensor)
        setattr(signature, end, [entry])
    return signature
