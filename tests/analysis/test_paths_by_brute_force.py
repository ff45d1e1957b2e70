"""Gradient paths, shortcuts and depth on random graphs, against a list of all paths."""

from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from larq_igp.analysis import CostAnalysis, PrecisionCount, gradient_paths
from larq_igp.analysis.paths import distances_to_target
from larq_igp.analysis.shortcuts import count_shortcuts, graph_depth
from larq_igp.graph import Call, Graph, GraphError, Kernel, read_graph
from larq_igp.keras2 import tf
from tests.graph.random_models import all_paths, ancestors, build, by_cost, recipes, shortcuts

EXAMPLES = {"deadline": None, "derandomize": True, "suppress_health_check": list(HealthCheck)}


def check(found, paths, costs, names, k):
    """Compare what was found with the listed paths: costs, lengths, counts, and the witnesses."""
    listed = by_cost(paths, costs)
    expected = [(cost, dict(sorted(listed[cost].items()))) for cost in sorted(listed)[:k]]
    assert [(path.cost, path.lengths) for path in found.smallest] == expected
    lengths = Counter(length for counts in listed.values() for length in counts.elements())
    assert found.lengths == dict(sorted(lengths.items()))
    assert found.total == len(paths)
    witnesses = {}
    for path in paths:
        counted = [step for step in path[1:] if costs[step] is not None]
        key = sum(costs[step] for step in counted), len(counted)
        witness = tuple(names[i] for i in path), tuple(names[i] for i in counted)
        witnesses.setdefault(key, set()).add(witness)
    for path in found.smallest:
        assert path.length == min(path.lengths)
        assert (path.witness, path.convolutions) in witnesses[path.cost, path.length]


@st.composite
def plain_graphs(draw):
    """Draw a graph of calls without Keras: joins, costs, and calls that stop gradients."""
    add = tf.keras.layers.Add()
    calls = [Call("0")]
    for index in range(1, draw(st.integers(2, 11))):
        read = tuple(draw(st.lists(st.integers(0, index - 1), min_size=1, max_size=3)))
        cost = draw(st.sampled_from([None, None, 0, 1, 2, 2, 3, 5, 8]))
        kernel = Kernel("", bits=1, input_bits=1, macs=cost, is_quantizable=True)
        kernels = () if cost is None else (kernel,)
        flows = draw(st.integers(0, 9)) > 0
        calls.append(Call(str(index), read, (), add, kernels, passes_gradient=flows))
    return Graph(tuple(calls), (0,), (len(calls) - 1,))


@settings(max_examples=1000, **EXAMPLES)
@given(plain_graphs(), st.data())
def test_plain_graphs(graph, data):
    source, k = data.draw(st.integers(0, len(graph.calls) - 1)), data.draw(st.integers(1, 5))
    target = len(graph.calls) - 1
    costs = [call.macs if call.kernels else None for call in graph.calls]
    inputs = [call.gradient_inputs for call in graph.calls]
    paths = list(all_paths(inputs, source, target))
    check(gradient_paths(graph, source, target, k), paths, costs, list(map(str, range(20))), k)
    for index, found in enumerate(distances_to_target(graph, k)):
        assert found == tuple(sorted(by_cost(list(all_paths(inputs, index, target)), costs)))[:k]
    inputs = [call.inputs for call in graph.calls]
    assert count_shortcuts(graph) == shortcuts(inputs, list(range(1, len(graph.calls))))
    steps = [sum(bool(graph.calls[i].kernels) for i in p) for p in all_paths(inputs, 0, target)]
    assert graph_depth(graph) == max(steps)


@settings(max_examples=80, **EXAMPLES)
@given(recipes, st.sampled_from([1, 2, 32]), st.integers(1, 5))
def test_keras_models(recipe, bits, k):
    """Shared layers, nested models, and convolutions of every width."""
    described = build(recipe)
    nodes, target = described.nodes, described.output
    counts = [node.is_larq and described.bits(i) <= bits for i, node in enumerate(nodes)]
    costs = [node.macs if count else None for node, count in zip(nodes, counts, strict=True)]
    inputs, names = [node.inputs for node in nodes], [node.name for node in nodes]
    paths = list(all_paths(inputs, 0, target))
    model = described.model
    check(gradient_paths(model, k=k, bits=bits), paths, costs, names, k)
    used = ancestors(nodes, target)
    for tensor, index in described.tensors:
        if index not in used:
            with pytest.raises(GraphError, match="holds no layer or tensor"):
                gradient_paths(model, source=tensor)
            continue
        paths = list(all_paths(inputs, index, target))
        check(gradient_paths(model, tensor, k=k, bits=bits), paths, costs, names, k)
    graph = read_graph(model)
    assert len(graph.calls) == len(used)
    joins = [index for index in used if nodes[index].is_join]
    assert count_shortcuts(graph) == shortcuts(inputs, joins)
    kernels = [nodes[i].kernel is not None for i in range(len(nodes))]
    assert graph_depth(graph) == max(
        sum(kernels[i] for i in p) for p in all_paths(inputs, 0, target)
    )


@settings(max_examples=60, **EXAMPLES)
@given(recipes)
def test_costs_of_keras_models(recipe):
    """A shared layer multiplies at each call, and is stored once."""
    described = build(recipe)
    used = ancestors(described.nodes, described.output)
    macs = [(described.bits(i), described.nodes[i].macs) for i in used if described.bits(i)]
    kernels = [described.nodes[i].kernel for i in used if described.bits(i)]
    stored = {id(layer): (bits, weights) for layer, weights, bits in kernels}.values()
    costs = CostAnalysis(described.model)
    assert costs.by_precision() == {
        width: PrecisionCount(
            sum(weights for bits, weights in stored if bits == width),
            sum(number for bits, number in macs if bits == width),
        )
        for width in sorted({bits for bits, _ in [*stored, *macs]})
    }
    layers = costs.by_layer().values()
    assert sum(layer.macs for layer in layers) == sum(number for _, number in macs)
    assert sum(layer.storage_bits for layer in layers) == sum(b * w for b, w in stored)
    assert costs.total().parameters == described.model.count_params()
