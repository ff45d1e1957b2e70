"""Which layers of a Keras graph Larq Compute Engine has a 1-bit kernel for, and why not others."""

from typing import Any

import larq as lq
import numpy as np

from larq_igp.deploy.errors import ConversionError
from larq_igp.graph import Graph, GraphError, Kernel, read_graph
from larq_igp.graph.bits import FLOAT_BITS, stated_bits
from larq_igp.keras2 import tf


def read_model(model: Any) -> Graph:
    """Read a model's graph.

    Raises:
        ConversionError: if it cannot be read: a layer may hide binary convolutions.
    """
    try:
        return read_graph(model)
    except GraphError as error:
        raise ConversionError(str(error)) from error


SIGNS: tuple[type, ...] = (lq.quantizers.SteSign, lq.quantizers.ApproxSign, lq.quantizers.SwishSign)
"""Quantizers that return the sign of each value, +1 for 0."""
TINY = float(np.finfo(np.float32).tiny)
PROBES = np.outer([TINY, 1e-9, 1e-3, 0.4, 0.6, 1, 3, 9e9, 0], [1, -1]).astype(np.float32).ravel()
"""Values that show whether an unknown function takes the sign."""


def is_sign(quantizer: Any) -> bool:
    """Tell whether a quantizer is the sign: +1 where a value is at least 0, else -1."""
    if isinstance(quantizer, SIGNS):
        return True
    if not callable(quantizer) or isinstance(quantizer, tf.keras.layers.Layer):
        return False
    try:
        # Two images, to find functions that depend on more than the value itself.
        found = np.asarray(quantizer(tf.constant(np.stack([PROBES, 5 * PROBES]))))
    except Exception:  # it may be any function
        return False
    return np.array_equal(found, np.tile(np.where(PROBES < 0, -1, 1), (2, 1)))


def is_lce_convolution(kernel: Kernel) -> bool:
    """Tell whether a kernel belongs to a 2-D convolution of signs with signs."""
    return isinstance(kernel.owner, lq.layers.QuantConv2D) and _multiplies_signs(kernel)


def _multiplies_signs(kernel: Kernel) -> bool:
    """Tell whether a kernel's weights and inputs are signs, up to scales."""
    if _zeros_and_ones(kernel):
        return False
    reads_signs = kernel.input_bits == 1 or is_sign(kernel.input_quantizer)
    return reads_signs and (kernel.bits == 1 or is_sign(kernel.quantizer))


def _zeros_and_ones(kernel: Kernel) -> str | None:
    """Return the name of a 1-bit quantizer with the values 0 and 1 instead of signs, if there is
    one.
    """
    for quantizer in (kernel.input_quantizer, kernel.quantizer):
        if isinstance(quantizer, lq.quantizers.SteHeaviside):
            return type(quantizer).__name__
    return None


def lce_convolutions(graph: Graph) -> list[Kernel]:
    """List the binary convolutions of all calls: a layer that is called twice is listed twice."""
    return [kernel for call in graph.calls for kernel in call.kernels if is_lce_convolution(kernel)]


def is_quantized(graph: Graph) -> bool:
    """Tell whether any layer has quantized weights or inputs."""
    return any(kernel.quantizer or kernel.input_quantizer for kernel in graph.kernels().values())


def binary_layers(model: "tf.keras.Model") -> list[str]:
    """Describe each layer with binary weights, including those inside other layers."""
    found = []
    for layer in model._flatten_layers(include_self=False):
        for name in ("kernel_quantizer", "depthwise_quantizer", "pointwise_quantizer"):
            quantizer = getattr(layer, name, None)
            if stated_bits(quantizer) == 1 or is_sign(quantizer):
                found.append(f"layer {layer.name!r} is a binary {type(layer).__name__}")
                break
    return found


def why_no_kernel(kernel: Kernel) -> str | None:
    """Say which quantizer of a kernel cannot be in a file with 1-bit operators; None if all can.

    Signs that are multiplied with floats, or in a layer other than a 2-D convolution, are stored as
    floats.
    """
    if zeros_and_ones := _zeros_and_ones(kernel):
        return f"layer {kernel.name!r} quantizes to 0 and 1 ({zeros_and_ones})"
    for operand, quantizer, bits in (
        ("input", kernel.input_quantizer, kernel.input_bits),
        ("kernel", kernel.quantizer, kernel.bits),
    ):
        if bits == 1 or is_sign(quantizer) or (quantizer is None and bits == FLOAT_BITS):
            continue
        if quantizer is None:
            return f"layer {kernel.name!r} has a {bits}-bit {operand}"
        width = f"{bits}-bit" if stated_bits(quantizer) else "of unknown width"
        kind = getattr(quantizer, "__name__", type(quantizer).__name__)
        return f"layer {kernel.name!r} has a {width} {operand}_quantizer ({kind})"
    return None
