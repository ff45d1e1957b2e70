"""Writes small `.tflite` files, with any operator and any attribute.

Only what the tests need of the TFLite schema, by its field numbers; no TensorFlow.
"""

from dataclasses import dataclass, field

import flatbuffers
import numpy as np
from flatbuffers import flexbuffers

TENSOR_TYPES = {
    "float32": 0,
    "float16": 1,
    "int32": 2,
    "uint8": 3,
    "int64": 4,
    "bool": 6,
    "int16": 7,
    "int8": 9,
}
# name -> (operator code, options' type in the union, fields of the options table: (number, adder,
# value))
BUILTINS = {
    "ADD": (0, 11),
    "MUL": (18, 21),
    "RELU": (19, 0),
    "RESHAPE": (22, 0),
    "AVERAGE_POOL_2D": (1, 5),
    "CONCATENATION": (2, 10),
    "CONV_2D": (3, 1),
    "DEQUANTIZE": (6, 0),
    "MAX_POOL_2D": (17, 5),
    "SUB": (41, 28),
    "PRELU": (54, 0),
    "TRANSPOSE_CONV": (67, 49),
}
# The options tables that hold more than an activation, in the order of their fields.
OPTIONS = {
    "CONCATENATION": (("axis", "Int32"), ("activation", "Int8")),
    "CONV_2D": (
        ("padding", "Int8"),
        ("stride_w", "Int32"),
        ("stride_h", "Int32"),
        ("activation", "Int8"),
        ("dilation_w", "Int32"),
        ("dilation_h", "Int32"),
    ),
    "TRANSPOSE_CONV": (
        ("padding", "Int8"),
        ("stride_w", "Int32"),
        ("stride_h", "Int32"),
        ("activation", "Int8"),
    ),
    "MAX_POOL_2D": (
        ("padding", "Int8"),
        ("stride_w", "Int32"),
        ("stride_h", "Int32"),
        ("filter_w", "Int32"),
        ("filter_h", "Int32"),
        ("activation", "Int8"),
    ),
}
OPTIONS["AVERAGE_POOL_2D"] = OPTIONS["MAX_POOL_2D"]
CUSTOM = 32
NOT_THERE = -1


@dataclass
class Tensor:
    """One tensor: an activation, or a constant when it has `data`."""

    name: str
    shape: tuple[int, ...]
    dtype: str = "float32"
    data: np.ndarray | None = None
    scale: float | None = None
    zero_point: int = 0


@dataclass
class Operator:
    """One node.

    `options` of a custom operator is a dict (a FlexBuffers map is written) or raw bytes;
    of a builtin one a dict by the names in OPTIONS.
    """

    code: str
    inputs: list[int]
    outputs: list[int]
    options: dict | bytes = b""
    activation: int = 0

    def custom_options(self) -> bytes:
        """The node's option blob."""
        return (
            self.options
            if isinstance(self.options, bytes)
            else bytes(flexbuffers.Dumps(self.options))
        )


@dataclass
class Graph:
    """A model of one subgraph, built up node by node."""

    tensors: list[Tensor] = field(default_factory=list)
    operators: list[Operator] = field(default_factory=list)
    inputs: list[int] = field(default_factory=list)
    outputs: list[int] = field(default_factory=list)

    def input(self, shape, dtype="float32", **quantisation) -> int:
        """Adds an input of the model."""
        self.inputs.append(self.tensor(shape, dtype, **quantisation))
        return self.inputs[-1]

    def constant(self, data: np.ndarray | None) -> int:
        """Adds a constant; None gives the index that stands for an absent input."""
        if data is None:
            return NOT_THERE
        return self._add(Tensor(f"constant{len(self.tensors)}", data.shape, str(data.dtype), data))

    def tensor(self, shape, dtype="float32", **quantisation) -> int:
        """Adds an activation."""
        return self._add(Tensor(f"tensor{len(self.tensors)}", tuple(shape), dtype, **quantisation))

    def node(
        self, code: str, inputs: list[int], output: int, options: dict | bytes = b"", activation=0
    ) -> int:
        """Adds a node and returns its output."""
        self.operators.append(Operator(code, list(inputs), [output], options, activation))
        return output

    def add(self, a: int, b: int, activation: int = 0) -> int:
        """Adds an ADD of two activations of one shape, or of an activation and a constant."""
        return self.node("ADD", [a, b], self.tensor(self.tensors[a].shape), activation=activation)

    def mul(self, a: int, b: int, activation: int = 0) -> int:
        """Adds a MUL, as `add`."""
        return self.node("MUL", [a, b], self.tensor(self.tensors[a].shape), activation=activation)

    def file(self, outputs: list[int] | None = None) -> bytes:
        """The file's content, with the given outputs."""
        self.outputs = outputs or self.outputs
        return _write(self)

    def _add(self, tensor: Tensor) -> int:
        self.tensors.append(tensor)
        return len(self.tensors) - 1


def _write(graph: Graph) -> bytes:
    b = flatbuffers.Builder(4096)
    codes = list(dict.fromkeys(op.code for op in graph.operators))
    buffers = [b""]  # the first one is empty by convention
    tensors = []
    for tensor in graph.tensors:
        if tensor.data is not None:
            buffers.append(tensor.data.tobytes())
        tensors.append(_tensor(b, tensor, len(buffers) - 1 if tensor.data is not None else 0))
    operators = [_operator(b, op, codes.index(op.code)) for op in graph.operators]
    subgraph = _table(
        b,
        (0, _offsets(b, tensors)),
        (1, _int32s(b, graph.inputs)),
        (2, _int32s(b, graph.outputs)),
        (3, _offsets(b, operators)),
    )
    model = _table(
        b,
        (0, ("Uint32", 3)),
        (1, _offsets(b, [_operator_code(b, code) for code in codes])),
        (2, _offsets(b, [subgraph])),
        (4, _offsets(b, [_buffer(b, data) for data in buffers])),
    )
    b.Finish(model, b"TFL3")
    return bytes(b.Output())


def _tensor(b, tensor: Tensor, buffer: int) -> int:
    quantisation = None
    if tensor.scale is not None:
        scales = _vector(b, np.float32([tensor.scale]))
        zeros = _vector(b, np.int64([tensor.zero_point]))
        quantisation = _table(b, (2, scales), (3, zeros))
    fields = [
        (0, _int32s(b, tensor.shape)),
        (1, ("Int8", TENSOR_TYPES[tensor.dtype])),
        (2, ("Uint32", buffer)),
        (3, b.CreateString(tensor.name)),
    ]
    return _table(b, *fields, *([(4, quantisation)] if quantisation else []))


def _operator(b, op: Operator, code: int) -> int:
    fields = [(0, ("Uint32", code)), (1, _int32s(b, op.inputs)), (2, _int32s(b, op.outputs))]
    if op.code in BUILTINS:
        if union := BUILTINS[op.code][1]:
            values = {**(op.options or {}), "activation": op.activation}
            names = OPTIONS.get(op.code, (("activation", "Int8"),))
            options = _table(
                b, *((i, (kind, values[name])) for i, (name, kind) in enumerate(names))
            )
            fields += [(3, ("Uint8", union)), (4, options)]
    elif blob := op.custom_options():
        fields.append((5, _vector(b, np.frombuffer(blob, np.uint8))))
    return _table(b, *fields)


def _operator_code(b, code: str) -> int:
    number = BUILTINS[code][0] if code in BUILTINS else CUSTOM
    fields = [(0, ("Int8", number)), (2, ("Int32", 1)), (3, ("Int32", number))]
    return _table(b, *fields, *([] if code in BUILTINS else [(1, b.CreateString(code))]))


def _buffer(b, data: bytes) -> int:
    if not data:
        return _table(b)
    b.StartVector(1, len(data), 16)  # constants are used in place: they must be aligned
    b.head -= len(data)
    b.Bytes[b.head : b.head + len(data)] = data
    return _table(b, (0, b.EndVector()))


def _table(b, *fields) -> int:
    """A table of (field number, offset of something written before | (type, scalar value))."""
    b.StartObject(10)
    for number, value in fields:
        if isinstance(value, tuple):
            kind, scalar = value
            getattr(b, f"Prepend{kind}Slot")(number, scalar, None)
        else:
            b.PrependUOffsetTRelativeSlot(number, value, 0)
    return b.EndObject()


def _offsets(b, items: list[int]) -> int:
    b.StartVector(4, len(items), 4)
    for item in reversed(items):
        b.PrependUOffsetTRelative(item)
    return b.EndVector()


def _int32s(b, values) -> int:
    return _vector(b, np.asarray(list(values), np.int32))


def _vector(b, values: np.ndarray) -> int:
    if not len(values):
        b.StartVector(4, 0, 4)
        return b.EndVector()
    return b.CreateNumpyVector(values)
