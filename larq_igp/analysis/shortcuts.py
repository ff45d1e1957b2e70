"""Shortcuts and depth of a network, read from its graph (paper, Table 1)."""

from larq_igp.analysis.count import KERNELS
from larq_igp.graph.tensor_graph import TensorGraph
from larq_igp.keras2 import tf

JOINS: tuple[type, ...] = (
    tf.keras.layers.Add,
    tf.keras.layers.Average,
    tf.keras.layers.Concatenate,
)


def count_shortcuts(graph: TensorGraph) -> int:
    """Count shortcuts: where a tensor is joined, unchanged, with something that was made from it.

    The shortcut of a ResNet's transition, which passes a convolution of its own, is none: what it
    brings is not what the other branch was made from.
    """
    made_from: list[int] = []  # a bit for each tensor before
    for place in graph.places:
        ancestors = 0
        for before in place.inputs:
            ancestors |= made_from[before] | (1 << before)
        made_from.append(ancestors)
    shortcuts = 0
    for place in graph.places:
        if isinstance(place.layer, JOINS):
            shortcuts += sum(
                any(made_from[other] >> one & 1 for other in place.inputs) for one in place.inputs
            )
    return shortcuts


def graph_depth(graph: TensorGraph) -> int:
    """Count the layers with a kernel on the longest path from input to output."""
    depths: list[int] = []
    for place in graph.places:
        before = max((depths[i] for i in place.inputs), default=0)
        depths.append(before + (type(place.layer) in KERNELS))
    return max(depths[output] for output in graph.outputs)
