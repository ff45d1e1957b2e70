"""Widths of the transitions between the stages of a DenseNet.

The widths of a named network belong to its own growth rate, blocks and stem. Where these are
replaced and neither ``transition_filters`` nor ``reduction`` is given, each transition lets the
same share of its channels pass as in the named network: ``round(share * channels)``. This holds for
names, builders, the command line and ``design`` alike (``replace_parameters`` in ``zoo.py``).
"""

from collections.abc import Sequence

WIDTHS = ("transition_filters", "reduction")
"""The parameters that say the widths: channels after each transition, or the rates that give them.
"""


HALF = 0.5
"""The share of a transition that no other is there for, as in DenseNet (arXiv 1608.06993)."""


def filters_by_share(
    stem_filters: int, growths: Sequence[int], shares: Sequence[float]
) -> tuple[int, ...]:
    """Return the channels after each transition for given shares.

    Args:
        stem_filters: channels that enter the first stage.
        growths: channels that each stage before a transition appends.
        shares: of the channels that pass, for each transition; the last holds for those beyond.

    Returns:
        One width for each of ``growths``, at least 1.
    """
    filters, widths = stem_filters, []
    for transition, growth in enumerate(growths):
        share = shares[min(transition, len(shares) - 1)] if shares else HALF
        filters = max(1, round(share * (filters + growth)))
        widths.append(filters)
    return tuple(widths)


def reduced_filters(filters: int, reduction: float, multiple: int = 32) -> int:
    """Round ``filters / reduction`` to a multiple, the rule published with BinaryDenseNet (arXiv
    1906.08637).

    Args:
        filters: channels that enter the transition.
        reduction: the rate, above 1 for fewer channels.
        multiple: what the result is a multiple of.

    Returns:
        Channels that leave the transition, at least ``multiple``.
    """
    return max(multiple, round(filters // reduction / multiple) * multiple)


def filters_by_reduction(
    stem_filters: int, growths: Sequence[int], reduction: Sequence[float]
) -> tuple[int, ...]:
    """Return the channels after each transition for given reduction rates.

    Args:
        stem_filters: channels that enter the first stage.
        growths: channels that each stage before a transition appends.
        reduction: the rate of each transition.
    """
    filters, widths = stem_filters, []
    for growth, rate in zip(growths, reduction, strict=True):
        filters = reduced_filters(filters + growth, rate)
        widths.append(filters)
    return tuple(widths)
