"""What one watches in a binary layer:

the share of weights whose sign flips in an epoch, and of activations that pass no gradient.
"""

from collections import defaultdict
from collections.abc import Callable
from typing import Any

import larq as lq
import numpy as np

from larq_igp.graph import Call, read_graph
from larq_igp.graph.bits import output_quantizer
from larq_igp.graph.values import call_values
from larq_igp.keras2 import tf

ROW = ("epoch", "layer", "flip_ratio", "saturated")


def clipped(quantizer: Any) -> Callable[[Any], Any] | None:
    """Return a function that marks where a quantizer passes no gradient to its input, or None if
    there is no such place.

    The straight-through estimators of larq are zero where ``|x| > clip_value``, ApproxSign (arXiv
    1808.00278) where ``|x| > 1``, DoReFa (arXiv 1606.06160) outside [0, 1].
    """
    if isinstance(quantizer, lq.quantizers.DoReFa):
        return lambda x: tf.logical_or(x < 0, x > 1)
    if isinstance(quantizer, lq.quantizers.ApproxSign):
        return lambda x: tf.abs(x) > 1
    limit = getattr(quantizer, "clip_value", None)
    return None if limit is None else lambda x: tf.abs(x) > limit


class LayerWatch:
    """Measures the binary layers of a network once an epoch.

    Attributes:
        kernels: latent weights that are binarised, by name of their layer.
    """

    def __init__(self, network: "tf.keras.Model", images: np.ndarray):
        """Prepare.

        Args:
            network: whose layers are watched; it is run in inference mode.
            images: ``(N, H, W, C)`` on which activations are measured, the same in each epoch.
        """
        self._graph = read_graph(network)
        self.kernels = {
            name: kernel.weights
            for name, kernel in self._graph.kernels().items()
            if kernel.bits == 1
        }
        self._images = tf.constant(images)
        self._marks = [
            (call.name, call.inputs[0], mark)
            for call in self._graph.calls
            for quantizer in _reads_through(call)
            if (mark := clipped(quantizer))
        ]
        self._shares = tf.function(self._saturated_shares)

    def signs(self) -> dict[str, np.ndarray]:
        """Return the signs of all binary weights, eight to a byte:

        what an epoch is compared with.
        """
        return {name: np.packbits(kernel.numpy() >= 0) for name, kernel in self.kernels.items()}

    def rows(self, epoch: int, signs_before: dict[str, np.ndarray]) -> list[dict[str, Any]]:
        """Return a row ``ROW`` for each binary layer; what a layer does not have is None.

        Args:
            epoch: counted from 1.
            signs_before: at its start.
        """
        signs = self.signs()
        saturated = self.saturated()
        rows = []
        for name in dict.fromkeys([*signs, *saturated]):
            flipped = None
            if name in signs:
                differing = np.unpackbits(signs[name] ^ signs_before[name]).sum()
                flipped = int(differing) / int(np.prod(self.kernels[name].shape))
            rows.append(dict(zip(ROW, (epoch, name, flipped, saturated.get(name)), strict=True)))
        return rows

    def saturated(self) -> dict[str, float]:
        """Return the share of activations, by layer, where the quantizer of the layer passes no
        gradient; over all its calls.
        """
        if not self._marks:
            return {}
        shares: dict[str, list[float]] = defaultdict(list)
        for (name, _, _), share in zip(self._marks, self._shares(self._images), strict=True):
            shares[name].append(float(share))
        return {name: sum(found) / len(found) for name, found in shares.items()}

    def _saturated_shares(self, images):
        features = call_values(self._graph, images, [read for _, read, _ in self._marks])
        return [
            tf.reduce_mean(tf.cast(mark(x), tf.float32))
            for (_, _, mark), x in zip(self._marks, features, strict=True)
        ]


def _reads_through(call: Call) -> list[Any]:
    """Return the quantizers that a call's input passes: of its kernels, or the call itself."""
    if call.kernels:
        return list(dict.fromkeys(k.input_quantizer for k in call.kernels if k.input_quantizer))
    return [output_quantizer(call.layer)] if call.inputs else []
