"""How many bits a tensor has, by the quantizer that it passed."""

from typing import Any

FLOAT_BITS = 32


def stated_bits(quantizer: Any) -> int | None:
    """Return the bits of a quantizer's output; None without a quantizer, or if it does not say.

    Larq's contract is an attribute ``precision``.
    """
    bits = getattr(quantizer, "precision", None)
    return bits if isinstance(bits, int) else None


def bits_after(quantizer: Any) -> int:
    """Return the bits of a quantizer's output; without a stated width, 32."""
    return stated_bits(quantizer) or FLOAT_BITS


def output_quantizer(layer: Any) -> Any:
    """Return the quantizer that a layer's output comes from: the layer itself, its activation, or
    the function of a ``Lambda``; None if it is none of these.
    """
    candidates = (layer, getattr(layer, "activation", None), getattr(layer, "function", None))
    return next((each for each in candidates if stated_bits(each)), None)
