"""Errors of reading a graph."""

from larq_igp.errors import UserError


class GraphError(UserError, ValueError):
    """A model has no graph that can be read, or the graph lacks what was asked for."""


class UnknownLayerError(GraphError, TypeError):
    """A graph holds a layer whose class is not registered in ``larq_igp.graph.layers``."""
