"""Edit a ``.tflite`` of any converter."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from larq_igp.deploy.schema import (
    builtin_operators,
    element_kinds,
    operator_name,
    pack,
    parse,
    schema,
    text,
)

ABSENT = -1


class Edit:
    """The objects of a file with one graph, while it is being changed.

    Attributes:
        model: the file, as TensorFlow Lite's schema has it.
        graph: its graph.
    """

    def __init__(self, content: bytes):
        """Read a file that was checked before."""
        self.model: Any = parse(content)
        (self.graph,) = self.model.subgraphs
        for operator in self.graph.operators:  # arrays of the file are read-only
            operator.inputs = np.array(operator.inputs, np.int32)
            operator.outputs = np.array(operator.outputs, np.int32)

    def name(self, tensor: int) -> str:
        """Return the name of a tensor."""
        return text(self.graph.tensors[tensor].name)

    def kind(self, operator: Any) -> str:
        """Return the name of an operator, like ``CONV_2D``."""
        return operator_name(self.model.operatorCodes[operator.opcodeIndex]) or ""

    def element_kind(self, tensor: int) -> str:
        """Return the kind of a tensor's elements, like ``FLOAT32``."""
        return element_kinds()[self.graph.tensors[tensor].type]

    def constant(self, tensor: int) -> np.ndarray | None:
        """Return the value of a constant; None for other tensors."""
        if tensor == ABSENT:
            return None
        data = self.model.buffers[self.graph.tensors[tensor].buffer].data
        if data is None or not len(data):
            return None
        kind = np.dtype(self.element_kind(tensor).lower())
        return np.frombuffer(bytes(data), kind).reshape(self.graph.tensors[tensor].shape)

    def readers(self, tensor: int) -> list[Any]:
        """Return the operators that read a tensor."""
        return [each for each in self.graph.operators if tensor in each.inputs]

    def only_reader(self, tensor: int, kind: str) -> Any:
        """Return the only reader of a tensor, if it is of this kind; None if not, or if the tensor
        has other readers or is an output.
        """
        readers = self.readers(tensor)
        is_one = len(readers) == 1 and tensor not in self.graph.outputs
        return readers[0] if is_one and self.kind(readers[0]) == kind else None

    def add_tensor(
        self,
        name: str,
        shape: Sequence[int],
        kind: str = "FLOAT32",
        *,
        value: np.ndarray | None = None,
        scales: np.ndarray | None = None,
    ) -> int:
        """Add a tensor, and return its index.

        Args:
            name: name of the tensor.
            shape: shape of the tensor.
            kind: type of its elements.
            value: value of a constant.
            scales: scales of a quantized tensor with zero point 0: one, or one for each index of
                the first axis.
        """
        tensor = schema().TensorT()
        tensor.name, tensor.shape = name.encode(), np.array(shape, np.int32)
        tensor.type = next(number for number, each in element_kinds().items() if each == kind)
        tensor.hasRank, tensor.buffer = True, 0
        if value is not None:
            tensor.buffer = len(self.model.buffers)
            buffer = schema().BufferT()
            buffer.data = np.frombuffer(value.tobytes(), np.uint8)
            self.model.buffers.append(buffer)
        if scales is not None:
            tensor.quantization = schema().QuantizationParametersT()
            tensor.quantization.scale = np.asarray(scales, np.float32)
            tensor.quantization.zeroPoint = np.zeros(len(scales), np.int64)
            tensor.quantization.quantizedDimension = 0
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def add_constant(self, name: str, value: np.ndarray) -> int:
        """Add a float32 constant, and return its index."""
        value = np.asarray(value, np.float32)
        return self.add_tensor(name, value.shape, value=value)

    def add_operator(
        self,
        place: int,
        kind: str,
        inputs: Sequence[int],
        output: int,
        *,
        version: int = 1,
        options: str | None = None,
        **values: Any,
    ) -> None:
        """Insert an operator.

        Args:
            place: place in the order of execution.
            kind: kind of the operator.
            inputs: indices of the tensors that it reads.
            output: index of the tensor that it writes.
            version: version of the operator.
            options: name of the schema's table of its options.
            **values: values of these options.
        """
        operator = schema().OperatorT()
        operator.inputs, operator.outputs = np.array(inputs, np.int32), np.array([output], np.int32)
        self.set_code(operator, kind, version)
        if options is not None:
            operator.builtinOptionsType = getattr(schema().BuiltinOptions, options)
            operator.builtinOptions = getattr(schema(), f"{options}T")()
            for name, value in values.items():
                setattr(operator.builtinOptions, name, value)
        self.graph.operators.insert(place, operator)

    def set_code(self, operator: Any, kind: str, version: int) -> None:
        """Make an operator a builtin one of this kind."""
        code = schema().OperatorCodeT()
        number = next(number for number, each in builtin_operators().items() if each == kind)
        code.builtinCode, code.version = number, version
        code.deprecatedBuiltinCode = min(
            number, schema().BuiltinOperator.PLACEHOLDER_FOR_GREATER_OP_CODES
        )
        operator.opcodeIndex = len(self.model.operatorCodes)
        self.model.operatorCodes.append(code)

    def set_input(self, tensor: int) -> None:
        """Make a tensor the input of the file."""
        before = self.graph.inputs[0]
        self.graph.inputs = np.array([tensor], np.int32)
        for signature in self.model.signatureDefs or []:
            for entry in signature.inputs:
                if entry.tensorIndex == before:
                    entry.tensorIndex = tensor

    def content(self) -> bytes:
        """Return the content of the file, without unused parts."""
        self._renumber_codes()
        self._renumber_tensors()
        self._renumber_buffers()
        return pack(self.model)

    def _renumber_codes(self) -> None:
        codes: dict[tuple, int] = {}
        kept: list[Any] = []
        for operator in self.graph.operators:
            code = self.model.operatorCodes[operator.opcodeIndex]
            key = (operator_name(code), code.version)
            if key not in codes:
                codes[key] = len(kept)
                kept.append(code)
            operator.opcodeIndex = codes[key]
        self.model.operatorCodes = kept

    def _renumber_tensors(self) -> None:
        graph = self.graph
        used = {*map(int, graph.inputs), *map(int, graph.outputs)}
        for operator in graph.operators:
            used |= {*map(int, operator.inputs), *map(int, operator.outputs)}
        kept = sorted(used - {ABSENT})
        places = {tensor: place for place, tensor in enumerate(kept)} | {ABSENT: ABSENT}

        def moved(tensors: Sequence[int]) -> np.ndarray:
            return np.array([places[int(tensor)] for tensor in tensors], np.int32)

        graph.inputs, graph.outputs = moved(graph.inputs), moved(graph.outputs)
        for operator in graph.operators:
            operator.inputs, operator.outputs = moved(operator.inputs), moved(operator.outputs)
        for signature in self.model.signatureDefs or []:
            for entry in [*signature.inputs, *signature.outputs]:
                entry.tensorIndex = places[entry.tensorIndex]
        graph.tensors = [graph.tensors[tensor] for tensor in kept]

    def _renumber_buffers(self) -> None:
        """Keep the first buffer, which is empty by convention, and those that are used."""
        users = [*self.graph.tensors, *(self.model.metadata or [])]
        kept = sorted({0, *(each.buffer for each in users)})
        places = {buffer: place for place, buffer in enumerate(kept)}
        for each in users:
            each.buffer = places[each.buffer]
        self.model.buffers = [self.model.buffers[buffer] for buffer in kept]
        if self.model.metadataBuffer is not None:
            buffers = [places[int(each)] for each in self.model.metadataBuffer if each in places]
            self.model.metadataBuffer = np.array(buffers, np.int32)
