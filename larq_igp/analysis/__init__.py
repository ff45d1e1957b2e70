"""What a Keras graph costs, layer by layer, and what its gradient paths are."""

from larq_igp.analysis.count import CostAnalysis, LayerCount, PrecisionCount, count
from larq_igp.analysis.paths import GradientPaths, PathClass, gradient_paths
from larq_igp.graph import UnknownLayerError

__all__ = [
    "CostAnalysis",
    "GradientPaths",
    "LayerCount",
    "PathClass",
    "PrecisionCount",
    "UnknownLayerError",
    "count",
    "gradient_paths",
]
