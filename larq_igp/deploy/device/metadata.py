"""TensorFlow Lite's metadata: a file's input and output, as Android's task library reads them.

The metadata is a separate flatbuffer in the buffer ``TFLITE_METADATA``. The labels are a text file
in a ZIP archive that is appended to the ``.tflite``. No package with this schema can be installed
together with a current TensorFlow, so the few tables that are needed are written here, slot by
slot.

Reference: metadata_schema.fbs of tensorflow/tflite-support, version 1.
"""

import io
import zipfile
from collections.abc import Sequence

import flatbuffers
import numpy as np

from larq_igp.data import Preprocessing
from larq_igp.deploy.device.edit import Edit
from larq_igp.deploy.schema import schema

ENTRY = b"TFLITE_METADATA"
IDENTIFIER = b"M001"
PARSER = "1.0.0"
"""First version of readers that know all fields that are written here."""
LABELS = "labels.txt"
LABELS_OF_AXIS = 2
FEATURE, IMAGE = 1, 2
"""Kinds of content: anything, and images."""
NORMALISATION = 1
COLOURS = {3: 1, 1: 2}
"""Channels of an image -> number of the colour space, RGB or grey."""
LONG_AGO = (1980, 1, 1, 0, 0, 0)
"""Date in each archive: always the same, so that the same network gives the same file."""


def with_metadata(
    content: bytes,
    preprocessing: Preprocessing,
    *,
    name: str,
    class_names: Sequence[str] = (),
    scores: str | None = None,
) -> bytes:
    """Return the same file with metadata, and with its labels if there are any.

    Args:
        content: content of a file that takes images.
        preprocessing: preprocessing of the network.
        name: name of the network.
        class_names: in the order of the outputs; empty if unknown.
        scores: ``probabilities`` or ``logits``; None if unknown.
    """
    edit = Edit(content)
    labels = "\n".join(" ".join(each.split()) for each in class_names)
    described = _described(edit, preprocessing, name, scores, has_labels=bool(labels))
    entry, buffer = schema().MetadataT(), schema().BufferT()
    buffer.data = np.frombuffer(described, np.uint8)
    entry.name, entry.buffer = ENTRY, len(edit.model.buffers)
    edit.model.buffers.append(buffer)
    others = [each for each in edit.model.metadata or [] if each.name != ENTRY]
    edit.model.metadata = [*others, entry]
    file = io.BytesIO(edit.content())
    if labels:
        with zipfile.ZipFile(file, "a", zipfile.ZIP_STORED) as archive:
            archive.writestr(zipfile.ZipInfo(LABELS, LONG_AGO), labels)
    return file.getvalue()


def _described(
    edit: Edit, preprocessing: Preprocessing, name: str, scores: str | None, *, has_labels: bool
) -> bytes:
    build = flatbuffers.Builder(1024)
    takes_pixels = edit.element_kind(int(edit.graph.inputs[0])) == "UINT8"
    image = _image(build, preprocessing, takes_pixels)
    result = _result(build, scores, has_labels)
    graph = _table(build, 9, offsets={2: _vector(build, [image]), 3: _vector(build, [result])})
    strings = {0: build.CreateString(name), 7: build.CreateString(PARSER)}
    model = _table(build, 8, offsets={**strings, 3: _vector(build, [graph])})
    build.Finish(model, file_identifier=IDENTIFIER)
    return bytes(build.Output())


def _image(build: flatbuffers.Builder, preprocessing: Preprocessing, takes_pixels: bool) -> int:
    """Describe the input: unchanged pixels, or normalised ones."""
    height, width, channels = preprocessing.input_shape
    size = _table(build, 2, numbers={0: width, 1: height})
    space = COLOURS.get(channels, 0)
    what = _table(build, 2, numbers={0: np.int8(space)}, offsets={1: size})
    content = _table(build, 3, numbers={0: np.uint8(IMAGE)}, offsets={1: what})
    mean, deviation = preprocessing.mean, preprocessing.deviation
    if takes_pixels:
        mean, deviation = (0.0,), (1.0,)
        says = f"RGB pixels from 0 to 255, {height} x {width}; the file normalises them."
    else:
        says = f"RGB pixels, {height} x {width}, normalised."
    steps = _table(build, 2, offsets={0: _floats(build, mean), 1: _floats(build, deviation)})
    unit = _table(build, 2, numbers={0: np.uint8(NORMALISATION)}, offsets={1: steps})
    largest, least = ((level - np.asarray(mean)) / np.asarray(deviation) for level in (255.0, 0.0))
    stats = _table(build, 2, offsets={0: _floats(build, largest), 1: _floats(build, least)})
    says = says if channels == 3 else says.replace("RGB pixels", "Pixels")
    strings = {0: build.CreateString("image"), 1: build.CreateString(says)}
    units = _vector(build, [unit])
    return _table(build, 7, offsets={**strings, 3: content, 4: units, 5: stats})


def _result(build: flatbuffers.Builder, scores: str | None, has_labels: bool) -> int:
    """Describe the output: a number for each class."""
    what = _table(build, 0)
    fields = {3: _table(build, 3, numbers={0: np.uint8(FEATURE)}, offsets={1: what})}
    fields[0] = build.CreateString({"probabilities": "probability"}.get(scores or "", "score"))
    fields[1] = build.CreateString(f"The {scores or 'scores'} of the classes.")
    if scores == "probabilities":
        ends = {0: _floats(build, [1.0]), 1: _floats(build, [0.0])}
        fields[5] = _table(build, 2, offsets=ends)
    if has_labels:
        names = {0: build.CreateString(LABELS), 1: build.CreateString("Names of the classes.")}
        file = _table(build, 4, numbers={2: np.int8(LABELS_OF_AXIS)}, offsets=names)
        fields[6] = _vector(build, [file])
    return _table(build, 7, offsets=fields)


def _table(
    build: flatbuffers.Builder,
    slots: int,
    *,
    numbers: "dict[int, int | np.int8 | np.uint8] | None" = None,
    offsets: dict[int, int] | None = None,
) -> int:
    """Write a table with this number of fields; a number of type int is stored as uint32."""
    build.StartObject(slots)
    for slot, value in (numbers or {}).items():
        if isinstance(value, np.int8):
            build.PrependInt8Slot(slot, int(value), 0)
        elif isinstance(value, np.uint8):
            build.PrependUint8Slot(slot, int(value), 0)
        else:
            build.PrependUint32Slot(slot, int(value), 0)
    for slot, offset in (offsets or {}).items():
        build.PrependUOffsetTRelativeSlot(slot, offset, 0)
    return build.EndObject()


def _vector(build: flatbuffers.Builder, tables: Sequence[int]) -> int:
    build.StartVector(4, len(tables), 4)
    for table in reversed(tables):
        build.PrependUOffsetTRelative(table)
    return build.EndVector()


def _floats(build: flatbuffers.Builder, values: Sequence[float] | np.ndarray) -> int:
    return build.CreateNumpyVector(np.asarray(values, np.float32))
