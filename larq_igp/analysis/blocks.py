"""The blocks of this package's networks, found in the built graph by their layers' names."""

import re
from dataclasses import dataclass

from larq_igp.architectures import DenseNetSpec, Spec
from larq_igp.graph import Graph, GraphError

BLOCK = re.compile(r"(stage\d+_block\d+)(_|$)")


@dataclass(frozen=True)
class Block:
    """A block of a graph: one tensor enters it, one leaves it.

    Attributes:
        name: ``stage1_block1``.
        source: index of the call whose output enters.
        target: index of the call whose output leaves.
    """

    name: str
    source: int
    target: int


def find_blocks(graph: Graph) -> list[Block]:
    """Return the blocks of a graph in order.

    Raises:
        GraphError: if no layer is named as a block's, or a block has several ways in or out.
    """
    members: dict[str, list[int]] = {}
    for index, call in enumerate(graph.calls):
        match = BLOCK.match(call.name)
        if match:
            members.setdefault(match[1], []).append(index)
    if not members:
        raise GraphError(
            "no layer of this model is named like stage1_block1: give --source and --target "
            "instead of --block."
        )
    blocks = []
    for name, indices in members.items():
        inside = set(indices)
        sources = {i for index in indices for i in graph.calls[index].inputs if i not in inside}
        targets = {
            i
            for index, call in enumerate(graph.calls)
            if index not in inside
            for i in call.inputs
            if i in inside
        }
        targets |= inside & set(graph.outputs)
        if len(sources) != 1 or len(targets) != 1:
            raise GraphError(
                f"block {name} has {len(sources)} inputs and {len(targets)} outputs; it must "
                "have one of each."
            )
        blocks.append(Block(name, sources.pop(), targets.pop()))
    return blocks


def first_block(graph: Graph, spec: Spec | None = None) -> Block:
    """Return the part of a graph whose gradient paths are compared: its first block.

    A block of a plain DenseNet is one layer, or two halves of one, so it is the first two.

    Raises:
        GraphError: as ``find_blocks``.
    """
    first, *others = find_blocks(graph)
    is_plain = isinstance(spec, DenseNetSpec) and spec.columns == 1 and spec.blocks[0] > 1
    return Block(first.name, first.source, others[0].target) if is_plain else first
