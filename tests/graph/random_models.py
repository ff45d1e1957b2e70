"""Random Keras models, each with a plain list of what it was made of, for brute force."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

import larq as lq
from hypothesis import strategies as st

from larq_igp.keras2 import tf

HEIGHT, WIDTH = 4, 3
FLOAT = 32


@dataclass(frozen=True)
class Node:
    """A call: what it reads, what it multiplies, and what it puts out."""

    name: str
    inputs: tuple[int, ...] = ()
    channels: int = 2
    input_bits: int | None = None  # after a quantizer of its own
    macs: int = 0
    kernel: tuple[object, int, int] | None = None  # which, its weights, their bits
    is_larq: bool = False
    is_join: bool = False
    is_sign: bool = False


@dataclass(frozen=True)
class Described:
    """A model of one input and one output, and the nodes that lead to the last one."""

    model: tf.keras.Model
    nodes: list[Node]
    tensors: list  # of the outer graph: (Keras tensor, index of its node)

    @property
    def output(self) -> int:
        return len(self.nodes) - 1

    def bits(self, index: int) -> int | None:
        """Return the width of the wider operand; None for what multiplies nothing."""
        node = self.nodes[index]
        if node.kernel is None:
            return None
        read_bits = 1 if self.nodes[node.inputs[0]].is_sign else FLOAT
        return max(node.input_bits or read_bits, node.kernel[2])


@dataclass(frozen=True)
class Step:
    """One thing to do to a tensor; numbers choose among what there is, round and round."""

    kind: str
    tensor: int
    other: int = 0
    inner: tuple["Step", ...] = ()


def _steps(kinds: list[str], most: int, inner: st.SearchStrategy) -> st.SearchStrategy:
    number = st.integers(0, 20)
    step = st.builds(Step, st.sampled_from(kinds), number, number, inner)
    return st.lists(step, min_size=1, max_size=most).map(tuple)


KINDS = ["binary", "half", "dorefa", "float", "relu", "sign", "add", "add", "concat", "again"]
recipes = _steps([*KINDS, "nested", "nested again"], 7, _steps(KINDS, 3, st.just(())))
"""Steps that make a model of convolutions of all widths, signs, joins, shared and nested layers."""


def build(
    recipe: tuple[Step, ...], channels: int = 2, convolutions: list[tuple] | None = None
) -> Described:
    """Build what a recipe says; nested models may call the convolutions of the outer one."""
    image = tf.keras.Input((HEIGHT, WIDTH, channels))
    nodes, tensors = [Node(image.name, channels=channels)], [(image, 0)]
    convolutions = [] if convolutions is None else convolutions
    inner_models: list[Described] = []
    for step in recipe:
        kind, (tensor, index) = step.kind, tensors[step.tensor % len(tensors)]
        if kind in ("add", "concat"):
            alike = [t for t in tensors if kind == "concat" or t[0].shape == tensor.shape]
            other, second = alike[step.other % len(alike)]
            join = (tf.keras.layers.Add if kind == "add" else tf.keras.layers.Concatenate)()
            made = join([tensor, other])
            nodes.append(Node(join.name, (index, second), made.shape[-1], is_join=True))
        elif kind in ("relu", "sign"):
            layer = SIGNS[step.other % 2]() if kind == "sign" else tf.keras.layers.ReLU()
            made = layer(tensor)
            nodes.append(Node(layer.name, (index,), made.shape[-1], is_sign=kind == "sign"))
        elif kind.startswith("nested"):
            if kind == "nested" or not inner_models:
                inner_models.append(build(step.inner, tensor.shape[-1], convolutions))
            inner = inner_models[step.other % len(inner_models)]
            if inner.nodes[0].channels != tensor.shape[-1]:
                continue
            made = inner.model(tensor)
            _inline(nodes, inner, index)
        else:
            fitting = [each for each in convolutions if each[2] == tensor.shape[-1]]
            if kind == "again" and fitting:
                layer, width, _ = fitting[step.other % len(fitting)]
            else:
                width = kind if kind in OPTIONS else "binary"
                layer = _convolution(width, 1 + step.other % 2, 1 + step.other % 3)
                convolutions.append((layer, width, tensor.shape[-1]))
            made = layer(tensor)
            nodes.append(_multiplying(layer, width, nodes[index], index))
        tensors.append((made, len(nodes) - 1))
    return Described(tf.keras.Model(image, tensors[-1][0]), nodes, tensors)


SIGNS = (lq.quantizers.SteSign, lambda: tf.keras.layers.Activation(lq.quantizers.ApproxSign()))
OPTIONS = {  # of the layer, and the bits of its input quantizer and of its kernel
    "binary": ({"input_quantizer": "ste_sign", "kernel_quantizer": "ste_sign"}, 1, 1),
    "half": ({"kernel_quantizer": "ste_sign"}, None, 1),
    "dorefa": ({"input_quantizer": "approx_sign"}, 1, 2),
    "float": ({}, None, FLOAT),
}


def _convolution(width: str, filters: int, side: int):
    options = dict(OPTIONS[width][0])
    if width == "float":
        return tf.keras.layers.Conv2D(filters, side, padding="same", use_bias=False)
    if width == "dorefa":
        options["kernel_quantizer"] = lq.quantizers.DoReFa(2, "weights")
    return lq.layers.QuantConv2D(
        filters, side, padding="same", kernel_constraint="weight_clip", use_bias=False, **options
    )


def _multiplying(layer, width: str, read: Node, index: int) -> Node:
    _, input_bits, kernel_bits = OPTIONS[width]
    weights = layer.kernel_size[0] ** 2 * read.channels * layer.filters
    return Node(
        layer.name,
        (index,),
        layer.filters,
        input_bits=input_bits,
        macs=HEIGHT * WIDTH * weights,
        kernel=(layer, weights, kernel_bits),
        is_larq=width != "float",
    )


def _inline(nodes: list[Node], inner: Described, index: int) -> None:
    place = {0: index}
    used = ancestors(inner.nodes, inner.output)
    for number, node in enumerate(inner.nodes[1:], start=1):
        if number not in used:
            continue
        inputs = tuple(place[each] for each in node.inputs)
        nodes.append(replace(node, name=f"{inner.model.name}/{node.name}", inputs=inputs))
        place[number] = len(nodes) - 1


def ancestors(nodes: list[Node], target: int) -> set[int]:
    """Return a node and all that it is made from."""
    found, waiting = set(), [target]
    while waiting:
        index = waiting.pop()
        if index not in found:
            found.add(index)
            waiting += nodes[index].inputs
    return found


def all_paths(inputs: list[tuple[int, ...]], source: int, target: int) -> Iterator[tuple[int, ...]]:
    """List every path by itself; ``inputs[i]`` are read by ``i``, once for each time."""
    if source == target:
        yield (target,)
        return
    for before in inputs[target]:
        for path in all_paths(inputs, source, before):
            yield (*path, target)


def shortcuts(inputs: list[tuple[int, ...]], joins: list[int]) -> int:
    """Count, by listing paths, what a join reads both at first hand and through something else."""
    return sum(
        any(one != other and any(all_paths(inputs, one, other)) for other in inputs[join])
        for join in joins
        for one in inputs[join]
    )


def by_cost(paths: list[tuple[int, ...]], costs: list[int | None]) -> dict[int, Counter]:
    """Sum up paths: cost -> number of steps that cost something -> paths; sources are free."""
    found: dict[int, Counter] = {}
    for path in paths:
        counted = [costs[step] for step in path[1:] if costs[step] is not None]
        found.setdefault(sum(counted), Counter())[len(counted)] += 1
    return found
