"""Rules for float operators: what is fused into a convolution, a sum or a pooling.

They are TensorFlow Lite's, so that files have the same operators.
"""

import numpy as np

from larq_igp.deploy.writer.draft import CAN_CLIP, CLIPPED, Draft, Operator
from larq_igp.deploy.writer.shapes import SAME, VALID, pads_as_same

CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
ACTIVATIONS = {"RELU": 1, "RELU_N1_TO_1": 2, "RELU6": 3}


def fuse_arithmetic(draft: Draft, operator: Operator) -> bool:
    """Fold a factor or an offset for each channel into the preceding weights and bias."""
    if operator.kind not in ("ADD", "SUB", "MUL"):
        return False
    convolution, constant = operator.source.producer, operator.constant(1)
    if convolution is None or convolution.kind not in CONVOLUTIONS or constant is None:
        return False
    if not draft.is_read_once(operator.source) or convolution.options[CLIPPED]:
        return False
    weights, bias = convolution.constant(1), convolution.constant(2)
    channels = operator.source.shape[-1]
    if weights is None or constant.shape not in ((), (1,), (channels,)):
        return False
    constant = constant.reshape(-1)
    if operator.kind == "MUL":
        is_last = convolution.kind == "DEPTHWISE_CONV_2D"
        factor = constant if is_last else constant.reshape(-1, *[1] * (weights.ndim - 1))
        draft.set_input(convolution, 1, weights * factor)
        if bias is not None:
            draft.set_input(convolution, 2, bias * constant)
    else:
        if bias is None:
            bias = np.zeros(channels, np.float32)
        total = bias + constant if operator.kind == "ADD" else bias - constant
        draft.set_input(convolution, 2, total)
    convolution.options[CLIPPED] = operator.options[CLIPPED]
    draft.replace(operator.output, convolution.output)
    return True


def fuse_activation(draft: Draft, operator: Operator) -> bool:
    """Let the preceding operator clip its result."""
    producer = operator.source.producer
    if operator.kind not in ACTIVATIONS or producer is None:
        return False
    if producer.kind not in CAN_CLIP or not draft.is_read_once(operator.source):
        return False
    if producer.options[CLIPPED]:
        return False
    producer.options[CLIPPED] = ACTIVATIONS[operator.kind]
    draft.replace(operator.output, producer.output)
    return True


def fuse_padding(draft: Draft, operator: Operator) -> bool:
    """Let a convolution pad with SAME if its input was padded with the same zeros."""
    if operator.kind not in CONVOLUTIONS[:2] or operator.options["padding"] != VALID:
        return False
    pad = operator.source.producer
    if pad is None or pad.kind not in ("PAD", "PADV2"):
        return False
    value = pad.constant(2)
    if (value is not None and value != 0) or not draft.is_read_once(operator.source):
        return False
    if not pads_as_same(pad, operator):
        return False
    operator.options["padding"] = SAME
    draft.set_input(operator, 0, pad.source)
    draft.remove_unread(pad.output)
    return True


def fuse_scalar_before(draft: Draft, operator: Operator) -> bool:
    """Fold a factor or an offset that all values share into the following weights and bias."""
    arithmetic = operator.source.producer
    if operator.kind not in CONVOLUTIONS or arithmetic is None:
        return False
    constant, weights = arithmetic.constant(1), operator.constant(1)
    if arithmetic.kind not in ("ADD", "SUB", "MUL") or constant is None or constant.size != 1:
        return False
    if arithmetic.options[CLIPPED] or weights is None:
        return False
    value = constant.reshape(())
    if arithmetic.kind == "MUL":
        draft.set_input(operator, 1, weights * value)
    elif operator.kind == "CONV_2D" and operator.options["padding"] == VALID:
        bias = operator.constant(2)
        assert bias is not None
        value = value if arithmetic.kind == "ADD" else -value
        terms = np.concatenate([bias[:, None], (weights * value).reshape(len(bias), -1)], axis=1)
        draft.set_input(operator, 2, np.cumsum(terms, axis=1, dtype=np.float32)[:, -1].copy())
    else:
        return False
    draft.set_input(operator, 0, arithmetic.source)
    draft.remove_unread(arithmetic.output)
    return True


def drop_identity(draft: Draft, operator: Operator) -> bool:
    """Remove a factor of 1, an offset of 0, and a reshape to the same shape."""
    constant = operator.constant(1)
    if constant is None or operator.source.shape != operator.output.shape:
        return False
    if operator.options.get(CLIPPED):
        return False
    is_identity = operator.kind == "RESHAPE"
    is_identity |= operator.kind == "MUL" and bool(np.all(constant == 1))
    is_identity |= operator.kind in ("ADD", "SUB") and not np.any(constant)
    if not is_identity:
        return False
    draft.replace(operator.output, operator.source)
    return True


def drop_zero_bias(draft: Draft, operator: Operator) -> bool:
    """Remove a bias of zeros from a matrix product."""
    bias = operator.constant(2)
    if operator.kind != "FULLY_CONNECTED" or bias is None or bias.any():
        return False
    operator.inputs[2] = None
    return True


def drop_reshape(draft: Draft, operator: Operator) -> bool:
    """Remove a reshape before an operator that does not need it."""
    for operand, tensor in enumerate(operator.inputs):
        if tensor is None or not tensor.is_made_by("RESHAPE"):
            continue
        assert tensor.producer is not None
        whole = tensor.producer.source
        if _reads_alike(operator, tensor.shape, whole.shape):
            draft.set_input(operator, operand, whole)
            draft.remove_unread(tensor)
            return True
    return False


def compute_before_reshape(draft: Draft, operator: Operator) -> bool:
    """Move arithmetic with channels before a reshape, nearer to a convolution."""
    reshape, constant = operator.source.producer, operator.constant(1)
    if operator.kind not in ("ADD", "SUB", "MUL") or reshape is None or constant is None:
        return False
    before, channels = reshape.source, operator.output.shape[-1:]
    is_alike = before.shape[-1:] == channels and constant.shape in ((), channels)
    if reshape.kind != "RESHAPE" or not is_alike or not draft.is_read_once(operator.source):
        return False
    draft.place = operator.place
    result = draft.add(operator.kind, [before, constant], before.shape, **operator.options)
    result.name = operator.output.name
    draft.replace(operator.output, draft.reshape(result, operator.output.shape, result.name))
    return True


def _reads_alike(operator: Operator, shape: tuple[int, ...], before: tuple[int, ...]) -> bool:
    """Tell whether an operator computes the same from a tensor in its previous shape."""
    if operator.kind == "RESHAPE":
        return True
    if operator.kind == "FULLY_CONNECTED":
        return before[-1] == shape[-1] and not operator.options["keepNumDims"]
    if operator.kind in ("ADD", "SUB", "MUL") and operator.constant(1) is None:
        rank, is_short = len(operator.output.shape), len(before) < len(shape)
        return is_short and (1,) * (len(shape) - len(before)) + before == shape and rank > 1
    return False


LATE_RULES = (fuse_scalar_before,)
"""Rules that run after the others, so that the factor that all values share is rounded last."""
RULES = (
    drop_identity,
    fuse_arithmetic,
    fuse_activation,
    fuse_padding,
    drop_zero_bias,
    drop_reshape,
    compute_before_reshape,
)
