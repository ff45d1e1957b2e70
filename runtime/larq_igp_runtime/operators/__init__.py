"""The table of known operators, by which `check` decides.

A row has an operator's code, its numbers of inputs and outputs, its table of options, and a
function that checks types, shapes and options against what the kernels access. Declared output
shapes must be those of the operator's results.
"""

from larq_igp_runtime.operators import elements, lce, shapes, windows
from larq_igp_runtime.operators.parts import Known

_REAL = ("float32", "int8", "uint8")
_ONE, _TWO, _MANY = (1, 1), (2, 2), (1, 4096)

TABLE = (
    Known("ADD", 0, 11, _TWO, 1, elements.binary_of(*_REAL, "int32", "int64")),
    Known("AVERAGE_POOL_2D", 1, 5, _ONE, 1, windows.check_pool_2d, needs_options=True),
    Known("CONCATENATION", 2, 10, _MANY, 1, shapes.check_concatenation, needs_options=True),
    Known("CONV_2D", 3, 1, (2, 3), 1, windows.check_conv_2d, optional=(2,), needs_options=True),
    Known(
        "DEPTHWISE_CONV_2D",
        4,
        2,
        (2, 3),
        1,
        windows.check_depthwise_conv_2d,
        optional=(2,),
        needs_options=True,
    ),
    Known("DEPTH_TO_SPACE", 5, 94, _ONE, 1, shapes.check_depth_to_space, needs_options=True),
    Known("DEQUANTIZE", 6, 38, _ONE, 1, elements.check_dequantize),
    Known(
        "FULLY_CONNECTED",
        9,
        8,
        (2, 3),
        1,
        windows.check_fully_connected,
        optional=(2,),
        needs_options=True,
    ),
    Known("LOGISTIC", 14, 0, _ONE, 1, elements.unary_of(*_REAL)),
    Known("MAX_POOL_2D", 17, 5, _ONE, 1, windows.check_pool_2d, needs_options=True),
    Known("MUL", 18, 21, _TWO, 1, elements.binary_of(*_REAL, "int32", "int64")),
    Known("RELU", 19, 0, _ONE, 1, elements.unary_of(*_REAL)),
    Known("RELU_N1_TO_1", 20, 0, _ONE, 1, elements.unary_of("float32")),
    Known("RELU6", 21, 0, _ONE, 1, elements.unary_of(*_REAL)),
    Known("RESHAPE", 22, 17, (1, 2), 1, shapes.check_reshape),
    Known("RESIZE_BILINEAR", 23, 15, _TWO, 1, shapes.check_resize, needs_options=True),
    Known("SOFTMAX", 25, 9, _ONE, 1, elements.check_softmax, needs_options=True),
    Known("SPACE_TO_DEPTH", 26, 19, _ONE, 1, shapes.check_space_to_depth, needs_options=True),
    Known("TANH", 28, 0, _ONE, 1, elements.unary_of(*_REAL)),
    Known("PAD", 34, 22, _TWO, 1, shapes.check_pad),
    Known("TRANSPOSE", 39, 26, _TWO, 1, shapes.check_transpose),
    Known("MEAN", 40, 27, _TWO, 1, shapes.reduce_of(*_REAL)),
    Known("SUB", 41, 28, _TWO, 1, elements.binary_of(*_REAL, "int32", "int64")),
    Known("DIV", 42, 29, _TWO, 1, elements.binary_of("float32")),
    Known("SQUEEZE", 43, 30, _ONE, 1, shapes.check_squeeze),
    Known("STRIDED_SLICE", 45, 32, (4, 4), 1, shapes.check_strided_slice, needs_options=True),
    Known("EXP", 47, 33, _ONE, 1, elements.unary_of("float32")),
    Known("SPLIT", 49, 35, _TWO, 0, shapes.check_split, needs_options=True),
    Known("LOG_SOFTMAX", 50, 36, _ONE, 1, elements.unary_of("float32")),
    Known("CAST", 53, 37, _ONE, 1, elements.check_cast),
    Known("PRELU", 54, 0, _TWO, 1, elements.check_prelu),
    Known("MAXIMUM", 55, 39, _TWO, 1, elements.binary_of(*_REAL, "int32", "int64")),
    Known("ARG_MAX", 56, 40, _TWO, 1, shapes.check_arg_max, needs_options=True),
    Known("MINIMUM", 57, 39, _TWO, 1, elements.binary_of(*_REAL, "int32", "int64")),
    Known("NEG", 59, 42, _ONE, 1, elements.unary_of("float32")),
    Known("PADV2", 60, 43, (3, 3), 1, shapes.check_pad),
    Known("SLICE", 65, 48, (3, 3), 1, shapes.check_slice),
    Known(
        "TRANSPOSE_CONV",
        67,
        49,
        (3, 4),
        1,
        windows.check_transpose_conv,
        optional=(3,),
        needs_options=True,
    ),
    Known("EXPAND_DIMS", 70, 52, _TWO, 1, shapes.check_expand_dims),
    Known("LOG", 73, 0, _ONE, 1, elements.unary_of("float32")),
    Known("SUM", 74, 27, _TWO, 1, shapes.reduce_of("float32")),
    Known("SQRT", 75, 0, _ONE, 1, elements.unary_of("float32")),
    Known("RSQRT", 76, 0, _ONE, 1, elements.unary_of("float32")),
    Known("SHAPE", 77, 55, _ONE, 1, shapes.check_shape, needs_options=True),
    Known("REDUCE_MAX", 82, 27, _TWO, 1, shapes.reduce_of("float32")),
    Known("PACK", 83, 59, _MANY, 1, shapes.check_pack, needs_options=True),
    Known("SQUARE", 92, 66, _ONE, 1, elements.unary_of("float32")),
    Known("RESIZE_NEAREST_NEIGHBOR", 97, 74, _TWO, 1, shapes.check_resize, needs_options=True),
    Known("LEAKY_RELU", 98, 75, _ONE, 1, elements.unary_of(*_REAL), needs_options=True),
    Known("SQUARED_DIFFERENCE", 99, 76, _TWO, 1, elements.binary_of("float32")),
    Known("MIRROR_PAD", 100, 77, _TWO, 1, shapes.check_mirror_pad, needs_options=True),
    Known("ABS", 101, 78, _ONE, 1, elements.unary_of("float32")),
    Known("ELU", 111, 0, _ONE, 1, elements.unary_of("float32")),
    Known("QUANTIZE", 114, 89, _ONE, 1, elements.check_quantize),
    Known("HARD_SWISH", 117, 91, _ONE, 1, elements.unary_of(*_REAL)),
    Known("GELU", 150, 116, _ONE, 1, elements.unary_of("float32"), needs_options=True),
)
BY_CODE = {known.code: known for known in TABLE}
CUSTOM = {
    known.name: known
    for known in (
        Known("LceQuantize", -1, 0, _ONE, 1, lce.check_lce_quantize),
        Known("LceDequantize", -1, 0, _ONE, 1, lce.check_lce_dequantize),
        Known("LceBconv2d", -1, 0, (5, 5), 1, lce.check_lce_bconv2d, optional=(2, 3, 4), blob=True),
        Known("LceBMaxPool2d", -1, 0, _ONE, 1, lce.check_lce_max_pool, blob=True),
    )
}
