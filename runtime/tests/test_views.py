"""Results without a copy, and files that are mapped: the same numbers, and nothing dangles."""

import gc
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from binary_conv import Case, Conv
from tflite_file import Graph

from larq_igp_runtime import Interpreter, ModelError


@pytest.fixture
def case() -> Case:
    return Case(Conv(channels_in=40))


@pytest.fixture
def x(case) -> np.ndarray:
    return case.x.astype(np.float32)


def address(array: np.ndarray) -> int:
    return array.__array_interface__["data"][0]


def test_a_view_is_the_interpreters_memory(case, path, x):
    interpreter = Interpreter(path)
    view = interpreter.predict(x, copy=False)
    case.check(view)
    where = address(view)
    assert where == address(interpreter._interpreter.tensor(interpreter._output_numbers[0])())
    assert not view.flags.writeable and not view.flags.owndata
    del view
    assert address(interpreter.predict(x, copy=False)) == where


def test_the_default_is_a_copy(case, path, x):
    interpreter = Interpreter(path)
    copies = [interpreter.predict(x) for _ in range(2)]
    assert not np.shares_memory(*copies) and all(one.flags.writeable for one in copies)
    view = interpreter.predict(x, copy=False)
    assert not any(np.shares_memory(view, one) for one in copies)


def test_a_view_in_use_refuses_the_next_call(case, path, x):
    interpreter = Interpreter(path)
    part = interpreter.predict(x, copy=False)[0, ..., 3]
    before = part.copy()
    for call in (
        lambda: interpreter.predict(-x),
        lambda: interpreter.predict(-x, copy=False),
        lambda: interpreter.predict(np.repeat(x, 2, axis=0)),
        lambda: interpreter.resize((2, *x.shape[1:])),
        interpreter.invoke,
    ):
        with pytest.raises(ModelError, match="is still in use: delete it, or copy it"):
            call()
        np.testing.assert_array_equal(part, before)
    del part
    case.check(interpreter.predict(x))
    assert interpreter.predict(np.repeat(x, 2, axis=0), copy=False).shape[0] == 2


def test_a_view_outlives_its_interpreter(case, path, x):
    view = Interpreter(path).predict(x, copy=False)
    gc.collect()
    others = [Interpreter(path).predict(-x) for _ in range(3)]
    assert len(others) == 3
    case.check(view)


def test_several_outputs_and_pieces():
    graph = Graph()
    a, b = graph.input((1, 3, 40)), graph.input((1, 50))
    p = graph.node("LceQuantize", [a], graph.tensor((1, 3, 2), "int32"))
    q = graph.node("LceQuantize", [b], graph.tensor((1, 2), "int32"))
    interpreter = Interpreter(graph.file([p, q]))
    rng = np.random.default_rng(0)
    batch = [rng.normal(size=shape).astype(np.float32) for shape in ((2, 3, 40), (2, 50))]
    expected = interpreter.predict(batch)
    views = interpreter.predict(batch, copy=False)
    for one, other in zip(views, expected, strict=True):
        np.testing.assert_array_equal(one, other)
    del one, views
    interpreter.invoke()

    graph = Graph()  # a batch fixed inside of the file
    x, y = graph.input((1, 4, 40)), graph.tensor((1, 160))
    graph.node("RESHAPE", [x, graph.constant(np.int32([1, 160]))], y)
    packed = graph.node("LceQuantize", [y], graph.tensor((1, 5), "int32"))
    interpreter = Interpreter(graph.file([packed]))
    batch = rng.normal(size=(3, 4, 40)).astype(np.float32)
    whole = interpreter.predict(batch, copy=False)
    np.testing.assert_array_equal(whole, interpreter.predict(batch))


def test_a_mapped_file_is_the_same(case, path, x):
    interpreter = Interpreter(path, mapped=True)
    case.check(interpreter.predict(x))
    assert interpreter.info().delegated == 2
    assert str(path) in Path("/proc/self/maps").read_text()
    del interpreter
    gc.collect()
    case.check(Interpreter(path.read_bytes(), mapped=True).predict(x))


def test_a_mapped_file_may_be_replaced(case, path, x, tmp_path):
    """By another of its name, also between the check and the host's opening of it."""
    interpreter = Interpreter(path, mapped=True)
    (tmp_path / "new").write_bytes(b"something else")
    os.replace(tmp_path / "new", path)
    case.check(interpreter.predict(x))
    path.unlink()
    case.check(interpreter.predict(np.repeat(x, 3, axis=0))[:1])


def test_the_host_gets_what_was_checked(case, path, x, tmp_path, monkeypatch):
    """The name means another file once the check is done: the checked one is loaded."""
    from larq_igp_runtime import interpreter as module

    real, other = module.check, tmp_path / "other"

    def replacing(content, **options):
        real(content, **options)
        other.write_bytes(b"\0" * 64)
        os.replace(other, path)

    monkeypatch.setattr(module, "check", replacing)
    case.check(Interpreter(path, mapped=True).predict(x))
    assert path.read_bytes() == b"\0" * 64


def test_a_file_that_is_written_to_is_refused(path, monkeypatch):
    from larq_igp_runtime import interpreter as module

    real = module.check

    def writing(content, **options):
        real(content, **options)
        with open(path, "ab") as file:
            file.write(b"\0")

    monkeypatch.setattr(module, "check", writing)
    with pytest.raises(ModelError, match="has changed while it was loaded: load it again"):
        Interpreter(path, mapped=True)
    Interpreter(path)  # what was read cannot change


@pytest.mark.parametrize("content", [b"", b"short", b"\0" * 5000])
def test_mapped_files_that_are_none(tmp_path, content):
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(ModelError, match=r"not a \.tflite file"):
        Interpreter(tmp_path / "file", mapped=True)
    with pytest.raises(ModelError, match="cannot be read: Is a directory"):
        Interpreter(tmp_path, mapped=True)
    with pytest.raises(ModelError, match="cannot be read: No such file"):
        Interpreter(tmp_path / "absent", mapped=True)


@pytest.mark.parametrize("mapped", [False, True])
def test_what_has_no_end_is_no_file(tmp_path, mapped):
    """A device would be read until memory ends, and a pipe waited for."""
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", "/dev/zero"):
        with pytest.raises(ModelError, match="cannot be read: it is not a file"):
            Interpreter(path, mapped=mapped)


def test_descriptors_are_closed(path, tmp_path):
    (tmp_path / "cut").write_bytes(path.read_bytes()[:-200])
    (tmp_path / "none").write_bytes(b"")
    count = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        for mapped in (False, True):
            Interpreter(path, mapped=mapped)
            for name in ("cut", "none"):
                with pytest.raises(ModelError):
                    Interpreter(tmp_path / name, mapped=mapped)
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) == count


MEMORY = """
import re, sys
from larq_igp_runtime import Interpreter
def anonymous():
    return int(re.search(r"RssAnon:\\s+(\\d+)", open("/proc/self/status").read())[1])
Interpreter(sys.argv[2])  # loads the libraries
before = anonymous()
interpreter = Interpreter(sys.argv[1], mapped=bool(int(sys.argv[3])))
print(anonymous() - before)
"""


def test_a_mapped_file_takes_no_memory_of_its_own(path, tmp_path):
    """A constant of 20 MB that nothing copies: read, the process holds it, mapped, it does not."""
    graph = Graph()
    x = graph.input((1, 5_000_000))
    table = np.ones((1, 5_000_000), np.float32)
    large = tmp_path / "large.tflite"
    large.write_bytes(graph.file([graph.add(x, graph.constant(table))]))
    kilobytes = {}
    for mapped in (0, 1):
        command = [sys.executable, "-c", MEMORY, large, path, str(mapped)]
        result = subprocess.run(command, capture_output=True, text=True)
        kilobytes[mapped] = int(result.stdout)
    assert kilobytes[0] - kilobytes[1] > 0.9 * large.stat().st_size / 1024
