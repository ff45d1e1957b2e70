"""The file while it is being written: tensors and operators that rules can still change."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

FLOAT, INT = np.dtype(np.float32), np.dtype(np.int32)
CLIPPED = "fusedActivationFunction"
"""Name of the option that lets an operator clip its result; 0 for no clipping."""
CAN_CLIP = {
    *("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"),
    *("ADD", "SUB", "MUL", "DIV", "MAX_POOL_2D", "AVERAGE_POOL_2D"),
}
"""Operators that have this option."""


@dataclass(eq=False)
class Tensor:
    """A constant, the input, or the output of an operator.

    Attributes:
        shape: its shape, with the batch, which is 1.
        dtype: type of its elements.
        name: name of the Keras layer that returns it.
        value: value of a constant.
        producer: the operator that writes it; None for the input and for constants.
        readers: the operators that read it, once for each time.
    """

    shape: tuple[int, ...]
    dtype: np.dtype = FLOAT
    name: str = ""
    value: np.ndarray | None = None
    producer: "Operator | None" = field(default=None, repr=False)
    readers: "list[Operator]" = field(default_factory=list, repr=False)

    def key(self) -> Any:
        """Return a key that only constants with the same content share."""
        return self if self.value is None else (self.shape, self.dtype, self.value.tobytes())

    def is_made_by(self, *kinds: str) -> bool:
        """Tell whether an operator of one of these kinds writes it."""
        return self.producer is not None and self.producer.kind in kinds


@dataclass(eq=False)
class Operator:
    """One operator.

    Attributes:
        kind: its name in TensorFlow Lite's schema or Larq Compute Engine: ``CONV_2D``,
            ``LceBconv2d``.
        inputs: the tensors that it reads; None for an optional one that is left out.
        outputs: the tensors that it writes.
        options: options by the names of TensorFlow Lite's schema, or Larq Compute Engine's.
        place: place of its layer among the calls of Keras; several operators may share one.
    """

    kind: str
    inputs: list[Tensor | None]
    outputs: list[Tensor]
    options: dict[str, Any]
    place: int

    @property
    def source(self) -> Tensor:
        """The first input."""
        (first, *_) = self.inputs
        assert first is not None, self.kind
        return first

    @property
    def output(self) -> Tensor:
        """The first output, usually the only one."""
        return self.outputs[0]

    def constant(self, operand: int) -> np.ndarray | None:
        """Return an operand's value; None if it is missing, left out or not constant."""
        tensor = self.inputs[operand] if operand < len(self.inputs) else None
        return None if tensor is None else tensor.value


class Draft:
    """Tensors and operators from one input to one output.

    Attributes:
        input: the input of the file.
        output: the output of the file.
        operators: in the order in which they were added; ``ordered`` returns the order of
            execution.
    """

    def __init__(self, shape: tuple[int, ...], name: str):
        """Start with the input."""
        self.input = self.output = Tensor(shape, name=name)
        self.operators: dict[Operator, None] = {}
        self.place = 0

    def constant(self, value: Any, dtype: np.dtype = FLOAT) -> Tensor:
        """Return a new constant."""
        array = np.asarray(value, dtype)
        return Tensor(array.shape, array.dtype, value=array)

    def add(
        self,
        kind: str,
        inputs: Iterable[Tensor | np.ndarray | None],
        shape: tuple[int, ...],
        *,
        dtype: np.dtype = FLOAT,
        name: str = "",
        place: int | None = None,
        **options: Any,
    ) -> Tensor:
        """Add an operator, and return its output.

        Args:
            kind: kind of the operator.
            inputs: tensors, arrays for constants, and None for operands that are left out.
            shape: shape of the output.
            dtype: type of the output's elements.
            name: name of the output.
            place: place of the operator; None for that of the layer being written.
            **options: options of the operator.
        """
        output = Tensor(tuple(shape), dtype, name)
        self.add_operator(kind, inputs, [output], place=place, **options)
        return output

    def add_operator(
        self,
        kind: str,
        inputs: Iterable[Tensor | np.ndarray | None],
        outputs: list[Tensor],
        *,
        place: int | None = None,
        **options: Any,
    ) -> None:
        """Add an operator with any number of outputs; see ``add``."""
        if kind in CAN_CLIP:
            options.setdefault(CLIPPED, 0)
        read = [self.constant(x, x.dtype) if isinstance(x, np.ndarray) else x for x in inputs]
        operator = Operator(kind, read, outputs, options, self.place if place is None else place)
        for output in outputs:
            output.producer = operator
        for tensor in read:
            if tensor is not None:
                tensor.readers.append(operator)
        self.operators[operator] = None

    def reshape(self, x: Tensor, shape: tuple[int, ...], name: str) -> Tensor:
        """Add an operator that gives a tensor another shape, and return its output."""
        sides = np.array(shape, INT)
        return self.add("RESHAPE", [x, sides], shape, name=name, newShape=sides)

    def transpose(self, x: Tensor, order: tuple[int, ...], name: str) -> Tensor:
        """Add an operator that reorders the axes of a tensor, and return its output."""
        shape = tuple(x.shape[axis] for axis in order)
        return self.add("TRANSPOSE", [x, np.array(order, INT)], shape, name=name)

    def set_input(self, operator: Operator, operand: int, tensor: Tensor | np.ndarray) -> None:
        """Let an operator read another tensor."""
        if isinstance(tensor, np.ndarray):
            tensor = self.constant(tensor, tensor.dtype)
        before = operator.inputs[operand]
        if before is not None:
            before.readers.remove(operator)
        operator.inputs[operand] = tensor
        tensor.readers.append(operator)

    def is_read_once(self, tensor: Tensor) -> bool:
        """Tell whether a tensor has exactly one reader and is not the file's output."""
        return len(tensor.readers) == 1 and tensor is not self.output

    def replace(self, old: Tensor, new: Tensor) -> None:
        """Let all readers of one tensor read another, and remove operators that become unused."""
        for reader in list(old.readers):
            for operand, tensor in enumerate(reader.inputs):
                if tensor is old:
                    self.set_input(reader, operand, new)
        if self.output is old:
            self.output = new
        new.name = old.name or new.name
        self.remove_unread(old)

    def remove_unread(self, tensor: Tensor) -> None:
        """Remove the writer of a tensor that nothing reads, and in turn those before it."""
        operator = tensor.producer
        if operator not in self.operators:
            return
        if any(each.readers or each is self.output for each in operator.outputs):
            return
        del self.operators[operator]
        for read in operator.inputs:
            if read is not None:
                read.readers.remove(operator)
                self.remove_unread(read)

    def merge_same(self) -> None:
        """Keep one of several operators that compute the same from the same tensors."""
        seen: dict[Any, Operator] = {}
        for operator in self.ordered():
            key = (
                operator.kind,
                tuple(tensor if tensor is None else tensor.key() for tensor in operator.inputs),
                tuple(each.shape for each in operator.outputs),
                repr(sorted(operator.options.items())),
            )
            first = seen.setdefault(key, operator)
            if first is not operator:
                for old, new in zip(operator.outputs, first.outputs, strict=True):
                    self.replace(old, new)

    def ordered(self) -> list[Operator]:
        """Return the operators in the order of execution: the order of Keras' calls, each operator
        after those that it reads.
        """
        placed: dict[Operator, None] = {}
        for operator in sorted(self.operators, key=lambda each: each.place):
            stack = [operator]
            while stack:
                current = stack[-1]
                waiting = [
                    tensor.producer
                    for tensor in current.inputs
                    if tensor is not None
                    and tensor.producer is not None
                    and tensor.producer not in placed
                ]
                if waiting:
                    stack += reversed(waiting)
                else:
                    placed[stack.pop()] = None
        return list(placed)
