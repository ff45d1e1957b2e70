"""Mixed precision: arithmetic in 16 bits, weights in 32."""

from collections.abc import Iterator
from contextlib import contextmanager

from larq_igp.keras2 import tf


@contextmanager
def computing_in(precision: str) -> Iterator[None]:
    """Build layers that compute in ``float32``, ``mixed_float16`` or ``mixed_bfloat16``; the policy
    that was set before comes back.
    """
    before = tf.keras.mixed_precision.global_policy()
    tf.keras.mixed_precision.set_global_policy(precision)
    try:
        yield
    finally:
        tf.keras.mixed_precision.set_global_policy(before)
