"""Write a Keras model as a ``.tflite`` in Larq Compute Engine's format."""

from collections.abc import Callable, Sequence

from larq_igp.deploy.errors import UnwritableError
from larq_igp.deploy.writer import (  # noqa: F401  modules of layers fill the table of write_graph
    arrays,
    binary,
    convolutions,
    elementwise,
    functions,
    fusing,
    normalization,
)
from larq_igp.deploy.writer.draft import Draft, Operator
from larq_igp.deploy.writer.flatbuffer import to_bytes
from larq_igp.deploy.writer.layers import write_graph
from larq_igp.graph import Graph

Rule = Callable[[Draft, Operator], bool]


def write(graph: Graph, *, input_name: str, output_name: str) -> bytes:
    """Return the content of a ``.tflite`` that computes what a graph computes.

    Args:
        graph: graph of a model with one input and one output, from ``read_graph``.
        input_name: name of the file's input.
        output_name: name of the file's output.

    Raises:
        UnwritableError: naming a layer that cannot be written.
    """
    draft = draft_of(graph, input_name)
    draft.merge_same()
    apply_rules(draft, binary.RULES + fusing.RULES)
    apply_rules(draft, fusing.LATE_RULES)
    binary.pack_weights(draft)
    if draft.output is draft.input:
        raise UnwritableError("the model computes nothing: its output is its input.")
    draft.input.name, draft.output.name = input_name, output_name
    return to_bytes(draft)


def draft_of(graph: Graph, input_name: str) -> Draft:
    """Return the operators of all calls, one layer after the other."""
    (first,) = graph.inputs
    draft = Draft((1, *graph.calls[first].output_shape), input_name)
    (draft.output,) = write_graph(draft, graph, [draft.input])
    return draft


def apply_rules(draft: Draft, rules: Sequence[Rule]) -> None:
    """Change a draft until no rule applies any more."""
    changed = True
    while changed:
        changed = False
        for operator in draft.ordered():
            for rule in rules:
                if operator in draft.operators and rule(draft, operator):
                    changed = True
