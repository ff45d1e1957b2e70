"""Files of strangers: what is refused before an interpreter sees it, and the process that runs the
rest.
"""

import os
import signal
import threading
import time

import numpy as np
import pytest

from larq_igp.deploy.benchmark import benchmark_operators
from larq_igp.deploy.engines import Child, open_engine
from larq_igp.deploy.engines.child import ChildEngine
from larq_igp.deploy.errors import EngineError, TFLiteFileError
from larq_igp.deploy.flatbuffer import read_tflite
from larq_igp.deploy.schema import pack, parse
from larq_igp.deploy.structure import installed_check
from larq_igp.versions import installed_version

QUICK = "larq_igp_runtime" if installed_version("larq-igp-runtime") else "lce"
"""The runtime starts in a moment; Larq Compute Engine imports TensorFlow."""


@pytest.fixture(scope="module")
def child() -> Child:
    return Child()


needs_check = pytest.mark.skipif(
    installed_check() is None and "CI" not in os.environ, reason="larq-igp-runtime is missing"
)


def without_an_input(content: bytes) -> bytes:
    """Leave the first operator without its image."""
    model = parse(content)
    first = model.subgraphs[0].operators[0]
    first.inputs = [-1, *first.inputs[1:]]
    return pack(model)


@pytest.mark.lce
@pytest.mark.parametrize("engine", ["lce", "lce_indirect"])
def test_the_child_computes_the_same(binary, engine, child):
    images = binary.images[:3]
    inside = open_engine(binary.content, engine=engine, child=child)
    here = open_engine(binary.content, engine=engine)
    np.testing.assert_array_equal(inside.predict(images), here.predict(images))
    assert (inside.name, inside.input_shape, inside.threads) == (engine, here.input_shape, 1)
    times = inside.times_ns(runs=5, warmup=1)
    assert len(times) == 5
    assert all(each > 0 for each in times)


@pytest.mark.lce
def test_one_child_times_all_operators(binary, child):
    result = benchmark_operators(binary.content, engine="lce", runs=1, warmup=0, child=child)
    assert len(result.operators) == len(read_tflite(binary.content).operators)


@pytest.mark.lce
def test_what_the_interpreter_refuses_is_one_sentence(binary, child):
    """The check would refuse this file; the child is asked to load it nevertheless."""
    content, file = without_an_input(binary.content), read_tflite(binary.content)
    with pytest.raises(EngineError, match=r"^engine 'lce' cannot load the file: [^\n]*\.$"):
        ChildEngine("lce", content, file, 1, child)


@pytest.mark.lce
def test_death_is_one_sentence(binary, child):
    """LCE's interpreter follows tables out of a file that is cut; where to depends on the file."""
    file = read_tflite(binary.content)
    said = []
    for length in range(1000, 5000, 500):
        with pytest.raises(EngineError, match=r"^engine 'lce' cannot (run|load) the file: ") as e:
            ChildEngine("lce", binary.content[:length], file, 1, child)
        said.append(str(e.value))
    assert any("cannot run the file: it ended by SIG" in each for each in said), said


@pytest.mark.parametrize("number", [signal.SIGABRT, signal.SIGKILL])
def test_a_killed_child_is_one_sentence_and_the_next_file_runs(binary, number):
    child = Child()
    opened = open_engine(binary.content, engine=QUICK, child=child)
    os.kill(child._process.pid, number)
    with pytest.raises(EngineError, match=f"cannot run the file: it ended by {number.name}"):
        opened.predict(binary.images[:1])
    open_engine(binary.content, engine=QUICK, child=child).predict(binary.images[:1])


def test_a_child_that_takes_too_long_is_ended(binary):
    child = Child()
    opened = open_engine(binary.content, engine=QUICK, child=child)
    process = child._process
    os.kill(process.pid, signal.SIGSTOP)
    with pytest.raises(EngineError, match="it took longer than 1 seconds"):
        opened._ask("invoke", seconds=1)
    assert process.wait(10) == -signal.SIGKILL


def test_nothing_is_left_behind(binary):
    child = Child()
    opened = open_engine(binary.content, engine=QUICK, child=child)
    process, before = child._process, threading.active_count()
    opened.invoke()
    del opened, child
    assert process.wait(10) is not None
    time.sleep(0.05)
    assert threading.active_count() <= before


@needs_check
def test_a_damaged_file_is_refused_before_it_is_opened(binary, tmp_path):
    path = tmp_path / "net.tflite"
    path.write_bytes(without_an_input(binary.content))
    with pytest.raises(TFLiteFileError, match=r"net\.tflite cannot be used: .*input 0 is absent\."):
        open_engine(path)


@needs_check
def test_operators_that_are_not_known_run_if_asked_for(full_precision, tmp_path):
    model = parse(full_precision.content)
    graph = model.subgraphs[0]
    last = next(each for each in graph.operators if each.outputs[0] == graph.outputs[0])
    code = model.operatorCodes[last.opcodeIndex]
    code.builtinCode = code.deprecatedBuiltinCode = 104  # ROUND, of one input like SOFTMAX
    code.version = 1
    last.builtinOptions, last.builtinOptionsType = None, 0
    path = tmp_path / "net.tflite"
    path.write_bytes(pack(model))
    with pytest.raises(TFLiteFileError, match=r"is not known \(--unknown-operators runs it\)\."):
        open_engine(path)
    opened = open_engine(path, child=Child(), unknown_operators=True)
    found = opened.predict(full_precision.images[:1])
    np.testing.assert_array_equal(found, np.round(found))


def test_nothing_of_the_current_folder_is_imported(binary, tmp_path, monkeypatch):
    for name in ("numpy.py", "pickle.py", "larq_igp.py"):
        (tmp_path / name).write_text("raise SystemExit('of the current folder')")
    monkeypatch.chdir(tmp_path)
    for place in ("", str(tmp_path)):
        monkeypatch.syspath_prepend(place)
    open_engine(binary.content, engine=QUICK, child=Child()).invoke()
