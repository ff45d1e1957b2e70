"""Write quantizers as operators."""

from collections.abc import Callable
from typing import Any

import larq as lq

from larq_igp.deploy.errors import UnwritableError
from larq_igp.deploy.lce_kernels import is_sign
from larq_igp.deploy.schema import WORD_BITS
from larq_igp.deploy.writer.draft import INT, Draft, Tensor


def write_sign(draft: Draft, x: Tensor, name: str) -> Tensor:
    """Write the sign of a tensor as packed bits and as floats; all readers of a tensor share it."""
    for reader in x.readers:
        if reader.kind == "LceQuantize":
            packed = reader.output
            break
    else:
        words = (*x.shape[:-1], -(-x.shape[-1] // WORD_BITS))
        packed = draft.add("LceQuantize", [x], words, dtype=INT, name=name)
    for reader in packed.readers:
        if reader.kind == "LceDequantize":
            return reader.output
    return draft.add("LceDequantize", [packed], x.shape, name=name)


def write_quantizer(draft: Draft, quantizer: Any, x: Tensor, name: str) -> Tensor:
    """Write the quantizer of a layer's input.

    Raises:
        UnwritableError: naming the layer, if the quantizer is not known.
    """
    if quantizer is None or isinstance(quantizer, lq.quantizers.NoOp):
        return x
    if is_sign(quantizer):
        return write_sign(draft, x, name)
    raise UnwritableError(
        f"layer {name!r} quantizes with {_name(quantizer)}, which is not the sign."
    )


def _name(quantizer: Callable) -> str:
    return getattr(quantizer, "__name__", type(quantizer).__name__)
