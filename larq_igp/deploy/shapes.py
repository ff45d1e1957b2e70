"""Check that the shapes in a file fit its operators, before an interpreter runs it.

There is one rule for each kind of operator in this package's networks. Other operators are not
checked.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import prod

from larq_igp.deploy.schema import WORD_BITS

Shape = tuple[int, ...]

LARGEST_STEP = 1024
"""Largest stride, dilation or pooling window that is accepted."""
SAME, VALID = 0, 1
STEPS = ("stride", "dilation", "filter")
"""Prefixes of the names of options that count pixels."""


@dataclass(frozen=True)
class Call:
    """One operator with the shapes of its operands.

    Attributes:
        inputs: shapes of the inputs; None for an operand that is left out.
        output: shape of the first output.
        options: options by TensorFlow Lite's or Larq Compute Engine's names.
        paddings: the second input of a padding operator, if that is a constant.
    """

    inputs: tuple[Shape | None, ...]
    output: Shape
    options: dict[str, int]
    paddings: tuple[tuple[int, int], ...] | None = None


def _window(image: int, kernel: int, stride: int, dilation: int, padding: int) -> int:
    span = (kernel - 1) * dilation + 1 if padding == VALID else 1
    return -(-(image - span + 1) // stride)


def _is_slid(call: Call, kernel: Shape, channels: int) -> bool:
    """Check the output ``(N, H, W, channels)`` of a window ``(h, w)`` that slides over the first
    input.
    """
    options, image = call.options, call.inputs[0]
    if image is None or len(image) != 4 or len(call.output) != 4:
        return False
    strides = [
        options.get(name, options.get(long, 1))
        for name, long in (("strideH", "stride_height"), ("strideW", "stride_width"))
    ]
    dilations = [
        options.get(f"dilation{letter}Factor", options.get(f"dilation_{word}_factor", 1))
        for letter, word in (("H", "height"), ("W", "width"))
    ]
    sides = [
        _window(image[1 + axis], kernel[axis], strides[axis], dilations[axis], options["padding"])
        for axis in (0, 1)
    ]
    return call.output == (image[0], *sides, channels)


def _conv(call: Call) -> bool:
    image, kernel, bias = (*call.inputs, None)[:3]
    if (
        image is None
        or kernel is None
        or len(kernel) != 4
        or not kernel[3]
        or image[-1] % kernel[3]
    ):
        return False
    return bias in (None, kernel[:1]) and _is_slid(call, kernel[1:3], kernel[0])


def _depthwise(call: Call) -> bool:
    image, kernel, bias = (*call.inputs, None)[:3]
    if image is None or kernel is None or len(kernel) != 4 or kernel[0] != 1:
        return False
    is_multiple = kernel[3] == image[-1] * call.options.get("depthMultiplier", 1)
    return is_multiple and bias in (None, kernel[3:]) and _is_slid(call, kernel[1:3], kernel[3])


def _binary_conv(call: Call) -> bool:
    if len(call.inputs) != 5 or len(call.options) != 8:
        return False
    image, kernel, *folded = call.inputs
    if image is None or kernel is None or len(kernel) != 4:
        return False
    words = -(-call.options["channels_in"] // WORD_BITS)
    is_grouped = bool(kernel[3]) and words == image[-1] and words % kernel[3] == 0
    is_packed = folded[2] is not None
    if (folded[0] is None) != is_packed or (folded[1] is None) != is_packed:
        return False
    channels = -(-kernel[0] // WORD_BITS) if is_packed else kernel[0]
    return is_grouped and _is_slid(
        call, kernel[1:3], channels
    )  # the interpreter checks what is folded in


def _pool(call: Call) -> bool:
    options = call.options
    kernel = (
        options.get("filterHeight", options.get("filter_height")),
        options.get("filterWidth", options.get("filter_width")),
    )
    source, sides = call.inputs[0], tuple(side for side in kernel if side is not None)
    return len(sides) == 2 and source is not None and _is_slid(call, sides, source[-1])


def _broadcast(call: Call) -> bool:
    left, right = call.inputs
    if left is None or right is None:
        return False
    rank = max(len(left), len(right))
    left, right = (1,) * (rank - len(left)) + left, (1,) * (rank - len(right)) + right
    fits = all(a == b or 1 in (a, b) for a, b in zip(left, right, strict=True))
    return fits and call.output == tuple(
        b if a == 1 else a for a, b in zip(left, right, strict=True)
    )


def _same(call: Call) -> bool:
    return call.inputs[0] == call.output


def _quantize(call: Call) -> bool:
    source = call.inputs[0]
    if not source:
        return False
    return call.output == (*source[:-1], -(-source[-1] // WORD_BITS))


def _dequantize(call: Call) -> bool:
    result = call.output
    if not result:
        return False
    return call.inputs[0] == (*result[:-1], -(-result[-1] // WORD_BITS))


def _concatenation(call: Call) -> bool:
    axis, rank = call.options.get("axis", 0), len(call.output)
    if not -rank <= axis < rank or any(
        shape is None or len(shape) != rank for shape in call.inputs
    ):
        return False
    axis %= rank
    shapes = [shape for shape in call.inputs if shape is not None]
    others = {(*shape[:axis], *shape[axis + 1 :]) for shape in [*shapes, call.output]}
    return len(others) == 1 and sum(shape[axis] for shape in shapes) == call.output[axis]


def _fully_connected(call: Call) -> bool:
    source, kernel, bias = (*call.inputs, None)[:3]
    if not source or kernel is None or len(kernel) != 2 or not kernel[1]:
        return False
    is_whole = (
        prod(source) % kernel[1] == 0 and prod(call.output) == prod(source) // kernel[1] * kernel[0]
    )
    return is_whole and bias in (None, kernel[:1])


def _reshape(call: Call) -> bool:
    return call.inputs[0] is not None and prod(call.inputs[0]) == prod(call.output)


def _mean(call: Call) -> bool:
    source, result = call.inputs[0], call.output
    if source is None:
        return False
    if len(source) == len(result):
        return all(after in (1, before) for before, after in zip(source, result, strict=True))
    sides = iter(source)  # some sides are missing, the others keep their order
    return all(side in sides for side in result)


def _pad(call: Call) -> bool:
    source, pads = call.inputs[0], call.paddings
    if source is None or pads is None or len(pads) != len(source):
        return False
    are_small = all(0 <= pad <= LARGEST_STEP for pair in pads for pad in pair)
    return are_small and call.output == tuple(
        side + sum(pair) for side, pair in zip(source, pads, strict=True)
    )


@dataclass(frozen=True)
class Rule:
    """The check of one kind of operator.

    Attributes:
        inputs: possible numbers of inputs.
        holds: returns whether the shapes agree.
    """

    inputs: range
    holds: Callable[[Call], bool]


ONE, TWO = range(1, 2), range(2, 3)

RULES: dict[str, Rule] = {
    "LceQuantize": Rule(ONE, _quantize),
    "LceDequantize": Rule(ONE, _dequantize),
    "LceBconv2d": Rule(range(5, 6), _binary_conv),
    "LceBMaxPool2d": Rule(ONE, _pool),
    "CONV_2D": Rule(range(2, 4), _conv),
    "DEPTHWISE_CONV_2D": Rule(range(2, 4), _depthwise),
    "MAX_POOL_2D": Rule(ONE, _pool),
    "AVERAGE_POOL_2D": Rule(ONE, _pool),
    "CONCATENATION": Rule(range(1, 100_000), _concatenation),
    "FULLY_CONNECTED": Rule(range(2, 4), _fully_connected),
    "RESHAPE": Rule(range(1, 3), _reshape),
    "MEAN": Rule(TWO, _mean),
    "PAD": Rule(TWO, _pad),
    "PADV2": Rule(range(3, 4), _pad),
    **{
        name: Rule(TWO, _broadcast)
        for name in ("ADD", "SUB", "MUL", "DIV", "PRELU", "MAXIMUM", "MINIMUM")
    },
    **{
        name: Rule(ONE, _same)
        for name in (
            "SOFTMAX",
            "LOGISTIC",
            "SIGN",
            "RELU",
            "RELU6",
            "ROUND",
            "ABS",
            "TANH",
            "EXP",
            "NEG",
        )
    },
}


def is_sound(name: str, call: Call) -> bool:
    """Tell whether an operator's operands fit together."""
    if any(
        option.startswith(STEPS) and not 1 <= value <= LARGEST_STEP
        for option, value in call.options.items()
    ):
        return False
    rule = RULES.get(name)
    return rule is None or (len(call.inputs) in rule.inputs and rule.holds(call))
