"""Shortcuts and depth of a network, read from its graph (paper, Table 1)."""

from larq_igp.graph import Graph
from larq_igp.keras2 import tf

JOINS: tuple[type, ...] = (
    tf.keras.layers.Add,
    tf.keras.layers.Average,
    tf.keras.layers.Concatenate,
)
JOINING_FUNCTIONS = ("__operators__.add", "math.add", "concat")
"""TensorFlow's, as Keras names them in a graph."""


def count_shortcuts(graph: Graph) -> int:
    """Return the number of shortcuts: joins of a tensor with another that was computed from it.

    The shortcut of a ResNet's transition does not count, because a convolution changes it: its
    output is not the tensor that the other branch was computed from.
    """
    made_from: list[int] = []  # a bit for each call before
    for call in graph.calls:
        ancestors = 0
        for before in call.inputs:
            ancestors |= made_from[before] | (1 << before)
        made_from.append(ancestors)
    return sum(
        any(made_from[other] >> one & 1 for other in call.inputs)
        for call in graph.calls
        if isinstance(call.layer, JOINS) or getattr(call.layer, "symbol", "") in JOINING_FUNCTIONS
        for one in call.inputs
    )


def graph_depth(graph: Graph) -> int:
    """Count the layers with a kernel on the longest path from input to output."""
    depths: list[int] = []
    for call in graph.calls:
        depths.append(max((depths[i] for i in call.inputs), default=0) + bool(call.kernels))
    return max(depths[output] for output in graph.outputs)
