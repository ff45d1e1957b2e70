"""Reads the tables of a TFLite file; every offset and length is checked before it is followed.

A file is a FlatBuffer: tables that point to each other. Interpreters follow those pointers without
checks, so a damaged one leads them anywhere. Here only fields of `SCHEMA` are accepted, and all of
them must lie inside the file.
"""

import mmap
import struct
from types import SimpleNamespace
from typing import Any

import numpy as np

#: Tables that one file may hold, repetitions counted: a file can name the same table many times.
MAX_TABLES = 200_000

_SCALARS = {
    "u8": "<B",
    "i8": "<b",
    "bool": "<B",
    "u32": "<I",
    "i32": "<i",
    "f32": "<f",
    "u64": "<Q",
}
_DTYPES = {"u8": "<u1", "bool": "<u1", "i32": "<i4", "f32": "<f4", "i64": "<i8"}

# name of a table -> its fields by number: (name, kind) or (name, kind, default). Kinds are scalars,
# "text", "bytes" (a range of the file), "[scalar]", "[Table]", "Table", "options" (which table it
# is, the field before says), and "none": a feature that is not supported, so it may not be there.
SCHEMA: dict[str, dict[int, tuple]] = {
    "Model": {
        0: ("version", "u32"),
        1: ("operator_codes", "[OperatorCode]"),
        2: ("subgraphs", "[SubGraph]"),
        3: ("description", "text"),
        4: ("buffers", "[Buffer]"),
        5: ("metadata_buffer", "[i32]"),
        6: ("metadata", "[Metadata]"),
        7: ("signatures", "[SignatureDef]"),
    },
    "OperatorCode": {
        0: ("deprecated_code", "i8"),
        1: ("custom_code", "text"),
        2: ("version", "i32", 1),
        3: ("code", "i32"),
    },
    "SubGraph": {
        0: ("tensors", "[Tensor]"),
        1: ("inputs", "[i32]"),
        2: ("outputs", "[i32]"),
        3: ("operators", "[Operator]"),
        4: ("name", "text"),
        5: ("debug_metadata_index", "i32", -1),
    },
    "Tensor": {
        0: ("shape", "[i32]"),
        1: ("type", "i8"),
        2: ("buffer", "u32"),
        3: ("name", "text"),
        4: ("quantization", "Quantization"),
        5: ("is_variable", "bool"),
        6: ("sparsity", "none"),
        7: ("shape_signature", "[i32]"),
        8: ("has_rank", "bool"),
        9: ("variant_tensors", "none"),
    },
    "Quantization": {
        0: ("min", "[f32]"),
        1: ("max", "[f32]"),
        2: ("scale", "[f32]"),
        3: ("zero_point", "[i64]"),
        4: ("details_type", "u8"),
        5: ("details", "none"),
        6: ("dimension", "i32"),
    },
    "Operator": {
        0: ("code", "u32"),
        1: ("inputs", "[i32]"),
        2: ("outputs", "[i32]"),
        3: ("options_type", "u8"),
        4: ("options", "options"),
        5: ("custom_options", "bytes"),
        6: ("custom_options_format", "i8"),
        7: ("mutating_inputs", "[bool]"),
        8: ("intermediates", "[i32]"),
        9: ("large_custom_options_offset", "u64"),
        10: ("large_custom_options_size", "u64"),
        11: ("options_2_type", "u8"),
        12: ("options_2", "none"),
        13: ("debug_metadata_index", "i32", -1),
    },
    "Buffer": {0: ("data", "bytes"), 1: ("offset", "u64"), 2: ("size", "u64")},
    "Metadata": {0: ("name", "text"), 1: ("buffer", "u32")},
    "SignatureDef": {
        0: ("inputs", "[TensorMap]"),
        1: ("outputs", "[TensorMap]"),
        2: ("key", "text"),
        4: ("subgraph", "u32"),
    },
    "TensorMap": {0: ("name", "text"), 1: ("tensor", "u32")},
}

# number in the union of options -> fields; only of operators that `operators` knows.
OPTIONS: dict[int, dict[int, tuple]] = {
    1: {  # CONV_2D
        0: ("padding", "i8"),
        1: ("stride_w", "i32"),
        2: ("stride_h", "i32"),
        3: ("activation", "i8"),
        4: ("dilation_w", "i32", 1),
        5: ("dilation_h", "i32", 1),
        6: ("bias_type", "i8"),
    },
    2: {  # DEPTHWISE_CONV_2D
        0: ("padding", "i8"),
        1: ("stride_w", "i32"),
        2: ("stride_h", "i32"),
        3: ("multiplier", "i32"),
        4: ("activation", "i8"),
        5: ("dilation_w", "i32", 1),
        6: ("dilation_h", "i32", 1),
    },
    5: {  # pooling
        0: ("padding", "i8"),
        1: ("stride_w", "i32"),
        2: ("stride_h", "i32"),
        3: ("filter_w", "i32"),
        4: ("filter_h", "i32"),
        5: ("activation", "i8"),
    },
    8: {  # FULLY_CONNECTED
        0: ("activation", "i8"),
        1: ("weights_format", "i8"),
        2: ("keep_dims", "bool"),
        3: ("asymmetric", "bool"),
        4: ("bias_type", "i8"),
    },
    9: {0: ("beta", "f32")},  # SOFTMAX
    10: {0: ("axis", "i32"), 1: ("activation", "i8")},  # CONCATENATION
    11: {0: ("activation", "i8"), 1: ("pot_scale_int16", "bool", 1)},  # ADD
    15: {2: ("align_corners", "bool"), 3: ("half_pixel_centers", "bool")},  # RESIZE_BILINEAR
    17: {0: ("shape", "[i32]")},  # RESHAPE
    19: {0: ("block", "i32")},  # SPACE_TO_DEPTH
    21: {0: ("activation", "i8")},  # MUL
    22: {},  # PAD
    26: {},  # TRANSPOSE
    27: {0: ("keep_dims", "bool")},  # MEAN, SUM, REDUCE_MAX
    28: {0: ("activation", "i8"), 1: ("pot_scale_int16", "bool", 1)},  # SUB
    29: {0: ("activation", "i8")},  # DIV
    30: {0: ("dims", "[i32]")},  # SQUEEZE
    32: {  # STRIDED_SLICE
        0: ("begin_mask", "i32"),
        1: ("end_mask", "i32"),
        2: ("ellipsis_mask", "i32"),
        3: ("new_axis_mask", "i32"),
        4: ("shrink_axis_mask", "i32"),
        5: ("offset", "bool"),
    },
    33: {},  # EXP
    35: {0: ("splits", "i32")},  # SPLIT
    36: {},  # LOG_SOFTMAX
    37: {0: ("in_type", "i8"), 1: ("out_type", "i8")},  # CAST
    38: {},  # DEQUANTIZE
    39: {},  # MAXIMUM, MINIMUM
    40: {0: ("out_type", "i8")},  # ARG_MAX
    42: {},  # NEG
    43: {},  # PADV2
    48: {},  # SLICE
    49: {  # TRANSPOSE_CONV
        0: ("padding", "i8"),
        1: ("stride_w", "i32"),
        2: ("stride_h", "i32"),
        3: ("activation", "i8"),
        4: ("bias_type", "i8"),
    },
    52: {},  # EXPAND_DIMS
    55: {0: ("out_type", "i8")},  # SHAPE
    59: {0: ("count", "i32"), 1: ("axis", "i32")},  # PACK
    66: {},  # SQUARE
    74: {0: ("align_corners", "bool"), 1: ("half_pixel_centers", "bool")},  # RESIZE_NEAREST
    75: {0: ("alpha", "f32")},  # LEAKY_RELU
    76: {},  # SQUARED_DIFFERENCE
    77: {0: ("mode", "i8")},  # MIRROR_PAD
    78: {},  # ABS
    89: {},  # QUANTIZE
    91: {},  # HARD_SWISH
    94: {0: ("block", "i32")},  # DEPTH_TO_SPACE
    116: {0: ("approximate", "bool")},  # GELU
}


class FormatError(ValueError):
    """The file's tables are damaged; the message is the reason, without the file's name."""


class Reader:
    """Tables of one file as objects whose attributes are the fields; absent ones have defaults.

    An absent vector of numbers or tables is empty; an absent text, table or range of bytes is None.
    """

    def __init__(self, content: bytes | mmap.mmap):
        """Takes the content of a file; reads nothing yet."""
        self.content = content
        self.tables_left = MAX_TABLES

    def model(self) -> Any:
        """The table that the file begins with."""
        if len(self.content) < 8 or self.content[4:8] != b"TFL3":
            raise FormatError("the file identifier TFL3 is missing")
        return self._table(self._unpack("<I", 0), "Model", SCHEMA["Model"])

    def _unpack(self, form: str, at: int) -> Any:
        size = struct.calcsize(form)
        if at < 0 or at + size > len(self.content):
            raise FormatError("an offset leads out of the file")
        if at % size:
            raise FormatError("a number lies at an odd place")
        return struct.unpack_from(form, self.content, at)[0]

    def _table(self, at: int, name: str, fields: dict[int, tuple], unknown: bool = False) -> Any:
        self.tables_left -= 1
        if self.tables_left < 0:
            raise FormatError(f"it has more than {MAX_TABLES} tables")
        places = at - self._unpack("<i", at)
        size, extent = self._unpack("<H", places), self._unpack("<H", places + 2)
        if size < 4 or size % 2 or places + size > len(self.content):
            raise FormatError(f"the list of fields of a table {name} is damaged")
        if extent < 4 or at + extent > len(self.content):
            raise FormatError(f"a table {name} leads out of the file")
        offsets = struct.unpack_from(f"<{size // 2 - 2}H", self.content, places + 4)
        table = SimpleNamespace()
        for field, kind, *default in fields.values():
            empty = () if kind[0] == "[" else None if kind not in _SCALARS else 0
            setattr(table, field, default[0] if default else empty)
        for number, offset in enumerate(offsets):
            if offset == 0:
                continue
            if number not in fields:
                if unknown:
                    continue
                raise FormatError(f"a table {name} has a field {number}, which is not known")
            field, kind, *_ = fields[number]
            if kind == "none":
                raise FormatError(f"a table {name} has {field}, which is not supported")
            width = struct.calcsize(_SCALARS[kind]) if kind in _SCALARS else 4
            if offset < 4 or offset + width > extent:
                raise FormatError(f"field {field} of a table {name} lies outside of it")
            setattr(table, field, self._field(at + offset, kind, table))
        return table

    def _field(self, at: int, kind: str, table: Any) -> Any:
        if kind in _SCALARS:
            return self._unpack(_SCALARS[kind], at)
        target = at + self._unpack("<I", at)
        if kind == "text":
            return self._text(target)
        if kind == "bytes":
            return self._range(target, 1)
        if kind == "options":
            fields = OPTIONS.get(table.options_type)
            # Of operators that are not known, only that a table is there.
            known = fields is not None
            return self._table(target, "options", fields if known else {}, unknown=not known)
        if kind[0] != "[":
            return self._table(target, kind, SCHEMA[kind])
        item = kind[1:-1]
        if item in _DTYPES:
            dtype = np.dtype(_DTYPES[item])
            start, size = self._range(target, dtype.itemsize)
            return np.frombuffer(self.content, dtype, size // dtype.itemsize, start).tolist()
        start, size = self._range(target, 4)
        if size // 4 > self.tables_left:
            raise FormatError(f"it has more than {MAX_TABLES} tables")
        offsets = struct.unpack_from(f"<{size // 4}I", self.content, start)
        fields = SCHEMA[item]
        return [self._table(start + 4 * i + o, item, fields) for i, o in enumerate(offsets)]

    def _range(self, at: int, item_size: int) -> tuple[int, int]:
        """Where the items of a vector lie: first byte, number of bytes."""
        count = self._unpack("<I", at)
        if count * item_size > len(self.content) - at - 4:
            raise FormatError("a vector leads out of the file")
        if (at + 4) % item_size:
            raise FormatError("a vector lies at an odd place")
        return at + 4, count * item_size

    def _text(self, at: int) -> str:
        start, size = self._range(at, 1)
        if start + size >= len(self.content) or self.content[start + size] != 0:
            raise FormatError("a text has no end")
        text = self.content[start : start + size]
        if b"\0" in text:
            raise FormatError("a text has an end before its end")
        try:
            return text.decode()
        except UnicodeDecodeError:
            raise FormatError("a text is not UTF-8") from None


def read_flexbuffer_map(blob: bytes) -> dict[str, int]:
    """The numbers of a FlexBuffers map, in which custom operators store their options.

    Raises:
        FormatError: it is damaged, or contains something other than integers and booleans.
    """
    error = FormatError("its options are not a FlexBuffer map")
    integer, unsigned, mapping, boolean = 1, 2, 9, 26
    size = len(blob)

    def number(at: int, width: int) -> int:
        if width not in (1, 2, 4, 8) or at < 0 or at + width > size:
            raise error
        return int.from_bytes(blob[at : at + width], "little")

    if size < 3:
        raise error
    width, packed = blob[-1], blob[-2]
    root = size - 2 - width
    if packed >> 2 != mapping:
        raise error
    values = root - number(root, width)
    width = 1 << (packed & 3)
    count = number(values - width, width)
    keys = values - 3 * width - number(values - 3 * width, width)
    key_width = number(values - 2 * width, width)
    if number(keys - key_width, key_width) != count or count > size:
        raise error
    types = values + count * width
    if types + count > size:
        raise error
    found: dict[str, int] = {}
    for i in range(count):
        at = keys + i * key_width
        start = at - number(at, key_width)
        end = blob.find(b"\0", start) if 0 <= start < size else -1
        if end < 0:
            raise error
        name = blob[start:end].decode("latin-1")
        if found and name <= next(reversed(found)):
            raise error  # look-ups rely on the order
        kind, value = blob[types + i] >> 2, number(values + i * width, width)
        if kind not in (integer, unsigned, boolean):
            raise error
        if kind == integer and value >> (8 * width - 1):
            value -= 1 << 8 * width
        found[name] = value
    return found
