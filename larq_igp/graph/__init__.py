"""A built Keras graph, read once: its calls, their shapes, bits and kernels."""

from larq_igp.graph.calls import Call, Graph, Kernel
from larq_igp.graph.errors import GraphError, UnknownLayerError
from larq_igp.graph.layers import register_free, register_layer
from larq_igp.graph.read import read_graph

__all__ = [
    "Call",
    "Graph",
    "GraphError",
    "Kernel",
    "UnknownLayerError",
    "read_graph",
    "register_free",
    "register_layer",
]
