"""The results of a ``LceBconv2d`` as a function of its sums, to compare with Keras.

The sum of ``K`` products of signs is one of ``K + 1`` integers (``2 K + 1`` with zero padding).
What follows, multiplier and bias or a threshold, is a function of the sum for each channel. It is
compared for all possible sums.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from larq_igp.deploy.flatbuffer import ABSENT, Operator, TFLiteFile
from larq_igp.deploy.verification.fault import Fault, where
from larq_igp.deploy.verification.file_tensors import unpack_signs
from larq_igp.deploy.verification.rounding import Terms
from larq_igp.keras2 import tf

SAME = 0
"""TensorFlow Lite's number for this padding."""
ACTIVATIONS = {0: (-np.inf, np.inf), 1: (0, np.inf), 2: (-1, 1), 3: (0, 6)}
"""TensorFlow Lite's numbers of fused activations, and where these clip."""
MOST_ELEMENTS = 2**22
"""Number of sums that are run through Keras' layers at once."""


@dataclass(frozen=True)
class BinaryOperator:
    """A binary convolution of a file.

    Attributes:
        file: the file.
        operator: the operator.
        negated: which of its filters, ``(O,)``, are the negatives of the matched kernel's: the
            converter negates filters that are followed by a negative factor.
    """

    file: TFLiteFile
    operator: Operator
    negated: np.ndarray | bool = False

    def _constant(self, operand: int) -> np.ndarray:
        value = self.file.tensors[self.operator.inputs[operand]].value
        if value is None:
            raise Fault(f"{where(self.operator)} has a non-constant operand {operand}.")
        return value

    @property
    def reads(self) -> int:
        """The packed tensor that it convolves."""
        return self.operator.inputs[0]

    @property
    def writes(self) -> int:
        """The tensor that it writes."""
        return self.operator.outputs[0]

    @property
    def writes_signs(self) -> bool:
        """Whether thresholds turn its sums into packed signs."""
        return self.operator.inputs[4] != ABSENT

    @cached_property
    def filters(self) -> np.ndarray:
        """Where its weights are negative, ``(O, H, W, I)``."""
        words = self._constant(1)
        groups = self.file.groups(self.operator)
        return unpack_signs(words, self.operator.options["channels_in"] // groups)

    @property
    def products(self) -> int:
        """Number of products in a sum."""
        return int(np.prod(self.filters.shape[1:]))

    def of_kernel(self, kernel: np.ndarray) -> "BinaryOperator | None":
        """Return the operator with its negated filters of a kernel ``(H, W, I, O)``; None if its
        weights are different.
        """
        differs = self._differs(kernel)
        if differs is None or not np.all(differs.all(axis=1) | ~differs.any(axis=1)):
            return None
        return replace(self, negated=differs.all(axis=1))

    def weights_that_differ(self, kernel: np.ndarray) -> np.ndarray | None:
        """Return the number of weights in which each filter, or its negative, differs from a
        kernel's, ``(O,)``; None for another shape.
        """
        differs = self._differs(kernel)
        return None if differs is None else np.minimum(differs.sum(1), (~differs).sum(1))

    def _differs(self, kernel: np.ndarray) -> np.ndarray | None:
        wanted = np.moveaxis(kernel < 0, -1, 0)
        is_same_shape = wanted.shape == self.filters.shape
        return (wanted ^ self.filters).reshape(len(wanted), -1) if is_same_shape else None

    def other_option(self, layer: "tf.keras.layers.Layer") -> str | None:
        """Say which option of the geometry differs from a layer's; None if all agree."""
        options = self.operator.options
        pairs = {
            "strides": ("stride", layer.strides),
            "dilation": ("dilation", layer.dilation_rate),
        }
        for what, (prefix, wanted) in pairs.items():
            suffix = "" if what == "strides" else "_factor"
            found = tuple(options[f"{prefix}_{side}{suffix}"] for side in ("height", "width"))
            if found != tuple(wanted):
                return f"{what} {found} in the file, {tuple(wanted)} in Keras"
        padding = "same" if options["padding"] == SAME else "valid"
        if padding != layer.padding:
            return f"padding {padding!r} in the file, {layer.padding!r} in Keras"
        if padding == "same" and options["pad_values"] != layer.pad_values:
            return f"the file pads with {options['pad_values']} and Keras with {layer.pad_values:g}"
        return None

    def possible_sums(self, shape: Sequence[int]) -> Iterator[np.ndarray]:
        """Yield all sums that may occur in maps of a shape, as arrays ``(N, H, W, O)``.

        With zero padding, some products are missing.

        Args:
            shape: height and width of the maps.
        """
        options = self.operator.options
        pads_zeros = options["padding"] == SAME and not options["pad_values"]
        sums = np.arange(-self.products, self.products + 1, 1 if pads_zeros else 2)
        maps = np.resize(sums, (-(-len(sums) // int(np.prod(shape))), *shape, 1))
        at_once = max(1, MOST_ELEMENTS // (int(np.prod(shape)) * len(self.filters)))
        for start in range(0, len(maps), at_once):
            part = maps[start : start + at_once]
            yield np.broadcast_to(part, (*part.shape[:3], len(self.filters)))

    def has_written(self, found: np.ndarray, sums: np.ndarray) -> bool:
        """Tell whether ``found`` is its result for sums of Keras' products ``(N, H, W, O)``.

        Bits must be equal. Floats may differ by rounding, which is far less than the effect of a
        sum that is wrong by one.
        """
        if self.writes_signs:
            expected = self.signs(sums)
            return np.array_equal(unpack_signs(found, expected.shape[-1]), expected)
        expected = self.floats(sums)
        return bool(np.all(self._terms().agree(found, expected)))

    def floats(self, sums: np.ndarray) -> np.ndarray:
        """Return what it writes for sums ``(..., O)`` of Keras' products, float64."""
        activation = self.operator.options["fused_activation_function"]
        clipped = np.clip(self._own(sums), *ACTIVATIONS.get(activation, ACTIVATIONS[0]))
        return clipped * self._constant(2).astype(np.float64) + self._constant(3)

    def _own(self, sums: np.ndarray) -> np.ndarray:
        """Return the sums of the operator's products for sums of Keras' products."""
        return np.where(self.negated, -sums, sums)

    def _terms(self) -> Terms:
        """Return the terms of its floats: engines add ``K`` and subtract twice the popcount."""
        return Terms(2 * self.products * np.abs(self._constant(2)) + np.abs(self._constant(3)))

    def signs(self, sums: np.ndarray) -> np.ndarray:
        """Return where it writes -1 for sums ``(..., O)`` of Keras' products, bool."""
        popcounts = (self.products - self._own(sums)) // 2
        return popcounts > self._constant(4).astype(np.int64)
