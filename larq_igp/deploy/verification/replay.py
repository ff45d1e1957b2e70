"""Keras' results while a model is compared with a file layer by layer."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from larq_igp.deploy.schema import WORD_BITS
from larq_igp.deploy.verification.file_tensors import FileTensors, unpack_signs
from larq_igp.deploy.verification.rounding import UNITS, Terms, terms_of
from larq_igp.deploy.verification.run_call import run_call
from larq_igp.graph import Graph
from larq_igp.graph.bits import output_quantizer

QUANTIZE = "LceQuantize"
TINY = float(np.finfo(np.float32).tiny)


@dataclass(frozen=True)
class Known:
    """What is known about a result of Keras.

    Attributes:
        value: the value, ``(N, ...)``; the file's if the file has the result.
        terms: the terms that it is the sum of.
        sources: the nearest tensors of the file that it is computed from; if the file has the
            result, its tensor.
        is_found: whether the file has the result.
        nearest: distance and index of the nearest tensor of the file, if none is near enough.
    """

    value: np.ndarray
    terms: Terms
    sources: frozenset[int]
    is_found: bool = False
    nearest: tuple[float, int] | None = None


class Replay:
    """The results that are known so far.

    Attributes:
        graph: graph of the Keras model.
        file: the file with the values of its tensors.
        known: the results, by the index of the call that returns them.
        farthest: largest distance of a value of the file from Keras', see ``rounding``.
        explained: tensors of the file that were compared, but are not the result of a whole layer.
        before: maps tensors of the file to what their layer reads, for layers that the converter
            may fold into a convolution although other readers need the tensor.
    """

    def __init__(self, graph: Graph, file: FileTensors):
        """Start at the images."""
        self.graph, self.file, self.farthest = graph, file, 0.0
        self.explained: set[int] = set()
        self.before: dict[int, frozenset[int]] = {}
        self.known = {graph.inputs[0]: self.found(file.file.inputs[0])}

    def readers(self, index: int) -> list[int]:
        """Return the calls that read a result."""
        return [place for place, call in enumerate(self.graph.calls) if index in call.inputs]

    def followers(self, index: int) -> Iterator[int]:
        """Yield a chain of calls: each is the only reader of the previous result, and reads nothing
        else.

        The chain ends before a call with a kernel or a quantizer.
        """
        while True:
            readers = self.readers(index)
            if len(readers) != 1:
                return
            (index,) = readers
            call = self.graph.calls[index]
            is_plain = len(call.inputs) == 1 and call.layer is not None and not call.kernels
            # Each output of a layer with several outputs is a call without a layer.
            is_split = any(self.graph.calls[each].layer is None for each in self.readers(index))
            if not is_plain or is_split or output_quantizer(call.layer) is not None:
                return
            yield index

    def found(self, tensor: int, shape: tuple[int, ...] | None = None) -> Known:
        """Return the result that is a tensor of the file."""
        value = self.file.values[tensor]
        value = value if shape is None else value.reshape(shape)
        return Known(value, terms_of(value), frozenset([tensor]), is_found=True)

    def found_tensors(self) -> set[int]:
        """Return the tensors of the file that are results of Keras."""
        return {tensor for each in self.known.values() if each.is_found for tensor in each.sources}

    def computed_from(self, sources: frozenset[int]) -> list[int]:
        """List the tensors that are computed from all of these and nothing else.

        Tensors that are computed from the inputs of folded layers are included.
        """
        found = self.file.computed_from(sources)
        earlier = frozenset().union(*(self.before.get(each, {each}) for each in sources))
        return found if earlier == sources else found + self.computed_from(earlier)

    def look_up(
        self, index: int, value: np.ndarray, terms: Terms, sources: frozenset[int]
    ) -> Known:
        """Find a tensor of the file that is computed from these sources and has this value."""
        distances = [
            (float(np.max(terms.distance(found.reshape(value.shape), value))), each)
            for each in self.computed_from(sources)
            if (found := self.file.values[each]).dtype == np.float32 and found.size == value.size
        ]
        nearest = min(distances, default=None, key=lambda item: item[0])
        if nearest and nearest[0] <= UNITS and not self._is_nearer_later(index, value, nearest[1]):
            self.farthest = max(self.farthest, nearest[0])
            return self.found(nearest[1], value.shape)
        return Known(value, terms, sources, nearest=nearest)

    def _is_nearer_later(self, index: int, value: np.ndarray, found: int) -> bool:
        """Tell whether a later layer is nearer to a tensor of the file than this one.

        This finds a fused BatchNorm that is nearly the identity.
        """
        target = self.file.values[found].reshape(value.shape)
        distance = float(np.max(np.abs(target - value)))
        for following in self.followers(index):
            (value,) = run_call(self.graph.calls[following], [value])
            if distance == 0 or value.shape != target.shape:
                return False
            if np.max(np.abs(target - value)) < distance:
                return True
        return False

    def signs(self, tensor: int, shape: Sequence[int]) -> np.ndarray | None:
        """Return where a packed tensor of the file is -1; None if it is not packed, or has another
        shape.
        """
        words = self.file.values[tensor]
        if words.dtype != np.int32 or words.shape != (*shape[:-1], -(-shape[-1] // WORD_BITS)):
            return None
        return unpack_signs(words, shape[-1])

    def look_up_signs(self, index: int) -> bool:
        """Find the packed signs of a result that the file does not have in float, and tell whether
        the file has either.
        """
        known = self.known[index]
        if known.is_found:
            return True
        for packed in self.file.computed_from(known.sources):
            negative = self.signs(packed, known.value.shape)
            if negative is None or self._is_of_unknown(packed):
                continue
            if np.all((negative == (known.value < 0)) | known.terms.may_be_zero(known.value)):
                self.known[index] = self.found_signs(packed, known.value, known.terms)
                return True
        return False

    def _is_of_unknown(self, packed: int) -> bool:
        """Tell whether signs were taken from floats of the file that are not a result of Keras:
        then they may hide a difference.
        """
        operator = self.file.producer(packed)
        if operator is None or operator.name != QUANTIZE:
            return False
        return operator.inputs[0] not in self.found_tensors()

    def found_signs(self, tensor: int, value: np.ndarray, terms: Terms) -> Known:
        """Return the result of which the file has only the signs.

        Where Keras' value is 0 up to rounding, the file's sign is used.
        """
        negative = unpack_signs(self.file.values[tensor], value.shape[-1])
        value = np.where(negative == (value < 0), value, np.where(negative, -TINY, TINY))
        return Known(value.astype(np.float32), terms, frozenset([tensor]), is_found=True)
