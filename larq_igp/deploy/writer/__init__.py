"""larq-igp's writer of Larq Compute Engine's ``.tflite`` format."""

from larq_igp.deploy.errors import UnwritableError
from larq_igp.deploy.writer.draft import Draft, Operator, Tensor
from larq_igp.deploy.writer.layers import LayerWriter, register_writer
from larq_igp.deploy.writer.write import write

__all__ = [
    "Draft",
    "LayerWriter",
    "Operator",
    "Tensor",
    "UnwritableError",
    "register_writer",
    "write",
]
