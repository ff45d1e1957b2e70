"""Charts as data: ``draw.py`` draws the same ones on the page and for print."""

from collections.abc import Sequence
from dataclasses import dataclass

from larq_igp.report.palette import Look


@dataclass(frozen=True, kw_only=True)
class Chart:
    """What all charts have.

    Attributes:
        name: of its files and its place in the page.
        title: above it on the page; never within the picture.
        note: a sentence below it on the page.
    """

    name: str
    title: str
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Series:
    """One series of a plot.

    Attributes:
        name: in the legend; empty for none.
        x, y: its points.
        look: colour and marker.
        style: ``points``, ``line``, ``dashed``, or ``front`` (a dotted step line).
        labels: names next to each point; none if empty.
        spread: above and below each point: bars of points, a band of lines; none if empty.
    """

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    look: Look
    style: str = "points"
    labels: tuple[str, ...] = ()
    spread: tuple[float, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Plot(Chart):
    """Points and lines.

    Attributes:
        x_label, y_label: with units.
        series: what is drawn.
        has_log: whether the page has a switch to a logarithmic scale of ``y``.
    """

    x_label: str
    y_label: str
    series: tuple[Series, ...]
    has_log: bool = False


@dataclass(frozen=True, kw_only=True)
class Bars(Chart):
    """Horizontal bars, from top to bottom.

    Attributes:
        x_label: with unit.
        names: of the bars.
        values: of each.
        groups: of each; the legend has them.
        colours: of the groups.
    """

    x_label: str
    names: tuple[str, ...]
    values: tuple[float, ...]
    groups: tuple[str, ...]
    colours: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Matrix(Chart):
    """A heat map.

    Attributes:
        x_label, y_label: of columns and rows.
        columns, rows: their names; empty where they are too many to read.
        shades: of each cell, from 0 to 1.
        texts: in each cell; empty where they are too many to read.
        beside: text to the right of each row; ``beside_label`` says what it is.
        is_square: whether rows and columns are the same things.
    """

    x_label: str
    y_label: str
    columns: tuple[str, ...]
    rows: tuple[str, ...]
    shades: tuple[tuple[float, ...], ...]
    texts: tuple[tuple[str, ...], ...] = ()
    beside: tuple[str, ...] = ()
    beside_label: str = ""
    is_square: bool = False


def pareto_front(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the points that no other beats: none has less of one without more of the other."""
    front: list[tuple[float, float]] = []
    for x, y in sorted(points):
        if not front or y < front[-1][1]:
            front.append((x, y))
    return front


@dataclass(frozen=True)
class Point:
    """A network in a plot of errors.

    Attributes:
        name: name next to the point.
        cost: on the horizontal axis.
        error: in per cent.
        look: of the network.
        deviation: of the error over seeds; None of a single one.
    """

    name: str
    cost: float
    error: float
    look: Look
    deviation: float | None = None


def error_plot(
    name: str, title: str, x_label: str, points: Sequence[Point], note: str = ""
) -> Plot | None:
    """Return errors against a cost, with the Pareto front; None of a single point, or if the cost
    is the same of all.
    """
    if len({point.cost for point in points}) < 2:
        return None
    series = [
        Series(
            name="",
            x=(point.cost,),
            y=(point.error,),
            look=point.look,
            labels=(point.name,),
            spread=(point.deviation,) if point.deviation else (),
        )
        for point in points
    ]
    front = pareto_front([(point.cost, point.error) for point in points])
    if len(front) > 1:
        xs, ys = zip(*front, strict=True)
        look = points[0].look
        series.append(Series(name="Pareto front", x=xs, y=ys, look=look, style="front"))
    return Plot(
        name=name, title=title, x_label=x_label, y_label="test error, %", series=tuple(series),
        note=note,
    )  # fmt: skip


def slug(text: str) -> str:
    """Return a text as part of a file's name and of an identifier in HTML."""
    return "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in text)
