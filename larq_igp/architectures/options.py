"""What ``larq_igp.build`` takes besides a network: stem, padding, shape of the input."""

from typing import Any, Literal, cast

from larq_igp.architectures.checks import is_count, require

SMALL_IMAGE_SIDE = 64
"""Largest side in pixels for which the stem ``auto`` takes the small-image form."""
MIN_IMAGE_SIDE = 28
"""Smallest side in pixels that the networks are defined for (28 -> 14 -> 7 -> 4 with the
small-image stem).
"""
MOST_VALUES = 2**24
"""Of an image: 4096 x 4096 pixels of one channel."""
STEMS = ("imagenet", "small", "strided")


def choose_stem(stem: str, height: int, width: int) -> Literal["imagenet", "small", "strided"]:
    """Resolve the stem: ``auto`` is ``small`` for images up to 64 px on their longer side, and
    ``imagenet`` above.

    Raises:
        SpecError: if ``stem`` is neither ``auto`` nor one of ``STEMS``.
    """
    require(
        stem in ("auto", *STEMS), f"stem must be auto, imagenet, small or strided; got {stem!r}."
    )
    if stem == "auto":
        return "small" if max(height, width) <= SMALL_IMAGE_SIDE else "imagenet"
    return cast(Literal["imagenet", "small", "strided"], stem)


def default_pad_values(bits: int) -> int:
    """Return the default padding: 1 at 1 bit, where there is no 0, and 0 otherwise."""
    return 1 if bits == 1 else 0


def check_input_shape(input_shape: Any, *, smallest: int = MIN_IMAGE_SIDE) -> tuple[int, int, int]:
    """Return ``(H, W, C)`` as integers.

    Raises:
        SpecError: if it is not three positive integers, or a side is shorter than
            ``smallest`` px.
    """
    is_valid = (
        isinstance(input_shape, (tuple, list))
        and len(input_shape) == 3
        and all(is_count(n) for n in input_shape)
    )
    require(
        is_valid,
        f"input_shape must be (height, width, channels) in positive integers; got {input_shape!r}.",
    )
    height, width, channels = input_shape
    require(
        min(height, width) >= smallest,
        f"images must be at least {smallest} px on each side; got {height}x{width}.",
    )
    require(
        height * width * channels <= MOST_VALUES,
        f"images must have at most {MOST_VALUES:,} values; got {height}x{width}x{channels}.",
    )
    return height, width, channels
