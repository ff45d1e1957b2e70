"""TensorFlow Lite's schema: files to objects and back, and names for the numbers in them."""

import copy
import functools

import numpy as np

from larq_igp.deploy.errors import TFLiteFileError

FILE_IDENTIFIER = b"TFL3"
SCHEMA_VERSION = 3
ALIGNMENT = 16
"""Alignment of constants in bytes: interpreters compute with them in place."""
LCE_PREFIX = "Lce"
BINARY_CONV = "LceBconv2d"
WORD_BITS = 32
"""Number of signs in a packed word."""

DTYPES: dict[str, np.dtype] = {
    name: np.dtype(name.lower())
    for name in (
        *("FLOAT16", "FLOAT32", "FLOAT64", "BOOL"),
        *("INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32", "UINT64"),
    )
}
"""Element types that can be read."""


def schema():
    """Return the classes that TensorFlow generates from its schema."""
    import larq_igp.keras2  # noqa: F401  says what to do where TensorFlow is missing

    # isort: split
    from tensorflow.lite.python import schema_py_generated

    return schema_py_generated


def require_identifier(content: bytes, where: str) -> None:
    """Check that a content, which messages call ``where``, is that of a ``.tflite`` file.

    Raises:
        TFLiteFileError: if it is not.
    """
    if len(content) < 8 or content[4:8] != FILE_IDENTIFIER:
        raise TFLiteFileError(f"{where} is not a .tflite file: the identifier TFL3 is missing.")


def parse(content: bytes):
    """Return the file as the objects of TensorFlow Lite's schema (``ModelT``)."""
    return schema().ModelT.InitFromObj(schema().Model.GetRootAsModel(content, 0))


def pack(model) -> bytes:
    """Return the content of a file for the objects of ``parse``."""
    import flatbuffers

    builder = flatbuffers.Builder(1024)
    content = copy.copy(model)
    content.buffers = [_Aligned(buffer) for buffer in model.buffers]
    builder.Finish(content.Pack(builder), file_identifier=FILE_IDENTIFIER)
    return bytes(builder.Output())


class _Aligned:
    """A constant that is packed aligned, which the generated class cannot do."""

    def __init__(self, buffer):
        self._buffer = buffer

    def Pack(self, builder) -> int:
        data = self._buffer.data
        if data is None or not len(data):
            return self._buffer.Pack(builder)
        content = bytes(data)
        builder.StartVector(1, len(content), ALIGNMENT)
        builder.head -= len(content)
        builder.Bytes[builder.head : builder.head + len(content)] = content
        vector = builder.EndVector()
        schema().BufferStart(builder)
        schema().BufferAddData(builder, vector)
        return schema().BufferEnd(builder)


@functools.cache
def element_kinds() -> dict[int, str]:
    """Return the names of element types by number."""
    return _names(schema().TensorType)


@functools.cache
def builtin_operators() -> dict[int, str]:
    """Return the names of TensorFlow Lite's builtin operators by number."""
    return _names(schema().BuiltinOperator)


def _names(kind: type) -> dict[int, str]:
    return {value: name for name, value in vars(kind).items() if not name.startswith("_")}


def text(name: bytes | str | None) -> str:
    """Return a string of a file, which may be bytes or missing there, as ``str``."""
    return name.decode() if isinstance(name, bytes) else name or ""


def operator_name(code) -> str | None:
    """Return the name of an operator code; None for one that does not exist."""
    number = max(code.builtinCode, code.deprecatedBuiltinCode)
    is_custom = number == schema().BuiltinOperator.CUSTOM
    return (text(code.customCode) if is_custom else builtin_operators().get(number)) or None


def builtin_options(operator) -> dict[str, int]:
    """Return the integer options of one of TensorFlow Lite's builtin operators."""
    options = vars(operator.builtinOptions) if operator.builtinOptions is not None else {}
    return {name: int(value) for name, value in options.items() if isinstance(value, int)}


def custom_options(operator, name: str) -> dict[str, int] | None:
    """Return the options of a custom operator: empty unless it is Larq Compute Engine's, None if
    they cannot be read.
    """
    content = operator.customOptions
    if content is None or not len(content) or not name.startswith(LCE_PREFIX):
        return {}
    from flatbuffers import flexbuffers

    options = flexbuffers.Loads(bytes(content))
    is_map = isinstance(options, dict) and all(isinstance(value, int) for value in options.values())
    return options if is_map else None
