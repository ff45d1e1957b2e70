"""Charts as data:

drawn by plotly on the page and by matplotlib for papers, from the same numbers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal


@dataclass(frozen=True)
class Series:
    """One series of a chart.

    Attributes:
        name: in the legend.
        x: numbers or names.
        y: numbers.
        style: ``points``, ``line``, ``front`` (a dashed step line), ``bars``, ``edges`` (grey
            lines, None between them), ``nodes``, or ``path`` (a line that stands out when pointed
            at).
        labels: said for each point when pointed at.
    """

    name: str
    x: tuple
    y: tuple
    style: Literal["points", "line", "front", "bars", "edges", "nodes", "path"]
    labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Chart:
    """A chart.

    Attributes:
        name: of its file and its place in the page.
        title: above it.
        x_label: with unit.
        y_label: with unit.
        series: what is drawn; empty for a matrix.
        matrix: rows from top to bottom, for a heat map; ``ticks`` name rows and columns.
        ticks: names along both sides of a matrix.
        note: a sentence below.
    """

    name: str
    title: str
    x_label: str
    y_label: str
    series: tuple[Series, ...] = ()
    matrix: tuple[tuple[int, ...], ...] = ()
    ticks: tuple[str, ...] = ()
    note: str = ""

    @property
    def is_graph(self) -> bool:
        """Whether it draws nodes and edges, so that axes mean nothing."""
        return any(series.style == "nodes" for series in self.series)


def pareto_front(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the points that no other beats: none has less of one without more of the other."""
    front: list[tuple[float, float]] = []
    for x, y in sorted(points):
        if not front or y < front[-1][1]:
            front.append((x, y))
    return front


def error_chart(
    name: str,
    title: str,
    x_label: str,
    groups: dict[str, list[tuple[float, float, str]]],
    note: str = "",
) -> Chart:
    """Draw error against a cost, one group of ``(cost, error, label)`` a series, with the Pareto
    front of all.
    """
    series = [
        Series(
            group,
            tuple(p[0] for p in points),
            tuple(p[1] for p in points),
            "points",
            tuple(p[2] for p in points),
        )
        for group, points in groups.items()
        if points
    ]
    front = pareto_front([(x, y) for points in groups.values() for x, y, _ in points])
    if len(front) > 1:
        series.append(
            Series("Pareto front", tuple(x for x, _ in front), tuple(y for _, y in front), "front")
        )
    return Chart(name, title, x_label, "top-1 error, %", tuple(series), note=note)


def block_chart(graph: Any, block: Any, name: str, title: str) -> Chart:
    """Draw a block, inputs left, with one gradient path of each of its smallest costs.

    Args:
        graph: of a model, a ``Graph``.
        block: a ``Block`` of it.
        name: of the chart.
        title: of the chart.
    """
    from larq_igp.analysis.paths import gradient_paths

    paths = gradient_paths(graph, block.source, block.target, k=4)
    shown, stands_for, depth = _contract(graph, block)
    position = _lay_out(graph, block, shown, stands_for, depth)
    edges = [
        (stands_for[before], i)
        for i in shown
        if i != block.source
        for before in graph.calls[i].inputs
        if before in stands_for
    ]
    curves = {
        edge: _curve(position[edge[0]], position[edge[1]], list(position.values()))
        for edge in edges
    }
    flat_x = tuple(x for curve in curves.values() for x, _ in (*curve, (None, None)))
    flat_y = tuple(y for curve in curves.values() for _, y in (*curve, (None, None)))
    series = [Series("layers", flat_x, flat_y, "edges")]
    names = {graph.calls[i].name: i for i in sorted(stands_for)}
    for number, path in enumerate(paths.smallest):
        indices = list(dict.fromkeys(stands_for[names[layer]] for layer in path.witness))
        beside = [_beside(curves[edge], 0.07 * (number - 1)) for edge in pairwise(indices)]
        points = [point for curve in beside for point in curve]
        xs, ys = zip(*points, strict=True)
        label = f"N_{('1st', '2nd', '3rd', '4th')[number]} = {path.cost:,}"
        said = f"{label}<br>{path.length} binary convolutions<br>{path.count:,} paths of this cost"
        series.append(Series(label, xs, ys, "path", (said,) * len(points)))
    kinds = tuple(_said(graph, i, block) for i in shown)
    series.append(
        Series(
            "nodes",
            tuple(position[i][0] for i in shown),
            tuple(position[i][1] for i in shown),
            "nodes",
            kinds,
        )
    )
    shortest, longest = min(paths.lengths), max(paths.lengths)
    note = (
        f"{paths.total:,} gradient paths of {shortest} to {longest} binary convolutions. Point at "
        "a line to see its path."
    )
    return Chart(name, title, "", "", tuple(series), note=note)


Point = tuple[float, float]


def _lay_out(
    graph: Any, block: Any, shown: list[int], stands_for: dict[int, int], depth: dict[int, int]
) -> dict[int, Point]:
    """Place nodes by depth from left to right and in lanes from top to bottom:

    a column of a fractal keeps its lane.
    """
    lane = {block.source: 0}
    is_continued: set[int] = set()
    for index in shown[1:]:
        before = [stands_for[i] for i in graph.calls[index].inputs if i in stands_for]
        deepest = max(before, key=lambda i: (depth[i], -lane[i]))
        if graph.calls[index].is_binary and deepest in is_continued:
            lane[index] = 1 + max(lane.values())  # another branch from the same tensor
        else:
            lane[index] = min(lane[i] for i in before) if index == block.target else lane[deepest]
        is_continued.add(deepest)
    return {index: (float(depth[index]), -float(lane[index])) for index in shown}


def _curve(start: Point, end: Point, nodes: list[Point], steps: int = 20) -> list[Point]:
    """Return points of an edge, bent upwards around nodes that stand between its ends; many, so
    that it can be pointed at anywhere.
    """
    (x0, y0), (x1, y1) = start, end
    is_blocked = any(
        x0 < x < x1 and abs(y - (y0 + (y1 - y0) * (x - x0) / (x1 - x0))) < 0.2 for x, y in nodes
    )
    rise = 0.35 if is_blocked else 0.0
    ways = [step / steps for step in range(steps + 1)]
    return [(x0 + (x1 - x0) * t, y0 + (y1 - y0) * t + rise * 4 * t * (1 - t)) for t in ways]


def _beside(curve: list[Point], offset: float) -> list[Point]:
    """Move a curve aside between its ends, so that paths that share an edge part there and meet
    again at the nodes.
    """
    ways = [place / (len(curve) - 1) for place in range(len(curve))]
    return [(x, y + offset * 4 * t * (1 - t)) for (x, y), t in zip(curve, ways, strict=True)]


def _contract(graph: Any, block: Any) -> tuple[list[int], dict[int, int], dict[int, int]]:
    """Leave out what only passes one tensor on (BatchNorm, ReLU); return what is shown, what stands
    for what, and depths.
    """
    stands_for, shown, depth = {block.source: block.source}, [block.source], {block.source: 0}
    for index in range(block.source + 1, block.target + 1):
        call = graph.calls[index]
        before = [stands_for[i] for i in call.inputs if i in stands_for]
        if not before:
            continue
        if not call.is_binary and len(call.inputs) == 1 and index != block.target:
            stands_for[index] = before[0]
            continue
        stands_for[index] = index
        depth[index] = 1 + max(depth[i] for i in before)
        shown.append(index)
    return shown, stands_for, depth


def _said(graph: Any, index: int, block: Any) -> str:
    call = graph.calls[index]
    if index == block.source:
        return "input"
    return f"{call.name}<br>{call.macs:,} operations" if call.is_binary else call.name
