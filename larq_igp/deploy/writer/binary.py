"""Rules for 1-bit operators: which convolutions become binary, and what is fused into them.

They are Larq Compute Engine's, so that files have the same operators. One rule is stricter: a
pooling with a fused ReLU does not become one of bits, because the ReLU would be lost.
"""

import numpy as np

from larq_igp.deploy.matching import SCALE_TOLERANCE, pack_filters
from larq_igp.deploy.schema import WORD_BITS
from larq_igp.deploy.writer.draft import CLIPPED, INT, Draft, Operator, Tensor
from larq_igp.deploy.writer.shapes import SAME, VALID, pads_as_same

BCONV, QUANTIZE, DEQUANTIZE, BMAXPOOL = (
    "LceBconv2d",
    "LceQuantize",
    "LceDequantize",
    "LceBMaxPool2d",
)
PADS = "PADV2"
ALWAYS, NEVER = np.iinfo(np.int32).min, np.iinfo(np.int32).max
"""Thresholds that every popcount exceeds, and that no popcount exceeds."""
CLAMPS = {0: None, 1: (0, None), 2: (-1, 1), 3: (0, 6)}
"""TensorFlow Lite's numbers of fused activations, and where they clip; None for no limit."""
F = np.float32


def binarize_convolution(draft: Draft, operator: Operator) -> bool:
    """Turn a convolution of signs with filters of one magnitude each into a binary one."""
    if operator.kind != "CONV_2D":
        return False
    signs, options = operator.source, operator.options
    padding, pad_value = options["padding"], 0
    if signs.is_made_by("PADV2") and padding == VALID:
        pad = signs.producer
        assert pad is not None
        if pad.constant(2) != 1 or not pads_as_same(pad, operator):
            return False
        signs, padding, pad_value = pad.source, SAME, 1
    filters = operator.constant(1)
    if not signs.is_made_by(DEQUANTIZE) or filters is None or not has_one_magnitude(filters):
        return False
    if filters.shape[3] != signs.shape[3] and filters.shape[3] % WORD_BITS:
        return False
    assert signs.producer is not None
    scale = np.abs(filters[:, 0, 0, 0])
    result = draft.add(
        BCONV,
        [signs.producer.source, filters < 0, scale, np.zeros_like(scale), None],
        operator.output.shape,
        place=operator.place,
        channels_in=signs.shape[3],
        dilation_height_factor=options["dilationHFactor"],
        dilation_width_factor=options["dilationWFactor"],
        fused_activation_function=0,
        pad_values=pad_value,
        padding=padding,
        stride_height=options["strideH"],
        stride_width=options["strideW"],
    )
    draft.replace(operator.output, result)
    return True


def has_one_magnitude(filters: np.ndarray) -> bool:
    """Tell whether each filter of ``(O, H, W, I)`` has weights of one magnitude that is not 0."""
    scale = filters[:, :1, :1, :1]
    if np.any(np.abs(scale) <= np.finfo(F).eps):
        return False
    return bool(np.all(np.abs(np.abs(filters / scale) - F(1)) <= F(SCALE_TOLERANCE)))


def fuse_arithmetic(draft: Draft, operator: Operator) -> bool:
    """Fold a factor or an offset into multiplier and bias of the preceding binary convolution."""
    if operator.kind not in ("ADD", "SUB", "MUL") or operator.options[CLIPPED]:
        return False
    convolution, constant = operator.source.producer, operator.constant(1)
    if convolution is None or convolution.kind != BCONV or constant is None:
        return False
    multiplier, bias = convolution.constant(2), convolution.constant(3)
    if not draft.is_read_once(operator.source) or bias is None or multiplier is None:
        return False
    if constant.size != 1 and constant.shape != bias.shape:
        return False
    constant = constant.reshape(-1)
    if operator.kind == "MUL":
        draft.set_input(convolution, 2, multiplier * constant)
        draft.set_input(convolution, 3, bias * constant)
    else:
        draft.set_input(
            convolution, 3, bias + constant if operator.kind == "ADD" else bias - constant
        )
    draft.replace(operator.output, convolution.output)
    return True


ACTIVATIONS = {"RELU": 1, "RELU_N1_TO_1": 2, "RELU6": 3}


def fuse_activation(draft: Draft, operator: Operator) -> bool:
    """Fold a ReLU into the preceding binary convolution, which clips its sums."""
    convolution = operator.source.producer
    if operator.kind not in ACTIVATIONS or convolution is None or convolution.kind != BCONV:
        return False
    options, multiplier, bias = (
        convolution.options,
        convolution.constant(2),
        convolution.constant(3),
    )
    if multiplier is None or np.any(multiplier != 1) or bias is None or np.any(bias != 0):
        return False
    if options["fused_activation_function"] or _pads_zeros(convolution):
        return False
    if not draft.is_read_once(operator.source):
        return False
    options["fused_activation_function"] = ACTIVATIONS[operator.kind]
    draft.replace(operator.output, convolution.output)
    return True


def _pads_zeros(convolution: Operator) -> bool:
    return convolution.options["padding"] == SAME and not convolution.options["pad_values"]


def quantize_before_pooling(draft: Draft, operator: Operator) -> bool:
    """Pool bits instead of floats if only their signs are used afterwards."""
    pool = operator.source.producer
    if operator.kind != QUANTIZE or pool is None or pool.kind != "MAX_POOL_2D":
        return False
    if not draft.is_read_once(operator.source) or pool.options[CLIPPED]:
        return False
    options = pool.options
    words = operator.output.shape[-1]
    bits = _quantized(draft, pool.source, operator.place)
    pooled = draft.add(
        BMAXPOOL,
        [bits],
        operator.output.shape,
        dtype=INT,
        place=operator.place,
        padding=options["padding"],
        stride_width=options["strideW"],
        stride_height=options["strideH"],
        filter_width=options["filterWidth"],
        filter_height=options["filterHeight"],
    )
    assert words == bits.shape[-1]
    draft.replace(operator.output, pooled)
    return True


def _quantized(draft: Draft, x: Tensor, place: int) -> Tensor:
    found = (reader.output for reader in x.readers if reader.kind == QUANTIZE)
    words = (*x.shape[:-1], -(-x.shape[-1] // WORD_BITS))
    return next(found, None) or draft.add(QUANTIZE, [x], words, dtype=INT, name=x.name, place=place)


def write_bits(draft: Draft, operator: Operator) -> bool:
    """Let a binary convolution write the signs of its results, by thresholds."""
    convolution = operator.source.producer
    if operator.kind != QUANTIZE or convolution is None or convolution.kind != BCONV:
        return False
    if not draft.is_read_once(operator.source) or _pads_zeros(convolution):
        return False
    multiplier, bias = convolution.constant(2), convolution.constant(3)
    filters = convolution.constant(1)
    assert multiplier is not None and bias is not None and filters is not None
    clip = CLAMPS[convolution.options["fused_activation_function"]]
    result = draft.add(
        BCONV,
        [
            convolution.source,
            filters ^ (multiplier < 0).reshape(-1, 1, 1, 1),
            None,
            None,
            thresholds(filters[0].size, multiplier, bias, clip),
        ],
        operator.output.shape,
        dtype=INT,
        place=convolution.place,
        **convolution.options,
    )
    draft.replace(operator.output, result)
    return True


def thresholds(
    products: int,
    multiplier: np.ndarray,
    bias: np.ndarray,
    clip: tuple[int | None, int | None] | None,
) -> np.ndarray:
    """Return the thresholds, int32 ``(O,)``: a popcount above its threshold makes the result
    negative.

    A popcount ``p`` means the sum ``K - 2 p`` and the result ``m * clip(K - 2 p) + b``. With
    ``m > 0`` this is negative where ``p > (b / m + K) / 2``. Filters with ``m < 0`` are negated,
    and ``-m`` replaces ``m``.

    Args:
        products: ``K``.
        multiplier: ``m``, ``(O,)``.
        bias: ``b``, ``(O,)``.
        clip: lowest and highest sum; None for no limit.
    """
    low, high = (-products, products) if clip is None else clip
    bounds = np.array([low, products if high is None else high], F)
    factor = np.abs(multiplier)
    limits = np.where(multiplier[:, None] > 0, bounds, -bounds[::-1])
    ends = limits * factor[:, None] + bias[:, None]
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        exact = np.floor(0.5 * (bias / factor + F(products)).astype(np.float64))
    found = np.where(np.isfinite(exact), exact, 0).clip(ALWAYS, NEVER).astype(np.int64)
    found = np.where((ends >= 0).all(axis=1), NEVER, found)
    found = np.where((ends < 0).all(axis=1), ALWAYS, found)
    found = np.where(multiplier == 0, np.where(bias < 0, ALWAYS, NEVER), found)
    return found.astype(np.int32)


def pack_weights(draft: Draft) -> None:
    """Pack the weights of all binary convolutions, and remove unused float copies of bits."""
    for operator in draft.operators:
        if operator.kind == BCONV:
            negative = operator.constant(1)
            assert negative is not None
            draft.set_input(operator, 1, pack_filters(negative))


RULES = (
    binarize_convolution,
    fuse_arithmetic,
    fuse_activation,
    quantize_before_pooling,
    write_bits,
)
