"""For which layers of a Keras graph Larq Compute Engine has a 1-bit kernel, and why not others."""

from typing import Any

import larq as lq

from larq_igp.deploy.errors import ConversionError
from larq_igp.graph import Graph, GraphError, Kernel, read_graph
from larq_igp.graph.bits import FLOAT_BITS, stated_bits


def read_model(model: Any) -> Graph:
    """Read a model's graph.

    Raises:
        ConversionError: if it cannot be read: a layer may hide binary convolutions.
    """
    try:
        return read_graph(model)
    except GraphError as error:
        raise ConversionError(str(error)) from error


def is_lce_convolution(kernel: Kernel) -> bool:
    """Tell whether a kernel is that of a 2-D convolution of signs with signs."""
    is_convolution = isinstance(kernel.owner, lq.layers.QuantConv2D)
    return kernel.is_binary and is_convolution and not _zeros_and_ones(kernel)


def _zeros_and_ones(kernel: Kernel) -> str | None:
    """Return the name of a quantizer whose single bit stands for 0 and 1 in place of signs."""
    for quantizer in (kernel.input_quantizer, kernel.quantizer):
        if isinstance(quantizer, lq.quantizers.SteHeaviside):
            return type(quantizer).__name__
    return None


def lce_convolutions(graph: Graph) -> list[Kernel]:
    """List the binary convolutions of all calls: a layer that is called twice is there twice."""
    return [kernel for call in graph.calls for kernel in call.kernels if is_lce_convolution(kernel)]


def is_quantized(graph: Graph) -> bool:
    """Tell whether any layer multiplies what passed a quantizer."""
    return any(kernel.quantizer or kernel.input_quantizer for kernel in graph.kernels().values())


def why_no_kernel(kernel: Kernel) -> str | None:
    """Say why a quantized kernel cannot run in 1-bit arithmetic; None if it can, or is none."""
    if is_lce_convolution(kernel) or not (kernel.quantizer or kernel.input_quantizer):
        return None
    for operand, quantizer, bits in (
        ("input", kernel.input_quantizer, kernel.input_bits),
        ("kernel", kernel.quantizer, kernel.bits),
    ):
        if bits == 1:
            continue
        width = "full-precision" if bits == FLOAT_BITS else f"{bits}-bit"
        if quantizer is None:
            return f"layer {kernel.name!r} has a {width} {operand}"
        width = width if stated_bits(quantizer) else "of unknown width"
        kind = type(quantizer).__name__
        return f"layer {kernel.name!r} has a {width} {operand}_quantizer ({kind})"
    if zeros_and_ones := _zeros_and_ones(kernel):
        return f"layer {kernel.name!r} quantizes to 0 and 1 ({zeros_and_ones})"
    return f"layer {kernel.name!r} is a binary {type(kernel.owner).__name__}"
