"""What Android's task library reads in a file, read slot by slot as its schema numbers them."""

import io
import zipfile

import flatbuffers
import numpy as np
import pytest

from larq_igp.data import Preprocessing
from larq_igp.deploy.convert import convert
from larq_igp.deploy.device.metadata import with_metadata
from larq_igp.deploy.device.pixels import take_pixels
from larq_igp.deploy.flatbuffer import read_tflite
from larq_igp.deploy.schema import parse
from larq_igp.deploy.structure import check_structure
from tests.deploy.device.conftest import PREPROCESSING, SHAPE

NAMES = ("a cat", "dog", "été")
N = flatbuffers.number_types


class Reader:
    """A table of a flatbuffer, whose fields are asked for by number."""

    def __init__(self, data: bytes, place: int):
        self._table = flatbuffers.table.Table(bytearray(data), place)
        self._data = data

    def _at(self, slot: int) -> int:
        return self._table.Offset(4 + 2 * slot)

    def number(self, slot: int, kind=N.Uint8Flags) -> int:
        at = self._at(slot)
        return self._table.Get(kind, at + self._table.Pos) if at else 0

    def text(self, slot: int) -> str:
        return self._table.String(self._at(slot) + self._table.Pos).decode()

    def table(self, slot: int) -> "Reader":
        return Reader(self._data, self._table.Indirect(self._at(slot) + self._table.Pos))

    def tables(self, slot: int) -> list["Reader"]:
        at = self._at(slot)
        if not at:
            return []
        first = self._table.Vector(at)
        return [
            Reader(self._data, self._table.Indirect(first + 4 * i))
            for i in range(self._table.VectorLen(at))
        ]

    def floats(self, slot: int) -> list[float]:
        return self._table.GetVectorAsNumpy(N.Float32Flags, self._at(slot)).tolist()


def metadata_of(content: bytes) -> Reader:
    model = parse(content)
    (entry,) = [each for each in model.metadata if each.name == b"TFLITE_METADATA"]
    data = bytes(model.buffers[entry.buffer].data)
    assert data[4:8] == b"M001"
    return Reader(data, int.from_bytes(data[:4], "little"))


@pytest.mark.parametrize("takes_pixels", [True, False])
def test_image_normalisation_and_labels(takes_pixels, model):
    content = convert(model)
    content = take_pixels(content, PREPROCESSING) if takes_pixels else content
    options = {"name": "points", "class_names": NAMES, "scores": "probabilities"}
    content = with_metadata(content, PREPROCESSING, **options)
    found = metadata_of(content)
    assert (found.text(0), found.text(7)) == ("points", "1.0.0")
    (graph,) = found.tables(3)
    (image,), (result,) = graph.tables(2), graph.tables(3)
    what = image.table(3)
    assert what.number(0) == 2  # an image
    assert what.table(1).number(0) == 1  # RGB
    size = what.table(1).table(1)
    assert [size.number(side, N.Uint32Flags) for side in (0, 1)] == [10, 12]  # width, height
    (unit,) = image.tables(4)
    assert unit.number(0) == 1  # of normalisation
    mean, deviation = unit.table(1).floats(0), unit.table(1).floats(1)
    wanted = ([0.0], [1.0]) if takes_pixels else (PREPROCESSING.mean, PREPROCESSING.deviation)
    np.testing.assert_allclose([*mean, *deviation], [*wanted[0], *wanted[1]], rtol=1e-6)
    (labels,) = result.tables(6)
    assert (labels.text(0), labels.number(2)) == ("labels.txt", 2)  # labels of an axis
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        (entry,) = archive.infolist()
        assert entry.compress_type == zipfile.ZIP_STORED
        assert archive.read(labels.text(0)).decode().split("\n") == list(NAMES)


def test_every_reader_takes_the_file_and_it_computes_the_same(model, pixels, run_everywhere):
    bare = take_pixels(convert(model), PREPROCESSING)
    content = with_metadata(bare, PREPROCESSING, name="points", class_names=NAMES)
    assert read_tflite(content).histogram() == read_tflite(bare).histogram()
    check_structure(content, "the file", unknown_operators=False)
    before = run_everywhere(bare, pixels)
    for name, found in run_everywhere(content, pixels).items():
        np.testing.assert_array_equal(found, before[name])


def test_the_same_network_is_the_same_file(model):
    first, second = (
        with_metadata(convert(model), PREPROCESSING, name="points", class_names=NAMES)
        for _ in range(2)
    )
    assert first == second


def test_one_mean_may_stand_beside_a_deviation_for_each_channel(model):
    mixed = Preprocessing(SHAPE, (100.0,), (50.0, 60.0, 100.0))
    (graph,) = metadata_of(with_metadata(convert(model), mixed, name="points")).tables(3)
    ends = graph.tables(2)[0].table(5)
    np.testing.assert_allclose(ends.floats(0), [155 / 50, 155 / 60, 155 / 100], rtol=1e-6)
    np.testing.assert_allclose(ends.floats(1), [-2, -100 / 60, -1], rtol=1e-6)


def test_a_network_without_class_names_has_no_archive(model):
    content = with_metadata(convert(model), PREPROCESSING, name="points")
    assert not zipfile.is_zipfile(io.BytesIO(content))
    (graph,) = metadata_of(content).tables(3)
    assert graph.tables(3)[0].tables(6) == []
