"""What a Keras graph costs, layer by layer, and what its gradient paths are."""

from larq_igp.analysis.count import (
    LayerCount,
    UnknownLayerError,
    count,
    count_layers,
    stage1_channels,
)
from larq_igp.analysis.paths import GradientPaths, PathClass, gradient_paths

__all__ = [
    "GradientPaths",
    "LayerCount",
    "PathClass",
    "UnknownLayerError",
    "count",
    "count_layers",
    "gradient_paths",
    "stage1_channels",
]
