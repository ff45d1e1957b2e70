"""Representational capability of a binary layer with a shortcut (paper, section 3.1 and Figure 1), in theory and as it is.

A tensor's capability R is the number of values it can take. ``A_b`` is the output of Sign, ``A_m`` of the 1-bit convolution, ``A_r`` of
BatchNorm, ``A_add`` of the addition of the shortcut.

The paper's argument: ``A_r^l`` and ``A_r^(l+1)`` are not independent, so R of their sum is that of one, ``(hwC + 1)^(HWC)``, and not
the square that was claimed with Bi-Real net. The correction holds as to order, not to the letter: a sum of three signs takes 4 values,
5 with one of those signs added, and not 16; and a real-valued shortcut brings values that its signs do not tell. What a layer really
does on images is counted by ``distinct_values``.
"""

from dataclasses import dataclass
from math import log2

import numpy as np

from larq_igp.analysis.tensor_graph import GraphError, tensor_graph
from larq_igp.keras2 import tf


@dataclass(frozen=True)
class Capability:
    """``log2 R`` of each tensor of a layer.

    Attributes:
        binary: ``A_b``: ``HWC``.
        convolution: ``A_m``: ``HWC * log2(hwC + 1)``.
        norm: ``A_r``: the same, as BatchNorm maps values one to one.
        added: ``A_add`` as the paper corrects it: the same.
        added_refuted: ``A_add`` as claimed with Bi-Real net (arXiv 1808.00278), twice that.
    """

    binary: float
    convolution: float
    norm: float
    added: float
    added_refuted: float


def capability(height: int, width: int, channels: int, kernel: tuple[int, int] = (3, 3)) -> Capability:
    """Return ``log2 R`` of the tensors of a layer that keeps the shape ``(H, W, C)``."""
    size = height * width * channels
    convolution = size * log2(kernel[0] * kernel[1] * channels + 1)
    return Capability(size, convolution, convolution, convolution, 2 * convolution)


@dataclass(frozen=True)
class DistinctValues:
    """How many different values one element of a tensor took over images and places, the largest over its channels.

    Attributes:
        layer: the binary convolution.
        possible: values that a convolution of ``h * w * Cin`` signs can take, ``hwC + 1``.
        convolution: values seen at the output of the convolution.
        norm: values seen after BatchNorm; None where none follows.
        shortcut: values seen on what the addition brings in; None where there is none.
        added: values seen after the addition; None where there is none.
        samples: elements looked at for each channel.
    """

    layer: str
    possible: int
    convolution: int
    norm: int | None
    shortcut: int | None
    added: int | None
    samples: int


def _most_values(tensor: np.ndarray) -> int:
    flat = tensor.reshape(-1, tensor.shape[-1])
    return max(len(np.unique(flat[:, channel])) for channel in range(flat.shape[-1]))


def distinct_values(model: "tf.keras.Model", images: np.ndarray, layer: str) -> DistinctValues:
    """Count the values that a binary layer's tensors really take.

    Args:
        model: a functional model.
        images: its inputs ``(N, H, W, C)``.
        layer: name of a binary convolution; BatchNorm and addition are looked for behind it.

    Raises:
        GraphError: if the model has no binary convolution of this name.
    """
    graph = tensor_graph(model)
    (index,) = graph.find(layer)
    if graph.places[index].cost is None:
        raise GraphError(f"layer {layer!r} is no binary convolution.")
    conv = graph.places[index].layer
    readers = [i for i, place in enumerate(graph.places) if index in place.inputs]
    norm = next((i for i in readers if isinstance(graph.places[i].layer, tf.keras.layers.BatchNormalization)), None)
    behind = index if norm is None else norm
    added = next(
        (i for i, p in enumerate(graph.places) if behind in p.inputs and isinstance(p.layer, tf.keras.layers.Add)), None
    )
    other = None if added is None else next((i for i in graph.places[added].inputs if i != behind), None)
    wanted = [i for i in (index, norm, other, added) if i is not None]
    probe = tf.keras.Model(model.inputs, [graph.places[i].layer.output for i in wanted])
    values = probe.predict_on_batch(images)
    values = dict(zip(wanted, [values] if len(wanted) == 1 else values, strict=True))
    counted = [None if i is None else _most_values(values[i]) for i in (index, norm, other, added)]
    height, width, channels, _ = conv.kernel.shape
    samples = int(np.prod(values[index].shape[:-1]))
    return DistinctValues(layer, height * width * channels + 1, *counted, samples)
