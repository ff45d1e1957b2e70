"""Representational capability of a binary layer with a shortcut (paper, section 3.1 and Figure 1),
in theory and as it is.

A tensor's capability R is the number of values it can take. ``A_b`` is the output of Sign, ``A_m``
of the 1-bit convolution, ``A_r`` of BatchNorm, ``A_add`` of the addition of the shortcut.

The paper's argument: ``A_r^l`` and ``A_r^(l+1)`` are not independent, so R of their sum is that of
one, ``(hwC + 1)^(HWC)``, and not the square that was claimed with Bi-Real net. The correction holds
as to order, not to the letter: a sum of three signs takes 4 values, 5 with one of those signs
added, and not 16; and a real-valued shortcut brings values that its signs do not tell. What a layer
really does on images is counted by ``distinct_values``.
"""

from dataclasses import dataclass
from math import log2, prod

import larq as lq
import numpy as np

from larq_igp.graph import Call, Graph, GraphError, read_graph
from larq_igp.graph.values import call_values
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


def capability(
    height: int,
    width: int,
    channels: int,
    kernel: tuple[int, int] = (3, 3),
    *,
    output_shape: tuple[int, int, int] | None = None,
) -> Capability:
    """Return ``log2 R`` of the tensors of a layer.

    Args:
        height: of its input.
        width: of its input.
        channels: of its input.
        kernel: height and width.
        output_shape: ``(H, W, C)`` of its output; None is a layer that keeps the shape, the paper's
            case.
    """
    places = prod(output_shape or (height, width, channels))
    convolution = places * log2(prod(kernel) * channels + 1)
    return Capability(
        height * width * channels, convolution, convolution, convolution, 2 * convolution
    )


@dataclass(frozen=True)
class DistinctValues:
    """How many different values one element of a tensor took over images and places, the largest
    over its channels.

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


@dataclass(frozen=True)
class LayerCapability:
    """A binary convolution of a network: what it could tell apart, and what it does.

    Attributes:
        layer: its name.
        input_shape: ``(H, W, C)`` of what Sign reads.
        output_shape: ``(H, W, C)`` of the convolution.
        capability: ``log2 R`` of its tensors, by formula.
        is_added: whether an addition follows; without one, ``added`` of the capability is that of
            no tensor.
        values: counted on images; None where none were given.
    """

    layer: str
    input_shape: tuple[int, int, int]
    output_shape: tuple[int, int, int]
    capability: Capability
    is_added: bool
    values: DistinctValues | None


def layer_capabilities(
    model: "tf.keras.Model", images: np.ndarray | None = None
) -> list[LayerCapability]:
    """Return the representational capability of each binary convolution of a model.

    Args:
        model: a functional model; at 2 and 32 bits there is no binary convolution.
        images: its inputs ``(N, H, W, C)``, to count the values that really occur; None leaves that
            out.

    Raises:
        GraphError: if the model has no binary convolution.
    """
    graph = read_graph(model)
    found = []
    for index, call in enumerate(graph.calls):
        if not _is_binary_convolution(call):
            continue
        read = graph.calls[call.inputs[0]].output_shape
        height, width, channels = read
        theory = capability(
            height, width, channels, _kernel_size(call), output_shape=call.output_shape
        )
        is_added = _behind(graph, index)[2] is not None
        values = None if images is None else _count_values(graph, images, index)
        found.append(LayerCapability(call.name, read, call.output_shape, theory, is_added, values))
    if not found:
        raise GraphError("the model has no binary convolution, so there is nothing to count.")
    return found


def _is_binary_convolution(call: Call) -> bool:
    return call.is_binary and isinstance(call.kernels[0].owner, lq.layers.QuantConv2D)


def _kernel_size(call: Call) -> tuple[int, int]:
    height, width, *_ = call.kernels[0].weights.shape
    return height, width


def _behind(graph: Graph, index: int) -> tuple[int | None, int | None, int | None]:
    """Return the calls of BatchNorm behind a convolution, of what the addition behind it brings
    in, and of the addition.
    """

    def reader(of: int, kind: type) -> int | None:
        return next(
            (i for i, c in enumerate(graph.calls) if of in c.inputs and isinstance(c.layer, kind)),
            None,
        )

    norm = reader(index, tf.keras.layers.BatchNormalization)
    last = index if norm is None else norm
    added = reader(last, tf.keras.layers.Add)
    other = (
        None if added is None else next((i for i in graph.calls[added].inputs if i != last), None)
    )
    return norm, other, added


def distinct_values(
    model: "tf.keras.Model | Graph", images: np.ndarray, layer: str
) -> DistinctValues:
    """Count the values that a binary layer's tensors really take.

    Args:
        model: a functional model.
        images: its inputs ``(N, H, W, C)``.
        layer: name of a binary convolution; BatchNorm and addition are looked for behind it.

    Raises:
        GraphError: if the model has no binary convolution of this name.
    """
    graph = read_graph(model)
    index, *others = graph.find(layer)
    if others:
        raise GraphError(
            f"layer {layer!r} is used {1 + len(others)} times: its values cannot be distinguished."
        )
    if not _is_binary_convolution(graph.calls[index]):
        raise GraphError(f"layer {layer!r} is not a binary convolution.")
    return _count_values(graph, images, index)


def _count_values(graph: Graph, images: np.ndarray, index: int) -> DistinctValues:
    norm, other, added = _behind(graph, index)
    wanted = [i for i in (index, norm, other, added) if i is not None]
    tensors = call_values(graph, images, wanted)
    counted = {i: _most_values(tensor.numpy()) for i, tensor in zip(wanted, tensors, strict=True)}
    call = graph.calls[index]
    height, width, channels, _ = call.kernels[0].weights.shape
    return DistinctValues(
        layer=call.name,
        possible=height * width * channels + 1,
        convolution=counted[index],
        norm=None if norm is None else counted[norm],
        shortcut=None if other is None else counted[other],
        added=None if added is None else counted[added],
        samples=int(np.prod(tensors[0].shape[:-1])),
    )
