"""What the converter has to find in a Keras model:

binary convolutions, and layers that have no 1-bit kernel.
"""

from dataclasses import dataclass

import larq as lq
import numpy as np

from larq_igp.graph.calls import called_layers
from larq_igp.keras2 import tf

QUANTIZER_FIELDS = (
    "input_quantizer",
    "kernel_quantizer",
    "depthwise_quantizer",
    "pointwise_quantizer",
)


@dataclass(frozen=True)
class BinaryConvolution:
    """A layer that multiplies signs by signs.

    Attributes:
        layer: the Keras layer.
        calls: how often the model calls it.
    """

    layer: "tf.keras.layers.Layer"
    calls: int

    @property
    def name(self) -> str:
        """Name of the layer."""
        return self.layer.name

    def quantized_kernel(self) -> np.ndarray:
        """Return the kernel as the layer multiplies it, ``(H, W, I, O)``."""
        latent = self.layer.get_weights()[0]  # the kernel stands first
        return self.layer.kernel_quantizer(tf.constant(latent)).numpy()


def precisions(layer: "tf.keras.layers.Layer") -> dict[str, int | None]:
    """Return the bits of each quantizer that the layer has; None stands for a quantizer that does
    not say.
    """
    quantizers = {field: getattr(layer, field, None) for field in QUANTIZER_FIELDS}
    return {
        field: getattr(value, "precision", None)
        for field, value in quantizers.items()
        if value is not None
    }


def _reads_signs(layer: "tf.keras.layers.Layer") -> bool:
    """Tell whether a layer without an input quantizer reads the output of a 1-bit activation in
    every call.
    """
    sources = [
        parent for node in layer.inbound_nodes for parent in tf.nest.flatten(node.inbound_layers)
    ]
    return bool(sources) and all(
        getattr(
            source, "precision", getattr(getattr(source, "activation", None), "precision", None)
        )
        == 1
        for source in sources
    )


def is_binary_convolution(layer: "tf.keras.layers.Layer") -> bool:
    """Tell whether Larq Compute Engine has a 1-bit kernel for this layer:

    a 2-D convolution of signs with signs.
    """
    if type(layer) is not lq.layers.QuantConv2D:
        return False
    bits = precisions(layer)
    reads_signs = bits["input_quantizer"] == 1 if "input_quantizer" in bits else _reads_signs(layer)
    return bits.get("kernel_quantizer") == 1 and reads_signs


def binary_convolutions(model: "tf.keras.Model") -> list[BinaryConvolution]:
    """List the model's binary convolutions in the order of its layers."""
    return [
        BinaryConvolution(layer, calls)
        for layer, calls in called_layers(model)
        if is_binary_convolution(layer)
    ]


def is_quantized(model: "tf.keras.Model") -> bool:
    """Tell whether any layer has a quantizer."""
    return any(precisions(layer) for layer, _ in called_layers(model))


def why_no_kernel(layer: "tf.keras.layers.Layer") -> str | None:
    """Say why a quantized layer cannot run in 1-bit arithmetic; None if it can, or is none."""
    bits = precisions(layer)
    if not bits or is_binary_convolution(layer):
        return None
    kind = type(layer).__name__
    for field, value in bits.items():
        if value != 1:
            width = "of unknown width" if value is None else f"{value}-bit"
            return (
                f"layer {layer.name!r} has a {width} {field} "
                f"({type(getattr(layer, field)).__name__})"
            )
    if type(layer) is not lq.layers.QuantConv2D:
        return f"layer {layer.name!r} is a binary {kind}"
    missing = "input" if "input_quantizer" not in bits else "kernel"
    return f"layer {layer.name!r} has a full-precision {missing}"
