"""Read and check a ``.tflite`` file: its operators, tensors and constants.

An interpreter in C++ trusts the offsets and indices of a file, so a damaged file could crash the
process. ``read_tflite`` follows every reference first.
"""

from collections import Counter
from dataclasses import dataclass, field
from math import prod
from pathlib import Path

import numpy as np

from larq_igp.deploy.errors import TFLiteFileError
from larq_igp.deploy.schema import (
    BINARY_CONV,
    DTYPES,
    LCE_PREFIX,
    SCHEMA_VERSION,
    WORD_BITS,
    builtin_operators,
    builtin_options,
    custom_options,
    element_kinds,
    operator_name,
    parse,
    require_identifier,
    text,
)
from larq_igp.deploy.shapes import Call, is_sound
from larq_igp.errors import UserError
from larq_igp.files import read_file

MOST_BYTES = 1 << 31
"""Largest file that offsets of a flatbuffer reach."""

ABSENT = -1
"""Index of an optional input that is left out."""


@dataclass(frozen=True)
class Tensor:
    """One tensor of a file.

    Attributes:
        index: its index in the file.
        name: its name, as the converter wrote it.
        shape: its dimensions; ``(N, H, W, C)`` for a feature map.
        dtype: type of its elements.
        value: value of a constant; None for other tensors.
    """

    index: int
    name: str
    shape: tuple[int, ...]
    dtype: np.dtype
    value: np.ndarray | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True)
class Operator:
    """One operator of a file.

    Attributes:
        index: its place in the order of execution.
        name: its kind, like ``CONV_2D`` or ``LceBconv2d``.
        inputs: indices of tensors; -1 is an optional input that is left out.
        outputs: indices of tensors.
        options: its integer options, by TensorFlow Lite's or Larq Compute Engine's names.
        is_custom: whether it is a custom operator, not one of TensorFlow Lite's.
    """

    index: int
    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: dict[str, int] = field(default_factory=dict)
    is_custom: bool = False


@dataclass(frozen=True)
class TFLiteFile:
    """A file with one graph.

    Attributes:
        operators: in the order of execution.
        tensors: all of them, addressed by index.
        inputs: indices of the graph's inputs.
        outputs: indices of the graph's outputs.
        size_bytes: size of the file.
    """

    operators: tuple[Operator, ...]
    tensors: tuple[Tensor, ...] = field(repr=False)
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    size_bytes: int

    @property
    def is_binary(self) -> bool:
        """Whether the file needs Larq Compute Engine's operators."""
        return any(operator.name.startswith(LCE_PREFIX) for operator in self.operators)

    @property
    def constant_bytes(self) -> int:
        """Size of all constants; a constant that tensors share is counted for each of them."""
        return sum(tensor.value.nbytes for tensor in self.tensors if tensor.value is not None)

    def groups(self, operator: Operator) -> int:
        """Return the number of groups of a ``LceBconv2d``."""
        words = -(-operator.options["channels_in"] // WORD_BITS)
        return max(1, words // self.tensors[operator.inputs[1]].shape[3])

    @property
    def has_groups(self) -> bool:
        """Whether any binary convolution has more than one group."""
        binary = (each for each in self.operators if each.name == BINARY_CONV)
        return any(self.groups(each) > 1 for each in binary)

    def histogram(self) -> dict[str, int]:
        """Count operators by name, most frequent first."""
        return dict(Counter(operator.name for operator in self.operators).most_common())

    def producer(self, tensor: int) -> Operator | None:
        """Return the operator that writes a tensor; None for inputs and constants."""
        return next((operator for operator in self.operators if tensor in operator.outputs), None)

    def consumers(self, tensor: int) -> list[Operator]:
        """Return the operators that read a tensor."""
        return [operator for operator in self.operators if tensor in operator.inputs]


def read_bytes(source: str | Path | bytes) -> bytes:
    """Return a file's content; bytes pass through.

    Raises:
        TFLiteFileError: if the file cannot be read.
    """
    if isinstance(source, bytes | bytearray):
        return bytes(source)
    try:
        return read_file(source, MOST_BYTES)
    except UserError as error:
        raise TFLiteFileError(str(error)) from error
    except FileNotFoundError as error:
        raise TFLiteFileError(f"{source} does not exist.") from error
    except OSError as error:
        raise TFLiteFileError(f"{source} cannot be read: {error.strerror}.") from error


def read_tflite(source: str | Path | bytes) -> TFLiteFile:
    """Read and check a ``.tflite`` file.

    Args:
        source: a path, or the content.

    Raises:
        TFLiteFileError: if it is missing, damaged, or not a ``.tflite``.
    """
    where = "the model" if isinstance(source, bytes | bytearray) else str(source)
    return read_content(read_bytes(source), where)


def read_content(content: bytes, where: str) -> TFLiteFile:
    """Read and check the content of a ``.tflite`` file, which messages call ``where``; see
    ``read_tflite``.
    """
    require_identifier(content, where)
    try:
        return _read_graph(parse(content), content)
    except TFLiteFileError as error:
        raise TFLiteFileError(f"{where} cannot be used: {error}.") from error
    except Exception as error:  # offsets of a damaged file can cause any error
        raise TFLiteFileError(f"{where} is damaged: its structure cannot be followed.") from error


def _require(condition: bool, complaint: str) -> None:
    if not condition:
        raise TFLiteFileError(complaint)


def _read_graph(model, content: bytes) -> TFLiteFile:
    _require(
        model.version == SCHEMA_VERSION,
        f"its schema version is {model.version}, not {SCHEMA_VERSION}",
    )
    _require(
        len(model.subgraphs or ()) == 1, f"it has {len(model.subgraphs or ())} graphs, not one"
    )
    graph = model.subgraphs[0]
    _require(bool(graph.tensors) and bool(graph.operators), "its graph is empty")
    tensors = tuple(
        _read_tensor(index, tensor, model.buffers) for index, tensor in enumerate(graph.tensors)
    )
    names = [operator_name(code) or "" for code in model.operatorCodes]
    _require(all(names), "it uses an operator that is unknown or has no name")
    operators = tuple(
        _read_operator(index, operator, names, len(tensors))
        for index, operator in enumerate(graph.operators)
    )
    inputs, outputs = _indices(graph.inputs, len(tensors)), _indices(graph.outputs, len(tensors))
    _require(bool(inputs) and bool(outputs), "its graph has no input or no output")
    _check_order(operators, tensors, inputs, outputs)
    _check_shapes(operators, tensors)
    return TFLiteFile(operators, tensors, inputs, outputs, len(content))


def _indices(values, count: int, *, optional: bool = False) -> tuple[int, ...]:
    indices = tuple(int(value) for value in (values if values is not None else ()))
    lowest = ABSENT if optional else 0
    _require(
        all(lowest <= index < count for index in indices),
        "an operator refers to a tensor that does not exist",
    )
    return indices


def _read_tensor(index: int, tensor, buffers) -> Tensor:
    kind = element_kinds().get(tensor.type, str(tensor.type))
    _require(kind in DTYPES, f"tensor {index} has elements of the unsupported kind {kind}")
    _require(
        0 <= tensor.buffer < len(buffers), f"tensor {index} refers to a buffer that does not exist"
    )
    _require(
        tensor.sparsity is None and not tensor.isVariable,
        f"tensor {index} is sparse or variable, which is not supported",
    )
    shape = tuple(int(side) for side in (tensor.shape if tensor.shape is not None else ()))
    _require(
        all(side >= 0 for side in shape) and len(shape) <= 8,
        f"tensor {index} has the impossible shape {shape}",
    )
    dtype, buffer = DTYPES[kind], buffers[tensor.buffer]
    _require(
        not buffer.offset, f"the constant of tensor {index} lies outside of the file's structure"
    )
    value = None
    if buffer.data is not None and len(buffer.data):
        _require(
            len(buffer.data) == prod(shape) * dtype.itemsize,
            f"the constant of tensor {index} has {len(buffer.data)} bytes, but its shape {shape} "
            "needs "
            f"{prod(shape) * dtype.itemsize}",
        )
        value = np.frombuffer(bytes(buffer.data), dtype).reshape(shape)
    return Tensor(index, text(tensor.name), shape, dtype, value)


def _read_operator(index: int, operator, names: list[str], tensor_count: int) -> Operator:
    _require(0 <= operator.opcodeIndex < len(names), f"operator {index} has an unknown code")
    name = names[operator.opcodeIndex]
    inputs = _indices(operator.inputs, tensor_count, optional=True)
    outputs = _indices(operator.outputs, tensor_count)
    _require(bool(outputs), f"operator {index} ({name}) has no output")
    is_custom = name not in builtin_operators().values()
    options = custom_options(operator, name) if is_custom else builtin_options(operator)
    _require(options is not None, f"the options of operator {index} ({name}) cannot be read")
    return Operator(index, name, inputs, outputs, options or {}, is_custom)


def _check_order(operators, tensors, inputs: tuple[int, ...], outputs: tuple[int, ...]) -> None:
    """Check that every tensor is written once, before it is read."""
    known = set(inputs) | {tensor.index for tensor in tensors if tensor.value is not None}
    for operator in operators:
        for tensor in operator.inputs:
            # An empty shape tensor is a constant without bytes.
            is_known = tensor in known or tensor == ABSENT or 0 in tensors[tensor].shape
            _require(
                is_known,
                f"operator {operator.index} ({operator.name}) reads tensor {tensor} before it is "
                "written",
            )
        for tensor in operator.outputs:
            _require(
                tensor not in known,
                f"operator {operator.index} ({operator.name}) writes tensor {tensor} again",
            )
            known.add(tensor)
    _require(all(tensor in known for tensor in outputs), "an output is never written")


def _check_shapes(operators, tensors) -> None:
    for operator in operators:
        shapes = tuple(
            None if tensor == ABSENT else tensors[tensor].shape for tensor in operator.inputs
        )
        pads = tensors[operator.inputs[1]].value if operator.name in ("PAD", "PADV2") else None
        pairs = None if pads is None else tuple((int(before), int(after)) for before, after in pads)
        call = Call(shapes, tensors[operator.outputs[0]].shape, operator.options, pairs)
        _require(
            is_sound(operator.name, call),
            f"the shapes or options of operator {operator.index} ({operator.name}) disagree",
        )
