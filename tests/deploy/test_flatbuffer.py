import random

import numpy as np
import pytest

from larq_igp.deploy.engines import open_engine
from larq_igp.deploy.errors import EngineError, TFLiteFileError
from larq_igp.deploy.flatbuffer import read_tflite
from larq_igp.deploy.schema import pack, parse


def test_reads_operators_options_and_constants(binary):
    file = read_tflite(binary.content)
    assert file.is_binary
    assert file.size_bytes == len(binary.content)
    conv = next(operator for operator in file.operators if operator.name == "LceBconv2d")
    assert conv.is_custom
    assert (
        conv.options["channels_in"],
        conv.options["pad_values"],
        conv.options["stride_height"],
    ) == (16, 1, 1)
    words = file.tensors[conv.inputs[1]]
    assert (words.shape, words.dtype) == ((16, 3, 3, 1), np.int32)  # 16 channels fill half a word
    assert np.all((words.value >= 0) & (words.value < 2**16))


def test_producers_and_consumers(binary):
    file = read_tflite(binary.content)
    for operator in file.operators:
        assert file.producer(operator.outputs[0]) is operator
        assert all(operator in file.consumers(tensor) for tensor in operator.inputs)
    assert file.producer(file.inputs[0]) is None


@pytest.mark.parametrize(
    "content", [b"", b"TFL3", b"\x1c\0\0\0TFL3", b"\x1c\0\0\0TFL3" + bytes(100), b"PK\3\4" * 100]
)
def test_what_is_no_tflite_is_refused(content):
    with pytest.raises(TFLiteFileError, match=r"^the model (is|cannot)"):
        read_tflite(content)


def test_missing_file_and_folder_are_refused(tmp_path):
    with pytest.raises(TFLiteFileError, match="does not exist"):
        read_tflite(tmp_path / "missing.tflite")
    with pytest.raises(TFLiteFileError, match="cannot be read"):
        read_tflite(tmp_path)


def test_truncated_file_is_refused(binary, tmp_path):
    path = tmp_path / "cut.tflite"
    for size in range(8, len(binary.content), len(binary.content) // 40):
        path.write_bytes(binary.content[:size])
        with pytest.raises(TFLiteFileError, match=r"cut\.tflite"):
            read_tflite(path)


def _structure(content: bytes) -> np.ndarray:
    """Return the positions of all bytes but those of large constants."""
    is_structure = np.ones(len(content), bool)
    for tensor in read_tflite(content).tensors:
        if tensor.value is not None and tensor.value.nbytes > 64:
            start = content.find(tensor.value.tobytes())
            is_structure[start : start + tensor.value.nbytes] = False
    return np.flatnonzero(is_structure)


def test_damage_never_takes_the_process_down(binary):
    """Overwrite bytes of the structure: the file is refused, or whatever is left of it runs."""
    places, refused = _structure(binary.content), 0
    for seed in range(150):
        generator = random.Random(seed)
        damaged = bytearray(binary.content)
        for _ in range(generator.choice([1, 2, 4])):
            damaged[generator.choice(places)] = generator.randrange(256)
        try:
            open_engine(bytes(damaged)).invoke()
        except (TFLiteFileError, EngineError):
            refused += 1
    assert refused > 50


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        (
            lambda graph: setattr(graph.tensors[0], "shape", [1, 2**20, 28, 1]),
            "shapes or options of operator 0",
        ),
        (
            lambda graph: setattr(graph.operators[0].builtinOptions, "strideW", -5),
            "shapes or options of operator 0",
        ),
        (
            lambda graph: setattr(graph.operators[3], "inputs", [2**20]),
            "a tensor that does not exist",
        ),
        (lambda graph: setattr(graph.operators[3], "outputs", []), "no output"),
        (lambda graph: graph.operators.reverse(), "before it is written"),
        (lambda graph: setattr(graph.tensors[3], "type", 5), "unsupported kind STRING"),
    ],
)
def test_each_kind_of_damage_is_told(binary, damage, complaint):
    model = parse(binary.content)
    damage(model.subgraphs[0])
    with pytest.raises(TFLiteFileError, match=complaint):
        read_tflite(pack(model))
