"""What a Keras graph costs: storage, multiply-accumulates, memory, counted layer by layer."""

from larq_igp.analysis.graph import LayerCount, UnknownLayerError, count, count_layers, stage1_channels

__all__ = ["LayerCount", "UnknownLayerError", "count", "count_layers", "stage1_channels"]
