"""Find operators that compute something other than results of Keras.

The converter fuses some layers into others, so not every result of Keras is in the file. The
reverse has few exceptions: the inputs and outputs of a convolution, a pooling or a concatenation
are results of Keras, and only inside one layer may there be values that Keras does not show.
"""

from larq_igp.deploy.flatbuffer import Operator
from larq_igp.deploy.verification.replay import Replay
from larq_igp.deploy.verification.rounding import has_inner_results

WHOLE = {
    *("CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "FULLY_CONNECTED", "LceBconv2d"),
    *("MEAN", "AVERAGE_POOL_2D", "MAX_POOL_2D", "CONCATENATION", "SOFTMAX"),
}
"""Operators that are a whole layer, with what is fused into them."""
ARITHMETIC = {
    *("ADD", "SUB", "MUL", "DIV", "MAXIMUM", "MINIMUM", "PRELU", "LEAKY_RELU"),
    *("RELU", "RELU6", "RELU_N1_TO_1", "RELU_0_TO_1"),
}
"""Operators of which several may form one layer. The last one writes its result.

All others move values or quantize them.
"""


def first_unexplained(replay: Replay) -> Operator | None:
    """Return the first operator whose result should be a result of Keras, but is not."""
    file = replay.file
    explained = replay.found_tensors() | replay.explained | _inside_of_layers(replay)
    readers: dict[int, list[Operator]] = {}
    for operator in file.file.operators:
        for tensor in file.reads(operator):
            readers.setdefault(tensor, []).append(operator)
    for operator in file.file.operators:
        (tensor,) = operator.outputs[:1]
        if tensor in explained or tensor not in file.of_images:
            continue
        if operator.name in WHOLE and not _is_moved(tensor, readers, explained):
            return operator
        is_read_whole = any(each.name in WHOLE for each in readers.get(tensor, []))
        if operator.name in ARITHMETIC and is_read_whole:
            return operator
    return None


def _is_moved(tensor: int, readers: dict[int, list[Operator]], explained: set[int]) -> bool:
    """Tell whether a tensor is a result of Keras after its values are moved, as with dilation."""
    following = readers.get(tensor, [])
    return bool(following) and all(
        each.name not in WHOLE | ARITHMETIC
        and (each.outputs[0] in explained or _is_moved(each.outputs[0], readers, explained))
        for each in following
    )


def _inside_of_layers(replay: Replay) -> set[int]:
    """Return the tensors between the inputs of a layer with several steps and its result, or the
    result of a layer that follows it.
    """
    inside: set[int] = set()
    for index, call in enumerate(replay.graph.calls):
        if call.layer is None or not call.inputs or not has_inner_results(call.layer):
            continue
        ends = [each for each in (index, *replay.followers(index)) if replay.known[each].is_found]
        if ends:
            sources = frozenset().union(*(replay.known[each].sources for each in call.inputs))
            inside |= _between(replay, sources, replay.known[ends[0]].sources)
    return inside


def _between(replay: Replay, sources: frozenset[int], ends: frozenset[int]) -> set[int]:
    inside, stack = set(), list(ends)
    while stack:
        tensor = stack.pop()
        operator = replay.file.producer(tensor)
        if tensor not in inside and tensor not in sources and operator is not None:
            inside.add(tensor)
            stack += replay.file.reads(operator)
    return inside
