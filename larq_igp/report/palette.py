"""One colour and one marker for each family, in every chart: on the page, for print, in evidence.

The colours are those of Okabe and Ito (jfly.uni-koeln.de/color), which people with colour blindness
tell apart; all can be seen on white and on a dark page.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from larq_igp.architectures import ZOO

INK, PAPER, GREY = "#1c2733", "#ffffff", "#8a9199"
"""Of lines and letters, of what is behind them, and of what stands back; the page has others for
the first two.
"""
ON_DEEP = "#fffffe"
"""Of letters on a deep shade, on the page too."""
ACCENT = "#0072b2"
"""Of a matrix, and of what is full precision."""


@dataclass(frozen=True)
class Look:
    """Colour and marker of a network."""

    colour: str
    marker: str


FAMILIES = {
    "resnet": Look("#77808a", "o"),
    "bireal_resnet": Look("#0072b2", "s"),
    "ebireal_resnet": Look("#56b4e9", "D"),
    "igp_resnet": Look("#d55e00", "^"),
    "binary_densenet": Look("#009e73", "v"),
    "ebinary_densenet": Look("#cc79a7", "P"),
    "igp_densenet": Look("#e69f00", "X"),
}
OTHERS = (Look("#8a6fd1", "<"), Look("#b5651d", ">"), Look("#c2456b", "p"), Look("#3f8f8f", "h"))
"""Looks of families of users, in the order in which they were registered, and of other networks."""


def look_of(family: str) -> Look:
    """Return the look of a family of the paper or of a user."""
    if family in FAMILIES:
        return FAMILIES[family]
    own = [name for name in dict.fromkeys(s.family for s in ZOO.values()) if name not in FAMILIES]
    return OTHERS[(own.index(family) if family in own else len(own)) % len(OTHERS)]


def looks_of(families: Sequence[str]) -> list[Look]:
    """Return a look for each network of a chart: those of one family have shades of its colour."""
    looks = []
    for place, family in enumerate(families):
        look, several = look_of(family), families.count(family)
        shade = families[:place].count(family) / max(1, several - 1)
        looks.append(Look(mixed(look.colour, PAPER, 0.55 * shade), look.marker))
    return looks


def mixed(colour: str, other: str, share: float) -> str:
    """Return a colour with a share of another."""
    pairs = zip(_channels(colour), _channels(other), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in pairs)


def _channels(colour: str) -> tuple[int, ...]:
    return tuple(int(colour[place : place + 2], 16) for place in (1, 3, 5))
