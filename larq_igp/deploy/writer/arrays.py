"""Layers that pool, join, or move values."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from larq_igp.deploy.writer.draft import INT, Draft, Tensor
from larq_igp.deploy.writer.layers import writes
from larq_igp.deploy.writer.shapes import SAME, VALID, slid
from larq_igp.graph import Call
from larq_igp.keras2 import tf

keras = tf.keras.layers
IMAGE_AXES = np.array([1, 2], INT)


def _pool(kind: str):
    def write(draft: Draft, call: Call, inputs: Sequence[Tensor]) -> Tensor:
        layer: Any = call.layer
        x = inputs[0]
        options: dict[str, Any] = {
            "padding": SAME if layer.padding == "same" else VALID,
            "strideH": int(layer.strides[0]),
            "strideW": int(layer.strides[1]),
            "filterHeight": int(layer.pool_size[0]),
            "filterWidth": int(layer.pool_size[1]),
        }
        shape = slid(x.shape, layer.pool_size, options, x.shape[-1])
        return draft.add(kind, [x], shape, name=call.name, **options)

    return write


writes(keras.MaxPooling2D)(_pool("MAX_POOL_2D"))
writes(keras.AveragePooling2D)(_pool("AVERAGE_POOL_2D"))


def _global_pool(kind: str):
    def write(draft: Draft, call: Call, inputs: Sequence[Tensor]) -> Tensor:
        layer: Any = call.layer
        x = inputs[0]
        sides = (1, 1) if layer.keepdims else ()
        shape = (x.shape[0], *sides, x.shape[-1])
        return draft.add(kind, [x, IMAGE_AXES], shape, name=call.name, keepDims=layer.keepdims)

    return write


writes(keras.GlobalAveragePooling2D)(_global_pool("MEAN"))
writes(keras.GlobalMaxPooling2D)(_global_pool("REDUCE_MAX"))


@writes(keras.Flatten, keras.Reshape)
def reshape(draft: Draft, call: Call, inputs: Sequence[Tensor]) -> Tensor:
    """Write another shape of the same values."""
    return draft.reshape(inputs[0], (1, *call.output_shape), call.name)


@writes(keras.Concatenate)
def concatenate(draft: Draft, call: Call, inputs: Sequence[Tensor]) -> Tensor:
    """Write a concatenation of maps along an axis."""
    layer: Any = call.layer
    axis = layer.axis % len(inputs[0].shape)
    shape = list(inputs[0].shape)
    shape[axis] = sum(each.shape[axis] for each in inputs)
    return draft.add("CONCATENATION", inputs, tuple(shape), name=call.name, axis=axis)


@writes(keras.ZeroPadding2D)
def zero_padding(draft: Draft, call: Call, inputs: Sequence[Tensor]) -> Tensor:
    """Write zeros around a map."""
    layer: Any = call.layer
    x = inputs[0]
    pads = np.array([(0, 0), *layer.padding, (0, 0)], INT)
    shape = tuple(int(side + sum(pair)) for side, pair in zip(x.shape, pads, strict=True))
    return draft.add("PAD", [x, pads], shape, name=call.name)


@writes(keras.Permute)
def permute(draft: Draft, call: Call, inputs: Sequence[Tensor]) -> Tensor:
    """Write another order of the axes."""
    layer: Any = call.layer
    return draft.transpose(inputs[0], (0, *layer.dims), call.name)


@writes(keras.UpSampling2D)
def upsampling(draft: Draft, call: Call, inputs: Sequence[Tensor]) -> Tensor:
    """Write a larger map."""
    layer: Any = call.layer
    x = inputs[0]
    sides = np.array([x.shape[1] * layer.size[0], x.shape[2] * layer.size[1]], INT)
    shape = (x.shape[0], *map(int, sides), x.shape[-1])
    kind = {"nearest": "RESIZE_NEAREST_NEIGHBOR", "bilinear": "RESIZE_BILINEAR"}[
        layer.interpolation
    ]
    return draft.add(
        kind, [x, sides], shape, name=call.name, alignCorners=False, halfPixelCenters=True
    )


@writes(keras.Cropping2D)
def cropping(draft: Draft, call: Call, inputs: Sequence[Tensor]) -> Tensor:
    """Write the middle of a map."""
    layer: Any = call.layer
    x = inputs[0]
    (top, bottom), (left, right) = layer.cropping
    begin = np.array([0, top, left, 0], INT)
    end = np.array([1, x.shape[1] - bottom, x.shape[2] - right, x.shape[3]], INT)
    shape = tuple(int(side) for side in end - begin)
    return draft.add(
        "STRIDED_SLICE",
        [x, begin, end, np.ones(4, INT)],
        shape,
        name=call.name,
        beginMask=0,
        endMask=0,
        ellipsisMask=0,
        newAxisMask=0,
        shrinkAxisMask=0,
    )
