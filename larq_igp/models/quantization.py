"""How the convolutions between stem and head are quantized."""

from dataclasses import dataclass
from typing import Any

import larq as lq

from larq_igp.architectures.checks import SpecError
from larq_igp.architectures.options import default_pad_values
from larq_igp.keras2 import tf

CLIP_VALUE = 1.0
"""Latent weights are clipped to [-1, 1], where the straight-through estimator of ``ste_sign``
passes gradients.
"""
NO_QUANTIZER = "float"


@dataclass(frozen=True, kw_only=True)
class Quantization:
    """How the convolutions between stem and head are quantized: "width b" of the paper's Table 1.

    Attributes:
        bits: 1 (sign, forward ``+1 if x >= 0 else -1``, so ``sign(0) = +1``), 2 (DoReFa, arXiv
            1606.06160), or 32 (no quantizer, ReLU where the sign stood).
        pad_values: what stands outside the image for ``same`` padding. None is 1 at 1 bit (+1 is
            representable, and what Larq Compute Engine runs exactly and fast) and 0 otherwise.
        input_quantizer: any of Larq's, by name or instance, ``float`` for none; None is the one of
            ``bits``.
        kernel_quantizer: the same for the kernels.
        kernel_constraint: on the latent weights; None clips them to ``[-weight_clip, weight_clip]``
            wherever a quantizer stands.
        clip_value: where ``ste_sign`` and ``magnitude_aware_sign`` stop to pass gradients, for
            quantizers given by name or by ``bits``.
        weight_clip: see ``kernel_constraint``.
    """

    bits: int = 1
    pad_values: float | None = None
    input_quantizer: Any = None
    kernel_quantizer: Any = None
    kernel_constraint: Any = None
    clip_value: float = CLIP_VALUE
    weight_clip: float = CLIP_VALUE

    def __post_init__(self) -> None:
        """Check the fields.

        Raises:
            SpecError: if ``bits`` or ``pad_values`` is not allowed, or quantizers are given for a
                full-precision network.
        """
        if self.bits not in (1, 2, 32):
            raise SpecError(f"bits must be 1, 2 or 32; got {self.bits!r}.")
        if self.pad_values not in (None, 0, 1):
            raise SpecError(f"pad_values must be 0 or 1; got {self.pad_values!r}.")
        if self.bits == 32 and (self.input_quantizer or self.kernel_quantizer):
            raise SpecError(
                "a 32-bit network has no quantizers: leave input_quantizer and kernel_quantizer "
                "out."
            )

    def layer_options(self) -> dict[str, Any]:
        """Return fresh keyword arguments for one ``QuantConv2D``:

        quantizers hold state, so no two layers share them.
        """
        defaults: dict[int, tuple] = {
            1: ("ste_sign", "ste_sign"),
            2: (lq.quantizers.DoReFa(2, "activations"), lq.quantizers.DoReFa(2, "weights")),
            32: (NO_QUANTIZER, NO_QUANTIZER),
        }
        input_default, kernel_default = defaults[self.bits]
        kernel_quantizer = self._fresh(
            self._named(self.kernel_quantizer, "weights") or kernel_default
        )
        constraint = self.kernel_constraint
        if constraint is None and kernel_quantizer is not None:
            constraint = lq.constraints.WeightClip(self.weight_clip)
        pad_values = default_pad_values(self.bits) if self.pad_values is None else self.pad_values
        return {
            "input_quantizer": self._fresh(
                self._named(self.input_quantizer, "activations") or input_default
            ),
            "kernel_quantizer": kernel_quantizer,
            "kernel_constraint": constraint,
            "pad_values": float(pad_values),
        }

    def _named(self, quantizer: Any, mode: str) -> Any:
        """Return DoReFa, the one quantizer that is not the same for activations and weights, for
        its name.
        """
        return lq.quantizers.DoReFa(self.bits, mode) if quantizer == "dorefa" else quantizer

    def _fresh(self, quantizer: Any) -> Any:
        """Return a new quantizer of the same kind; names are resolved by Larq."""
        if quantizer == NO_QUANTIZER:
            return None
        if isinstance(quantizer, tf.keras.layers.Layer):
            return type(quantizer).from_config(quantizer.get_config())
        clipped = {
            "ste_sign": lq.quantizers.SteSign,
            "magnitude_aware_sign": lq.quantizers.MagnitudeAwareSign,
        }
        if quantizer in clipped:
            return clipped[quantizer](self.clip_value)
        return lq.quantizers.get(quantizer)
