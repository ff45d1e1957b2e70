"""Place names next to points so that they cover neither each other nor the points."""

from collections.abc import Sequence
from itertools import product
from typing import Any

from larq_igp.report.palette import GREY

Box = tuple[float, float, float, float]
"""Left, bottom, right and top, in pixels."""
DISTANCES = (4, 9, 14, 20, 28, 38, 50)
"""From a point to its name, in points of print; from the second on a line joins them."""
PASSES = 5
"""Number of passes in which each name is placed again, given the places of the others."""
SIDES = (
    (1, 0), (-1, 0), (1, 1), (1, -1), (-1, 1), (-1, -1), (0, 1), (0, -1), (1, 0.5), (1, -0.5),
    (-1, 0.5), (-1, -0.5),
)  # fmt: skip
"""Of a point: across and up."""


def place_labels(
    figure: Any, ax: Any, points: Sequence[tuple[float, float, str]], size: float
) -> None:
    """Write the name of each point at the nearest place that is free.

    Args:
        figure: whose layout is final but for the names.
        ax: axes of the figure.
        points: ``x, y, name``.
        size: of the letters, in points.
    """
    if not points:
        return
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # names are placed for these axes
    scale, renderer = figure.dpi / 72, figure.canvas.get_renderer()
    dots = [tuple(ax.transData.transform((x, y))) for x, y, _ in points]
    radius = 3.5 * scale
    taken: list[Box] = [(x - radius, y - radius, x + radius, y + radius) for x, y in dots]
    frame = ax.get_window_extent(renderer)
    inside = (frame.x0, frame.y0, frame.x1, frame.y1)
    texts = [
        ax.annotate(
            name, (x, y), xytext=(0, 0), textcoords="offset points", fontsize=size, va="center"
        )
        for x, y, name in points
    ]
    sizes = [text.get_window_extent(renderer) for text in texts]
    order = sorted(range(len(points)), key=lambda i: -_neighbours(dots, i, 60 * scale))
    chosen: dict[int, tuple[float, float, Box]] = {}
    for i in order * PASSES:
        others = [box for k, box in enumerate(taken) if k != i]
        others += [box for k, (*_, box) in chosen.items() if k != i]
        chosen[i] = min(
            (
                _cost(box, others, inside, dots[i])
                + 0.5 * distance * distance * (1 + (side[0] == 0) / 9),
                distance,
                box,
            )
            for distance, side in product(DISTANCES, SIDES)
            for box in [_box(dots[i], side, distance * scale, sizes[i].width, sizes[i].height)]
        )
    for i, (_, distance, place) in chosen.items():
        x, y, _ = points[i]
        middle = (place[1] + place[3]) / 2
        texts[i].set_position(((place[0] - dots[i][0]) / scale, (middle - dots[i][1]) / scale))
        if distance > DISTANCES[0]:
            end = _nearest(place, dots[i])
            line = {"arrowstyle": "-", "color": GREY, "linewidth": 0.5, "shrinkA": 0, "shrinkB": 2}
            ax.annotate(
                "",
                (x, y),
                xytext=((end[0] - dots[i][0]) / scale, (end[1] - dots[i][1]) / scale),
                textcoords="offset points",
                arrowprops=line,
            )


def _neighbours(dots: Sequence[tuple], i: int, near: float) -> int:
    x, y = dots[i]
    return sum(abs(a - x) < near and abs(b - y) < near / 3 for a, b in dots)


def _box(
    dot: tuple, side: tuple[float, float], distance: float, width: float, height: float
) -> Box:
    """Return where a name stands that lies on a side of a dot."""
    across, up = side
    if across and up:
        distance *= 0.75
    left = dot[0] + across * distance - (width if across < 0 else 0 if across else width / 2)
    middle = dot[1] + up * (distance + height / 2)
    return left, middle - height / 2, left + width, middle + height / 2


def _cost(place: Box, taken: Sequence[Box], inside: Box, dot: tuple) -> float:
    """Return how much of a place, and of the line to it, is taken or outside, in pixels."""
    area = (place[2] - place[0] + 1) * (place[3] - place[1] + 1)
    end = _nearest(place, dot)
    line = [
        (dot[0] + (end[0] - dot[0]) * t / 8, dot[1] + (end[1] - dot[1]) * t / 8) for t in range(9)
    ]
    crossed = sum(
        left < x < right and bottom < y < top for left, bottom, right, top in taken for x, y in line
    )
    covered = [overlap for box in taken if (overlap := _overlap(place, box))]
    outside = area - _overlap(place, inside)
    return 2000 * (len(covered) + (outside > 1)) + 10 * (sum(covered) + outside) + 200 * crossed


def _overlap(one: Box, other: Box) -> float:
    width = min(one[2], other[2]) - max(one[0], other[0]) + 1
    height = min(one[3], other[3]) - max(one[1], other[1]) + 1
    return max(0.0, width) * max(0.0, height)


def _nearest(place: Box, dot: tuple) -> tuple[float, float]:
    """Return the point of a place that is nearest to a dot."""
    return (min(max(dot[0], place[0]), place[2]), min(max(dot[1], place[1]), place[3]))
