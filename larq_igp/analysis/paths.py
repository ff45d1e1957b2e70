"""Exact gradient paths of a network (paper, section 3.2).

A gradient flows back along every path of the graph, and the paper takes the binary operations on a
path as the measure of the noise that it gathers: the cost of a path is the sum of
``H * W * Cin * Cout * h * w`` over its binary convolutions, and all else is free.
``N_1st < N_2nd < N_3rd`` are the smallest distinct costs, ``L_*`` the binary convolutions on such a
path.

There are more paths than atoms, so none is listed. Walking the calls in topological order, each
keeps the ``k`` smallest distinct costs at which it can be reached and in how many ways. That loses
nothing: were ``c - w`` not among the ``k`` smallest at the call before, ``k`` smaller costs would
stand before ``c`` here too. Work grows with edges times ``k`` times the length of the longest path.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from larq_igp.graph import Call, Graph, GraphError, read_graph


@dataclass(frozen=True)
class PathClass:
    """All paths of one cost.

    Attributes:
        cost: binary multiply-accumulates on each, the paper's ``N``.
        length: binary convolutions on the shortest of them, the paper's ``L``.
        lengths: how many of them have which length.
        witness: the layers of one with this length, from source to target, both included.
        convolutions: those of them that cost something.
    """

    cost: int
    length: int
    lengths: dict[int, int]
    witness: tuple[str, ...]
    convolutions: tuple[str, ...]

    @property
    def count(self) -> int:
        """How many paths have this cost."""
        return sum(self.lengths.values())


@dataclass(frozen=True)
class GradientPaths:
    """The gradient paths between two places of a graph.

    Attributes:
        smallest: classes of paths by cost, the smallest first.
        lengths: how many paths have how many binary convolutions, all paths counted.
    """

    smallest: tuple[PathClass, ...]
    lengths: dict[int, int]

    @property
    def total(self) -> int:
        """How many paths there are."""
        return sum(self.lengths.values())

    @property
    def costs(self) -> tuple[int, ...]:
        """``N_1st, N_2nd, ...``."""
        return tuple(path.cost for path in self.smallest)

    def to_json(self) -> dict[str, Any]:
        """Return a dict of plain values; counts are integers of any size."""
        return {
            "smallest": [{**asdict(path), "count": path.count} for path in self.smallest],
            "lengths": {str(length): count for length, count in self.lengths.items()},
            "total": self.total,
        }


_Ways = dict[int, dict[int, list]]
"""Cost -> length -> [paths, call before, its cost, its length]:

of the calls before, one is kept as witness.
"""


def path_cost(call: Call, bits: int = 1) -> int | None:
    """Return what a call costs a path that leads through it; None if it is free.

    Args:
        call: of a graph.
        bits: width of the wider operand up to which a convolution counts. 1 counts binary ones; 32
            counts every layer that knows a quantizer of its kernel, so that a full-precision twin
            has the paths of its binary network.

    Raises:
        GraphError: if the shape of a layer that counts is open.
    """
    can_count = call.kernels and all(kernel.is_quantizable for kernel in call.kernels)
    return call.macs if can_count and call.mac_bits <= bits else None


def gradient_paths(
    model: Any, source: Any = None, target: Any = None, k: int = 3, *, bits: int = 1
) -> GradientPaths:
    """Return the gradient paths of a functional model, counted exactly.

    Paths run from the source's output to the target's output: the target's own operations count,
    the source's do not.

    Args:
        model: any Keras functional model, nested models included, or its ``Graph``.
        source: a layer, its name (``outer/inner`` in nested models), a Keras tensor, or several of
            these; None is the model's inputs.
        target: a layer, name or tensor, or several, like ``source``; None is the model's outputs.
        k: how many distinct costs to return; fewer come back if there are no more.
        bits: a convolution counts as binary if neither operand is wider; see ``path_cost``.

    Returns:
        the ``k`` smallest costs, and how many paths have which length; nothing of either if no path
        leads from source to target.

    Raises:
        GraphError: if the model is not functional, or holds no such layer or tensor.
    """
    if k < 1:
        raise GraphError(f"k must be a positive integer; got {k}.")
    graph = read_graph(model)
    costs = [path_cost(call, bits) for call in graph.calls]
    sources = set(graph.inputs if source is None else graph.find(source))
    targets = set(graph.outputs if target is None else graph.find(target))
    ways, lengths = _walk(graph, costs, sources, k)
    merged = _merge(((ways[t], t, 0, 0) for t in targets), k)
    total: Counter[int] = Counter()
    for one in targets:
        total.update(lengths[one])
    classes = tuple(_describe(graph, costs, ways, cost, merged[cost]) for cost in sorted(merged))
    return GradientPaths(classes, dict(sorted(total.items())))


def _walk(
    graph: Graph, costs: list[int | None], sources: set[int], k: int
) -> tuple[list[_Ways], list[Counter]]:
    ways: list[_Ways] = []
    lengths: list[Counter] = []
    for index, call in enumerate(graph.calls):
        cost, step = costs[index] or 0, int(costs[index] is not None)
        reached = _merge(((ways[before], before, cost, step) for before in call.gradient_inputs), k)
        longer: Counter[int] = Counter()
        for before in call.gradient_inputs:
            for length, count in lengths[before].items():
                longer[length + step] += count
        if index in sources:  # a path starts here; those through an earlier source pass on
            entry = reached.setdefault(0, {}).setdefault(0, [0, None, 0, 0])
            entry[0] += 1
            entry[1] = None
            longer[0] += 1
            for excess in sorted(reached)[k:]:
                del reached[excess]
        ways.append(reached)
        lengths.append(longer)
    return ways, lengths


def _merge(arriving: Iterable[tuple[_Ways, int, int, int]], k: int) -> _Ways:
    merged: _Ways = {}
    for ways, before, cost, step in arriving:
        for base, by_length in ways.items():
            here = merged.setdefault(base + cost, {})
            for length, entry in by_length.items():
                if length + step in here:
                    here[length + step][0] += entry[0]
                else:
                    here[length + step] = [entry[0], before, base, length]
    return {cost: merged[cost] for cost in sorted(merged)[:k]}


def _describe(
    graph: Graph, costs: list[int | None], ways: list[_Ways], cost: int, by_length: dict[int, list]
) -> PathClass:
    length = min(by_length)
    _, before, base, steps = by_length[length]
    path = []
    while before is not None:
        path.append(before)
        _, before, base, steps = ways[before][base][steps]
    path.reverse()
    counted = tuple(graph.calls[i].name for i in path[1:] if costs[i] is not None)
    counts = {size: entry[0] for size, entry in sorted(by_length.items())}
    return PathClass(cost, length, counts, tuple(graph.calls[i].name for i in path), counted)


def distances_to_target(graph: Graph, k: int = 3, *, bits: int = 1) -> list[tuple[int, ...]]:
    """Return, for each call of a graph, the ``k`` smallest distinct costs of the gradient paths
    from its output to the model's outputs, in one walk backwards.
    """
    costs: list[set[int]] = [set() for _ in graph.calls]
    for output in graph.outputs:
        costs[output].add(0)
    for index in reversed(range(len(graph.calls))):
        kept, call = sorted(costs[index])[:k], graph.calls[index]
        costs[index] = set(kept)
        own = path_cost(call, bits) or 0
        for before in call.gradient_inputs:
            costs[before].update(cost + own for cost in kept)
    return [tuple(sorted(found)) for found in costs]


__all__ = ["GradientPaths", "GraphError", "PathClass", "distances_to_target", "gradient_paths"]
