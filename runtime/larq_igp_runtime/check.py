"""Checks a TFLite file before any interpreter sees it.

An interpreter trusts its file: the offsets of tables, the indices of tensors, their shapes and
types. A damaged or malicious file can make it read foreign memory. `check` accepts a
file if

* all its tables, vectors and texts lie inside it (`flatbuffer.py`),
* tensors have types, shapes, quantisation and constants that fit each other,
* operators are in order: each reads tensors that exist, and every tensor is written once,
* every operator has the inputs, outputs, types, shapes and options that its kernel expects
  (`operators`), and
* memory and work stay within limits.

A file that is accepted may still meet a bug in a kernel.
"""

import math
import mmap
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from larq_igp_runtime.flatbuffer import FormatError, Reader, read_flexbuffer_map
from larq_igp_runtime.operators import BY_CODE, CUSTOM, Known

CUSTOM_CODE = 32
TYPES = {
    0: ("float32", 4),
    1: ("float16", 2),
    2: ("int32", 4),
    3: ("uint8", 1),
    4: ("int64", 8),
    6: ("bool", 1),
    7: ("int16", 2),
    9: ("int8", 1),
}
NUMPY = {"float32": "<f4", "int32": "<i4", "int64": "<i8"}
SMALLEST_SCALE = float(np.finfo(np.float32).tiny)  # XNNPACK's kernels divide by it
MAX_TENSORS, MAX_OPERATORS, MAX_RANK, MAX_SIDE = 1 << 17, 1 << 16, 8, 1 << 24


class ModelError(ValueError):
    """A model cannot be loaded or run; the message is a sentence for the user."""


@dataclass(frozen=True)
class Limits:
    """What one inference may need.

    Attributes:
        bytes: size of all tensors together.
        operations: rough number of multiply-adds, comparisons and moves.
    """

    bytes: int = 1 << 32
    operations: int = 10**12


@dataclass
class Tensor:
    """A tensor as the file describes it."""

    number: int
    type: str
    shape: tuple[int, ...]
    data: memoryview | None
    scales: list[float]
    zeros: list[int]
    dimension: int
    values: np.ndarray | None = None  # integers that are known before the model runs
    ready: bool = False  # a constant, an input, or written by an earlier operator

    @property
    def count(self) -> int:
        """Number of its elements."""
        return math.prod(self.shape)

    @property
    def quantised(self) -> bool:
        """Whether it has one scale and one zero point for all values."""
        return len(self.scales) == 1

    @property
    def numbers(self) -> list[int] | None:
        """Its values, if they are known integers."""
        if self.values is None and self.data is not None and self.type in ("int32", "int64"):
            self.values = np.frombuffer(self.data, NUMPY[self.type]).reshape(self.shape)
        return None if self.values is None else self.values.ravel().tolist()


@dataclass
class Node:
    """An operator with its tensors; absent optional inputs are None."""

    number: int
    name: str
    inputs: list[Tensor | None]
    outputs: list[Tensor]
    options: Any  # a namespace, None, or the dict of a custom operator
    operations: int = 0

    def need(self, condition: bool, what: str) -> None:
        """Refuses the file unless the condition holds."""
        if not condition:
            raise FormatError(f"{self.name} (operator {self.number}): {what}")


def check(
    content: bytes | mmap.mmap, *, unknown: bool = False, limits: Limits | None = None
) -> None:
    """Checks the content of a TFLite file.

    Args:
        content: the whole file, read or mapped.
        unknown: accept operators that are not in the table of `operators`, although it is unknown
            what their kernels read.
        limits: what one inference may need.

    Raises:
        ModelError: the file is damaged or not supported; the message says where.
    """
    try:
        whole = content if isinstance(content, mmap.mmap) else bytes(content)
        _check(whole, unknown, limits or Limits())
    except FormatError as error:
        raise ModelError(f"{error}.") from error


def _need(condition: bool, what: str) -> None:
    if not condition:
        raise FormatError(what)


def _check(content: bytes | mmap.mmap, unknown: bool, limits: Limits) -> None:
    model = Reader(content).model()
    _need(model.version == 3, f"its version is {model.version}, not 3")
    _need(len(model.subgraphs) == 1, f"it has {len(model.subgraphs)} subgraphs, not 1")
    for buffer in model.buffers:
        _need(buffer.offset <= 1 and buffer.size <= 1, "its constants lie outside of its tables")
    _check_metadata(model)
    graph = model.subgraphs[0]
    _need(len(graph.tensors) <= MAX_TENSORS, f"it has more than {MAX_TENSORS} tensors")
    _need(len(graph.operators) <= MAX_OPERATORS, f"it has more than {MAX_OPERATORS} operators")
    view = memoryview(content)
    tensors = [_tensor(i, t, model.buffers, view) for i, t in enumerate(graph.tensors)]
    used = sum(t.count * dict(TYPES.values())[t.type] for t in tensors)
    _need(used <= limits.bytes, f"its tensors take {used} bytes, more than {limits.bytes}")

    for name, numbers in (("input", graph.inputs), ("output", graph.outputs)):
        for number in numbers:
            _need(0 <= number < len(tensors), f"{name} {number} is not a tensor")
    _need(len(set(graph.inputs)) == len(graph.inputs), "an input is listed twice")
    _need(bool(graph.outputs), "it has no outputs")
    for number in graph.inputs:
        _need(tensors[number].data is None, f"input {number} is a constant")
        tensors[number].ready = True
    operations = 0
    for i, operator in enumerate(graph.operators):
        operations += _check_operator(i, operator, model.operator_codes, tensors, content, unknown)
        _need(
            operations <= limits.operations, f"it computes more than {limits.operations} operations"
        )
    for number in graph.outputs:
        _need(tensors[number].ready, f"output {number} is never written")
    _check_use(graph)
    for signature in model.signatures:
        _need(signature.key is not None and signature.subgraph == 0, "a signature is damaged")
        for entries, listed in (
            (signature.inputs, graph.inputs),
            (signature.outputs, graph.outputs),
        ):
            for entry in entries:
                _need(entry.name is not None and entry.tensor in listed, "a signature is damaged")


def _check_use(graph: Any) -> None:
    """Refuses results that nothing reads: no converter writes them, and XNNPACK aborts on them."""
    used = set(graph.outputs).union(*(operator.inputs for operator in graph.operators))
    for i, operator in enumerate(graph.operators):
        _need(not used.isdisjoint(operator.outputs), f"operator {i}: nothing reads its result")


def _check_metadata(model: Any) -> None:
    for entry in model.metadata:
        _need(
            entry.name is not None and entry.buffer < len(model.buffers), "its metadata are damaged"
        )
        if entry.name == "min_runtime_version":
            data = model.buffers[entry.buffer].data
            _need(data is not None and data[1] <= 64, "its metadata are damaged")
    for number in model.metadata_buffer:
        _need(0 <= number < len(model.buffers), "its metadata are damaged")


def _tensor(number: int, table: Any, buffers: list[Any], content: memoryview) -> Tensor:
    def need(condition: bool, what: str) -> None:
        if not condition:
            raise FormatError(f"tensor {number} {what}")

    need(table.type in TYPES, f"has the type {table.type}, which is not supported")
    kind, size = TYPES[table.type]
    shape = tuple(table.shape)
    need(len(shape) <= MAX_RANK, f"has {len(shape)} dimensions")
    for side in shape:
        need(1 <= side <= MAX_SIDE, f"has a side of {side}")
    if table.shape_signature:
        need(len(table.shape_signature) == len(shape), "has shapes of two ranks")
        for side, signature in zip(shape, table.shape_signature, strict=True):
            need(signature in (-1, side), "has two shapes")
    need(not table.is_variable, "is a variable, which is not supported")
    need(table.buffer < len(buffers), "has a buffer that is not there")
    data = None
    found = buffers[table.buffer].data if table.buffer else None
    if found and found[1]:
        start, length = found
        need(length == math.prod(shape) * size, f"has {length} bytes of data for the shape {shape}")
        need(start % min(size, 4) == 0, "has data at an odd place")
        data = content[start : start + length]
    tensor = Tensor(number, kind, shape, data, [], [], 0, ready=data is not None)
    if table.quantization:
        _check_quantisation(need, table.quantization, tensor)
    return tensor


def _check_quantisation(need: Callable[[bool, str], None], table: Any, tensor: Tensor) -> None:
    need(table.details_type == 0, "has a quantisation that is not supported")
    need(len(table.zero_point) in (0, len(table.scale)), "has scales without zero points")
    if not table.scale:
        return
    tensor.scales = table.scale
    tensor.zeros = table.zero_point or [0] * len(table.scale)
    tensor.dimension = table.dimension
    if len(table.scale) > 1:
        need(0 <= table.dimension < len(tensor.shape), "is quantised along a dimension it has not")
        sides = tensor.shape[table.dimension]
        need(len(table.scale) == sides, f"has {len(table.scale)} scales for {sides} channels")
    else:
        need(0 <= table.dimension < max(1, len(tensor.shape)), "is quantised along no dimension")
    if tensor.type in ("int8", "uint8", "int16", "int32"):
        for scale in table.scale:
            need(SMALLEST_SCALE <= scale < math.inf, f"has the scale {scale}")
    if tensor.type in ("int8", "uint8", "int16"):
        limits = np.iinfo(tensor.type)
        for zero in tensor.zeros:
            need(limits.min <= zero <= limits.max, f"has the zero point {zero}")
    elif tensor.type == "int32":
        need(not any(tensor.zeros), "has a zero point other than 0")


def _check_operator(
    number: int,
    table: Any,
    codes: list[Any],
    tensors: list[Tensor],
    content: bytes | mmap.mmap,
    unknown: bool,
) -> int:
    """Checks one operator, marks its outputs as written, and returns its number of operations."""
    node = Node(number, "an operator", [], [], table.options)
    node.need(table.code < len(codes), "its code is not there")
    entry = codes[table.code]
    code = max(entry.code, entry.deprecated_code)
    known: Known | None
    if code == CUSTOM_CODE:
        node.need(entry.custom_code is not None, "its name is missing")
        node.name = entry.custom_code
        known = CUSTOM.get(entry.custom_code)
    else:
        known = BY_CODE.get(code)
        node.name = known.name if known else f"builtin operator {code}"
    node.need(1 <= entry.version <= 64, f"its version is {entry.version}")
    node.need(not table.intermediates, "it has intermediate tensors, which are not supported")
    node.need(not any(table.mutating_inputs), "it changes its inputs, which is not supported")
    node.need(
        table.large_custom_options_offset <= 1 and table.large_custom_options_size <= 1,
        "its options lie outside of the tables",
    )
    node.need(table.options_2_type == 0, "its options are not supported")

    for index in table.inputs:
        node.need(-1 <= index < len(tensors), f"its input {index} is not a tensor")
        if index >= 0:
            node.need(tensors[index].ready, f"it reads tensor {index}, which is not written yet")
        node.inputs.append(tensors[index] if index >= 0 else None)
    for index in table.outputs:
        node.need(0 <= index < len(tensors), f"its output {index} is not a tensor")
        node.need(not tensors[index].ready, f"it writes tensor {index} again")
        tensors[index].ready = True
        node.outputs.append(tensors[index])
    if known is None:
        node.need(unknown, "this operator is not known")
        return 0

    least, most = known.inputs
    count = len(node.inputs)
    node.need(least <= count <= most, f"it has {count} inputs")
    if known.outputs:
        node.need(len(node.outputs) == known.outputs, f"it has {len(node.outputs)} outputs")
    for i, tensor in enumerate(node.inputs):
        node.need(tensor is not None or i in known.optional, f"its input {i} is absent")
    if code == CUSTOM_CODE:
        start, size = table.custom_options or (0, 0)
        try:
            node.options = read_flexbuffer_map(content[start : start + size]) if known.blob else {}
        except FormatError as error:
            node.need(False, str(error))
    else:
        there = table.options is not None and table.options_type == known.options
        none = table.options is None and not known.needs_options
        node.need(there or none, "its options are those of another operator, or missing")
    known.check(node)
    return node.operations
