"""Blocks as graphs, inputs left, with one gradient path of each of their smallest costs."""

from dataclasses import dataclass
from itertools import pairwise

from larq_igp.analysis.blocks import Block, first_block
from larq_igp.analysis.paths import gradient_paths
from larq_igp.architectures import ZOO, Spec
from larq_igp.graph import Graph, GraphError, read_graph
from larq_igp.models import build
from larq_igp.report.charts import Chart

Point = tuple[float, float]
ORDINALS = ("1st", "2nd", "3rd", "4th")
STEPS = 20
"""Points of a curve but one."""
ASIDE = 0.1
"""Between two paths that share an edge."""
TURN = 0.8
"""In which an edge changes its lane."""


@dataclass(frozen=True, kw_only=True)
class BlockGraph(Chart):
    """A block with its gradient paths.

    Attributes:
        nodes: place, whether it is a binary convolution, and what is said of it.
        edges: the points of each curve.
        paths: legend and points of each.
    """

    nodes: tuple[tuple[Point, bool, str], ...]
    edges: tuple[tuple[Point, ...], ...]
    paths: tuple[tuple[str, tuple[Point, ...]], ...]


def family_blocks() -> list[BlockGraph]:
    """Return the first block of every family that is registered, from its smallest network."""
    smallest: dict[str, tuple[str, Spec]] = {}
    for name, spec in ZOO.items():
        kept = smallest.get(spec.family)
        if kept is None or (sum(spec.blocks), spec.depth) < (sum(kept[1].blocks), kept[1].depth):
            smallest[spec.family] = name, spec
    charts = []
    for family, (name, spec) in smallest.items():
        graph = read_graph(build(name, input_shape=(32, 32, 3)))
        try:
            block = first_block(graph, spec)
        except GraphError:  # of a user, without layers with the names of a block
            continue
        title = f"{family.replace('_', ' ')}: {_title(spec)}"
        charts.append(block_graph(graph, block, f"block-{family}", title))
    return charts


def _title(spec: Spec) -> str:
    columns = getattr(spec, "columns", 1)
    return f"first block, {columns} columns" if columns > 1 else "first block"


def block_graph(graph: Graph, block: Block, name: str, title: str) -> BlockGraph:
    """Return a block as a chart.

    Args:
        graph: of a model.
        block: of it.
        name: of the chart.
        title: of the chart.
    """
    paths = gradient_paths(graph, block.source, block.target, k=len(ORDINALS))
    shown, stands_for, depth = _contract(graph, block)
    edges = sorted(
        {
            (stands_for[before], i)
            for i in shown
            if i != block.source
            for before in graph.calls[i].inputs
            if before in stands_for
        }
    )
    place = _lay_out(edges, shown, depth, {i for i in shown if graph.calls[i].is_binary})
    curves = _curves(edges, place)
    names = {graph.calls[i].name: i for i in sorted(stands_for)}
    ways = [
        list(pairwise(dict.fromkeys(stands_for[names[layer]] for layer in path.witness)))
        for path in paths.smallest
    ]
    drawn = []
    for number, path in enumerate(paths.smallest):
        points: list[Point] = []
        for edge in ways[number]:
            sharing = [i for i, way in enumerate(ways) if edge in way]
            aside = sharing.index(number) - (len(sharing) - 1) / 2
            points += _bent(curves[edge], ASIDE * aside)
        convolutions = "convolution" if path.length == 1 else "convolutions"
        legend = (
            f"N_{ORDINALS[number]} = {path.cost:,} ({path.length} {convolutions}, "
            f"{path.count:,} {'path' if path.count == 1 else 'paths'})"
        )
        drawn.append((legend, tuple(points)))
    shortest, longest = min(paths.lengths), max(paths.lengths)
    return BlockGraph(
        name=name,
        title=title,
        note=f"{paths.total:,} gradient paths of {shortest} to {longest} binary convolutions.",
        nodes=tuple((place[i], graph.calls[i].is_binary, _said(graph, i, block)) for i in shown),
        edges=tuple(tuple(curves[edge]) for edge in edges),
        paths=tuple(drawn),
    )


def _contract(graph: Graph, block: Block) -> tuple[list[int], dict[int, int], dict[int, int]]:
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


def _lay_out(
    edges: list[tuple[int, int]], shown: list[int], depth: dict[int, int], is_binary: set[int]
) -> dict[int, Point]:
    """Place nodes from left to right in lanes from top to bottom.

    The deepest chain is the first lane. Each branch from it has the nearest lane that is free from
    where it leaves to where it joins, and its nodes stand evenly between.
    """
    before: dict[int, list[int]] = {i: [a for a, b in edges if b == i] for i in shown}
    after: dict[int, list[int]] = {i: [b for a, b in edges if a == i] for i in shown}
    chain = {shown[0]: 0}
    continued: set[int] = set()
    for index in shown[1:]:
        deepest = max(before[index], key=lambda i: (depth[i], -chain[i]))
        is_branch = index in is_binary and deepest in continued
        chain[index] = 1 + max(chain.values()) if is_branch else chain[deepest]
        if index == shown[-1]:
            chain[index] = 0
        continued.add(deepest)
    x = {i: float(depth[i]) for i in shown}
    reach: dict[int, tuple[float, float]] = {}
    for number in range(1, 1 + max(chain.values())):
        members = [i for i in shown if chain[i] == number]
        start = max(x[a] for a in before[members[0]])
        end = min(x[b] for i in members for b in after[i] if chain[b] != number)
        for place, i in enumerate(members, start=1):
            x[i] = start + (end - start) * place / (len(members) + 1)
        reach[number] = start, end
    lane = {0: 0}
    for number in sorted(reach, key=lambda n: reach[n][1] - reach[n][0]):
        taken = {
            lane[other]
            for other in lane
            if other and reach[other][0] < reach[number][1] and reach[number][0] < reach[other][1]
        }
        lane[number] = next(free for free in range(1, len(reach) + 1) if free not in taken)
    return {i: (x[i], -float(lane[chain[i]])) for i in shown}


def _curves(edges: list[tuple[int, int]], place: dict[int, Point]) -> dict:
    """Return the points of each edge.

    Within a lane, one that would run through a node is an arc above it, and arcs above the same
    nodes lie above each other. Between lanes, an edge changes lane at its upper end.
    """
    nodes = list(place.values())
    level: dict[tuple[int, int], int] = {}
    arcs = [(a, b) for a, b in edges if _is_blocked(place[a], place[b], nodes)]
    for a, b in sorted(arcs, key=lambda edge: place[edge[1]][0] - place[edge[0]][0]):
        below = [
            level[c, d]
            for c, d in level
            if place[c][0] < place[b][0]
            and place[a][0] < place[d][0]
            and _lower(place[a], place[b]) == _lower(place[c], place[d])
        ]
        level[a, b] = 1 + max(below, default=0)
    highest = max(level.values(), default=1)
    step = 0.5 if highest == 1 else 0.8 / highest
    return {
        (a, b): _bent(_between(place[a], place[b]), step * level.get((a, b), 0)) for a, b in edges
    }


def _lower(start: Point, end: Point) -> float:
    return min(start[1], end[1])


def _is_blocked(start: Point, end: Point, nodes: list[Point]) -> bool:
    """Return whether another node stands in the lower lane between two."""
    return any(start[0] < x < end[0] and y == _lower(start, end) for x, y in nodes)


def _between(start: Point, end: Point) -> list[Point]:
    """Return points from one place to another, which stay in the lower lane where they can."""
    (x0, y0), (x1, y1) = start, end
    turn = min(TURN, (x1 - x0) / 2)
    corners = [start, end]
    if y0 > y1:
        corners = [start, (x0 + turn, y1), end]
    elif y0 < y1:
        corners = [start, (x1 - turn, y0), end]
    points = [start]
    for (xa, ya), (xb, yb) in pairwise(corners):
        shares = [step / STEPS for step in range(1, STEPS + 1)]
        points += [
            (xa * (1 - share) + xb * share, ya * (1 - share) + yb * share) for share in shares
        ]
    return points


def _bent(curve: list[Point], rise: float) -> list[Point]:
    """Move a curve upwards between its ends, near which it rises."""
    start, end = curve[0][0], curve[-1][0]
    edge = max(min(0.5, (end - start) / 2), 1e-9)
    bent = []
    for x, y in curve:
        near = min(x - start, end - x, edge) / edge
        bent.append((x, y + rise * near * (2 - near)))
    return bent


def _said(graph: Graph, index: int, block: Block) -> str:
    call = graph.calls[index]
    if index == block.source:
        return "input"
    return f"{call.name}, {call.macs:,} operations" if call.is_binary else call.name
