"""Compare Keras and a file layer by layer, each layer from the inputs that the file has.

For each result of Keras, the file is searched for a tensor that is computed from the same tensors
and has the same values up to rounding. Keras then continues with the *file's* values. So rounding
errors do not accumulate, no sign flips, and a difference is caused by the operators between two
tensors that were found. A result that the converter fused away is not found. Keras' values are used
until the next tensor that is found. Neither a sign, which would hide differences, nor more than the
converter can fuse (``unexplained``) may lie in between.
"""

from collections.abc import Iterator

import numpy as np

from larq_igp.deploy.lce_kernels import is_lce_convolution
from larq_igp.deploy.schema import BINARY_CONV
from larq_igp.deploy.verification.binary_operator import BinaryOperator
from larq_igp.deploy.verification.constants import require_same_function
from larq_igp.deploy.verification.diagnosis import difference, difference_at, no_such_weights
from larq_igp.deploy.verification.fault import Fault, where
from larq_igp.deploy.verification.file_tensors import FileTensors
from larq_igp.deploy.verification.keras_sums import KerasSums
from larq_igp.deploy.verification.replay import Known, Replay
from larq_igp.deploy.verification.rounding import Terms, is_foldable, terms_after
from larq_igp.deploy.verification.run_call import run_call
from larq_igp.deploy.verification.unexplained import first_unexplained
from larq_igp.graph import Call, Graph
from larq_igp.graph.bits import output_quantizer
from larq_igp.keras2 import tf

BEFORE_ACTIVATION = -1
"""Stands for a layer's result before its activation, which may be a separate operator."""


class Walk(Replay):
    """One comparison from the images to the output."""

    def __init__(self, graph: Graph, file: FileTensors):
        """Start at the images."""
        super().__init__(graph, file)
        self._operators = [
            BinaryOperator(file.file, each)
            for each in file.file.operators
            if each.name == BINARY_CONV
        ]
        self._used: set[int] = set()

    @property
    def binary_convolutions(self) -> int:
        """Number of binary convolutions of the file that were compared."""
        return len(self._used)

    def run(self) -> None:
        """Walk to the output.

        Raises:
            Fault: at the first difference.
        """
        for index, call in enumerate(self.graph.calls):
            if index in self.known:  # the image, or fused into the binary convolution before it
                continue
            if self._operators and any(map(is_lce_convolution, call.kernels)):
                self._binary_convolution(index)
            else:
                self._call(index)
        operator = first_unexplained(self)
        if operator is not None:
            raise difference_at(self, operator)
        output = self.known[self.graph.outputs[0]]
        if not output.is_found or not self._is_output(output):
            raise difference(self, self.graph.outputs[0])

    def _is_output(self, known: Known) -> bool:
        """Tell whether a result that the file has is its output, perhaps in another shape."""
        given = self.file.file.outputs[0]
        if known.sources == {given}:
            return True
        is_derived = given in self.file.computed_from(known.sources)
        found = self.file.values[given]
        if not is_derived or found.size != known.value.size:
            return False
        return bool(np.all(known.terms.agree(found.reshape(known.value.shape), known.value)))

    def _call(self, index: int) -> None:
        """Run a layer, and look for its result in the file."""
        call = self.graph.calls[index]
        if any(kernel.input_quantizer for kernel in call.kernels):
            self._require_signs_or_values(call.inputs[0])
        elif output_quantizer(call.layer) is not None:
            self.look_up_signs(call.inputs[0])
        inputs = [self.known[each] for each in call.inputs]
        values, terms = [each.value for each in inputs], [each.terms for each in inputs]
        sources = frozenset().union(*(each.sources for each in inputs))
        outputs = run_call(call, values)
        # A layer with several outputs is followed by one call for each of them.
        places = [index] if len(outputs) == 1 else range(index + 1, index + 1 + len(outputs))
        for place, value in zip(places, outputs, strict=True):
            after = terms_after(call.layer, terms, values, value)
            self.known[place] = self.look_up(place, value, after, sources)
            if self.known[place].is_found and is_foldable(call.layer):
                self.before |= dict.fromkeys(self.known[place].sources, sources)
        self.known.setdefault(index, Known(outputs[0], after, sources))
        if isinstance(call.layer, tf.keras.layers.Average):
            self._sum_of_average(index, values, terms, sources)

    def _sum_of_average(
        self, index: int, values: list, terms: list[Terms], sources: frozenset[int]
    ) -> None:
        """Look for the sum before an average's factor, which may be folded into a convolution."""
        adding, total = tf.keras.layers.Add(), np.sum(values, axis=0, dtype=np.float32)
        found = self.look_up(index, total, terms_after(adding, terms, values, total), sources)
        if found.is_found:
            self.explained |= found.sources

    def _require_signs_or_values(self, index: int) -> None:
        """Check that the file has the input of a quantizer, which would hide differences.

        Raises:
            Fault: if it does not.
        """
        if not self.look_up_signs(index):
            raise difference(self, index)

    def _binary_convolution(self, index: int) -> None:
        """Compare all parts of a binary convolution, and what the converter fused into it."""
        call = self.graph.calls[index]
        self._require_signs_or_values(call.inputs[0])
        source, keras = self.known[call.inputs[0]], KerasSums(call.kernels[0])
        operator = self._operator_of(call, keras, source)
        self._used.add(operator.operator.index)
        what = f"{call.name!r} ({where(operator.operator)})"
        option = operator.other_option(call.layer)
        if option:
            raise Fault(f"{what}: {option}.")
        shape = self.file.values[operator.writes].shape[1:3]
        end = require_same_function(
            what, operator, lambda each: self._after_sums(index, keras, each), shape
        )
        sums = keras.sums(keras.signs_of(source.value))
        if not operator.has_written(self.file.values[operator.writes], sums):
            raise Fault(f"{what}: the engine computes other sums than Keras from the same signs.")
        if end == BEFORE_ACTIVATION:
            self.explained.add(operator.writes)
            before = self.found(operator.writes)
            value, terms = keras.activated(before.value, before.terms)
            self.known[index] = self.look_up(index, value, terms, before.sources)
            return
        for place, value, terms in self._after_sums(index, keras, sums):
            self.known[place] = Known(value, terms, source.sources)
            if place == end:
                found = operator.writes
                self.known[place] = (
                    self.found_signs(found, value, terms)
                    if operator.writes_signs
                    else self.found(found)
                )
                return

    def _after_sums(
        self, index: int, keras: KerasSums, sums: np.ndarray
    ) -> Iterator[tuple[int, np.ndarray, Terms]]:
        """Yield the results of Keras that are functions of a convolution's sums: call, value,
        terms.

        First the layer's own result, then that of each layer that is the only reader of the
        previous one.
        """
        value, terms = keras.before_activation(sums)
        if keras.has_activation:
            yield BEFORE_ACTIVATION, value, terms
        value, terms = keras.activated(value, terms)
        yield index, value, terms
        for following in self.followers(index):
            call = self.graph.calls[following]
            (output,) = run_call(call, [value])
            if output.shape != value.shape:
                return
            terms, value = terms_after(call.layer, [terms], [value], output), output
            yield following, value, terms

    def _operator_of(self, call: Call, keras: KerasSums, source: Known) -> BinaryOperator:
        """Find the operator of a call by its weights, and among several by their inputs."""
        of_kernel = [each.of_kernel(keras.weights) for each in self._operators]
        same = [each for each in of_kernel if each is not None]
        if not same:
            raise no_such_weights(call, keras, self._operators)
        wanted, complaint = keras.signs_of(source.value), ""
        for each in same:
            negative = self.signs(each.reads, source.value.shape)
            if each.reads not in self.file.computed_from(source.sources):
                complaint = "reads what is computed from other tensors than in Keras"
            elif negative is None or np.any(negative != wanted):
                complaint = "reads other signs than in Keras"
            else:
                return each
        raise Fault(f"{call.name!r} ({where(same[0].operator)}) {complaint}.")
