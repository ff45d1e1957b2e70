"""Write layers with kernels."""

from collections.abc import Sequence
from typing import Any

import larq as lq
import numpy as np

from larq_igp.deploy.errors import UnwritableError
from larq_igp.deploy.writer.activations import write_activation
from larq_igp.deploy.writer.draft import INT, Draft, Tensor
from larq_igp.deploy.writer.layers import writes
from larq_igp.deploy.writer.quantizers import write_quantizer
from larq_igp.deploy.writer.shapes import SAME, VALID, padded_same, slid
from larq_igp.graph import Call
from larq_igp.keras2 import tf

keras = tf.keras.layers


def _read(draft: Draft, call: Call, x: Tensor) -> Tensor:
    """Write the quantizer of the layer's input."""
    return write_quantizer(draft, getattr(call.layer, "input_quantizer", None), x, call.name)


def _finish(draft: Draft, call: Call, x: Tensor) -> Tensor:
    """Write bias and activation."""
    layer: Any = call.layer
    if layer.use_bias:
        x = draft.add("ADD", [x, layer.bias.numpy()], x.shape, name=call.name)
    return write_activation(draft, layer.activation, x, call.name)


def _pad(draft: Draft, call: Call, x: Tensor) -> tuple[Tensor, int]:
    """Write padding with values other than 0; return the tensor to convolve and the padding left to
    do.
    """
    layer: Any = call.layer
    if layer.padding == "valid":
        return x, VALID
    value = float(getattr(layer, "pad_values", 0.0))
    if value == 0:
        return x, SAME
    pads = padded_same(x.shape, layer.kernel_size, layer.strides, layer.dilation_rate)
    shape = tuple(side + sum(pair) for side, pair in zip(x.shape, pads, strict=True))
    operands: list[Tensor | np.ndarray | None] = [
        x,
        np.array(pads, INT),
        np.full((), value, np.float32),
    ]
    return draft.add("PADV2", operands, shape, name=call.name), VALID


def _geometry(layer: Any, padding: int) -> dict[str, Any]:
    return {
        "padding": padding,
        "strideH": int(layer.strides[0]),
        "strideW": int(layer.strides[1]),
        "dilationHFactor": int(layer.dilation_rate[0]),
        "dilationWFactor": int(layer.dilation_rate[1]),
    }


def _convolve(
    draft: Draft, x: Tensor, kernel: np.ndarray, options: dict[str, Any], name: str
) -> Tensor:
    """Write a convolution with a kernel ``(H, W, I, O)``."""
    filters = np.ascontiguousarray(np.moveaxis(kernel, -1, 0))
    shape = slid(x.shape, kernel.shape[:2], options, len(filters))
    bias = np.zeros(len(filters), np.float32)
    return draft.add("CONV_2D", [x, filters, bias], shape, name=name, **options)


def _convolve_depthwise(
    draft: Draft, x: Tensor, kernel: np.ndarray, options: dict[str, Any], name: str
) -> Tensor:
    """Write a depthwise convolution with kernels ``(H, W, C, M)``."""
    filters = kernel.reshape(1, *kernel.shape[:2], -1)
    shape = slid(x.shape, kernel.shape[:2], options, filters.shape[-1])
    bias = np.zeros(filters.shape[-1], np.float32)
    return draft.add(
        "DEPTHWISE_CONV_2D",
        [x, filters, bias],
        shape,
        name=name,
        depthMultiplier=kernel.shape[-1],
        **options,
    )


@writes(keras.Conv2D, lq.layers.QuantConv2D)
def conv2d(draft: Draft, call: Call, inputs: Sequence[Tensor]) -> Tensor:
    """Write a convolution."""
    x, padding = _pad(draft, call, _read(draft, call, inputs[0]))
    (kernel,) = call.kernels
    x = _convolve(draft, x, kernel.quantized(), _geometry(call.layer, padding), call.name)
    return _finish(draft, call, x)


@writes(keras.Conv1D, lq.layers.QuantConv1D)
def conv1d(draft: Draft, call: Call, inputs: Sequence[Tensor]) -> Tensor:
    """Write a convolution of a row ``(N, W, C)`` as that of a map of height 1."""
    layer: Any = call.layer
    if layer.padding not in ("valid", "same") or getattr(layer, "pad_values", 0.0) != 0:
        raise UnwritableError(
            f"layer {call.name!r} pads in a way that a .tflite cannot in one dimension: use "
            "padding 'valid', or 'same' with zeros."
        )
    x = _read(draft, call, inputs[0])
    x = draft.reshape(x, (1, *x.shape), call.name)
    (kernel,) = call.kernels
    options = {
        "padding": SAME if layer.padding == "same" else VALID,
        "strideH": 1,
        "strideW": int(layer.strides[0]),
        "dilationHFactor": 1,
        "dilationWFactor": int(layer.dilation_rate[0]),
    }
    x = _convolve(draft, x, kernel.quantized()[np.newaxis], options, call.name)
    return _finish(draft, call, draft.reshape(x, x.shape[1:], call.name))


@writes(keras.DepthwiseConv2D, lq.layers.QuantDepthwiseConv2D)
def depthwise_conv2d(draft: Draft, call: Call, inputs: Sequence[Tensor]) -> Tensor:
    """Write a depthwise convolution."""
    x, padding = _pad(draft, call, _read(draft, call, inputs[0]))
    (kernel,) = call.kernels
    options = _geometry(call.layer, padding)
    x = _convolve_depthwise(draft, x, kernel.quantized(), options, call.name)
    return _finish(draft, call, x)


@writes(keras.SeparableConv2D, lq.layers.QuantSeparableConv2D)
def separable_conv2d(draft: Draft, call: Call, inputs: Sequence[Tensor]) -> Tensor:
    """Write a depthwise convolution, and a 1x1 convolution that mixes the channels."""
    x, padding = _pad(draft, call, _read(draft, call, inputs[0]))
    depthwise, pointwise = (kernel.quantized() for kernel in call.kernels)
    options = _geometry(call.layer, padding)
    x = _convolve_depthwise(draft, x, depthwise, options, call.name)
    steps = dict.fromkeys(("strideH", "strideW", "dilationHFactor", "dilationWFactor"), 1)
    x = _convolve(draft, x, pointwise, options | steps | {"padding": VALID}, call.name)
    return _finish(draft, call, x)


@writes(keras.Dense, lq.layers.QuantDense)
def dense(draft: Draft, call: Call, inputs: Sequence[Tensor]) -> Tensor:
    """Write a matrix product with the last axis."""
    x = _read(draft, call, inputs[0])
    (kernel,) = call.kernels
    weights = np.ascontiguousarray(kernel.quantized().T)
    x = draft.add(
        "FULLY_CONNECTED",
        [x, weights, None],
        (*x.shape[:-1], len(weights)),
        name=call.name,
        keepNumDims=len(x.shape) > 2,
    )
    return _finish(draft, call, x)
