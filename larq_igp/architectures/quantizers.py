"""Which quantizers a recipe can name. No TensorFlow: ``larq_igp.models.layers`` makes them."""

from larq_igp.architectures.checks import SpecError

INPUT_QUANTIZERS: dict[int, tuple[str, ...]] = {
    1: ("ste_sign", "approx_sign", "swish_sign"),
    2: ("dorefa",),
    32: (),
}
"""By bits, the first being the default.

All of one bit are a sign going forward, and Larq Compute Engine runs them in 1-bit arithmetic.
"""

KERNEL_QUANTIZERS: dict[int, tuple[str, ...]] = {
    1: ("ste_sign", "approx_sign", "swish_sign", "magnitude_aware_sign", "float"),
    2: ("dorefa", "float"),
    32: (),
}
"""The same for weights. ``float`` leaves them in full precision, as in the first of two stages;
they do not convert to 1 bit.
"""


def check_quantizers(bits: int, input_quantizer: str | None, kernel_quantizer: str | None) -> None:
    """Refuse a quantizer that networks of this width do not have.

    Raises:
        SpecError: naming the field and what is allowed.
    """
    if bits not in INPUT_QUANTIZERS:
        raise SpecError(f"bits must be 1, 2 or 32; got {bits}.")
    fields = {
        "input_quantizer": (input_quantizer, INPUT_QUANTIZERS),
        "kernel_quantizer": (kernel_quantizer, KERNEL_QUANTIZERS),
    }
    for field, (name, known) in fields.items():
        if name is None or name in known[bits]:
            continue
        if not known[bits]:
            raise SpecError(f"a {bits}-bit network has no quantizers: leave {field} out.")
        others = [f"{width} bits" for width, names in known.items() if name in names]
        hint = f" ({name} is for {others[0]})" if others else ""
        raise SpecError(
            f"{field} at {bits} bit must be one of {', '.join(known[bits])}; got {name!r}{hint}."
        )
