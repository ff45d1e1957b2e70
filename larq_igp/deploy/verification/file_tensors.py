"""All tensors of a file, with the values that an engine computes for them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod

import numpy as np

from larq_igp.deploy.engines import load_engine
from larq_igp.deploy.flatbuffer import ABSENT, Operator, TFLiteFile, read_tflite
from larq_igp.deploy.schema import pack, parse


def with_all_outputs(content: bytes) -> bytes:
    """Return the same file with every tensor that an operator writes as an output."""
    operators = parse(content).subgraphs[0].operators
    return with_outputs(content, [int(each) for op in operators for each in op.outputs])


def with_outputs(content: bytes, tensors: Sequence[int]) -> bytes:
    """Return the same file with these tensors as outputs."""
    model = parse(content)
    model.subgraphs[0].outputs = list(tensors)
    model.signatureDefs = None  # signatures name outputs
    return pack(model)


def unpack_signs(words: np.ndarray, channels: int) -> np.ndarray:
    """Return where a packed tensor ``(..., ceil(C / 32))`` stands for -1: bools ``(..., C)``."""
    octets = np.ascontiguousarray(words, "<i4").view(np.uint8)
    return np.unpackbits(octets, axis=-1, bitorder="little", count=channels).astype(bool)


@dataclass(frozen=True)
class FileTensors:
    """A file, and the values of its tensors for some images.

    Attributes:
        file: as it was read.
        values: of the input and of every tensor that an operator writes, ``(N, ...)``.
    """

    file: TFLiteFile
    values: dict[int, np.ndarray]

    @cached_property
    def _producers(self) -> dict[int, Operator]:
        return {tensor: each for each in self.file.operators for tensor in each.outputs}

    def producer(self, tensor: int) -> Operator | None:
        """Return the operator that writes a tensor; None for the input."""
        return self._producers.get(tensor)

    def reads(self, operator: Operator) -> list[int]:
        """Return the tensors that an operator reads, without constants."""
        tensors = self.file.tensors
        return [each for each in operator.inputs if each != ABSENT and tensors[each].value is None]

    @cached_property
    def of_images(self) -> frozenset[int]:
        """Tensors that depend on the images; others are constants that the converter did not
        compute.
        """
        found = set(self.file.inputs)
        for operator in self.file.operators:
            if found & set(operator.inputs):
                found |= set(operator.outputs)
        return frozenset(found)

    def computed_from(self, sources: frozenset[int]) -> list[int]:
        """List the tensors that are computed from all of these and nothing else, in the order of
        execution. A tensor that is the only source comes first.
        """
        origins: dict[int, frozenset[int] | None] = {each: frozenset([each]) for each in sources}
        for operator in self.file.operators:
            origin: frozenset[int] | None = frozenset()
            for tensor in self.reads(operator):
                read = origins.get(tensor)
                origin = None if origin is None or read is None else origin | read
            for tensor in operator.outputs:
                origins.setdefault(tensor, origin)
        return [tensor for tensor, origin in origins.items() if origin == sources]


def read_tensors(
    content: bytes, images: np.ndarray, *, engine: str | None, threads: int
) -> FileTensors:
    """Run a file on images ``(N, H, W, C)`` and return all its tensors.

    Raises:
        TFLiteFileError: if the file is damaged.
        EngineError: if the engine cannot run it.
    """
    file = read_tflite(content)
    exposed = with_all_outputs(content)
    runner = load_engine(exposed, read_tflite(exposed), threads=threads, engine=engine)
    runs = [runner.run([image[np.newaxis]]) for image in images]
    values = {file.inputs[0]: images}
    written = [tensor for operator in file.operators for tensor in operator.outputs]
    for place, tensor in enumerate(written):
        value = np.stack([run[place] for run in runs])
        has_batch = value.ndim > 1 and value.shape[1] == 1
        values[tensor] = value[:, 0] if has_batch else value
    return FileTensors(file, values)


def bytes_per_image(file: TFLiteFile) -> int:
    """Return the size in bytes of all that a file computes for one image."""
    written = [file.tensors[t] for operator in file.operators for t in operator.outputs]
    return sum(prod(tensor.shape) * tensor.dtype.itemsize for tensor in written)
