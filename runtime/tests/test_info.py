"""What is said of a file: its operators, which of them run in the engine, what fused, how long."""

import json
import logging
import subprocess
import sys

import numpy as np
import pytest
from binary_conv import Case, Conv
from conftest import RUNTIME
from tflite_file import Graph

from larq_igp_runtime import Interpreter, ModelError
from larq_igp_runtime.host import find_host

FILES = sorted((RUNTIME.parent / "tflite_models").glob("*.tflite"))


def residual() -> tuple[Graph, bytes]:
    """Two blocks with a shortcut each, and a RELU, which nobody but the interpreter runs."""
    graph = Graph()
    x = graph.input((1, 8, 8, 64))
    for _ in range(2):
        words = graph.node("LceQuantize", [x], graph.tensor((1, 8, 8, 2), "int32"))
        case = Case(Conv((8, 8), 64, 64))
        x = graph.add(case.append_to(graph, words), x)
    return graph, graph.file([graph.node("RELU", [x], graph.tensor((1, 8, 8, 64)))])


def listed_by_the_host(content: bytes) -> list[str]:
    """The operators as the host's interpreter reads them, before a delegate changes them."""
    return [
        one["op_name"] for one in find_host().interpreter(model_content=content)._get_ops_details()
    ]


def test_fused_blocks():
    graph, content = residual()
    info = Interpreter(content).info()
    assert [one.name for one in info.operators] == [one.code for one in graph.operators]
    # The second LceQuantize, operator 3, packs what the first block adds up: it fuses with it.
    assert [step.operators for step in info.steps] == [(0,), (1, 2, 3), (4, 5)]
    assert [step.kind for step in info.steps] == ["LceQuantize", "LceBconv2d", "LceBconv2d"]
    assert [one.steps for one in info.operators] == [(0,), (1,), (1,), (1,), (2,), (2,), ()]
    assert [one.delegated for one in info.operators] == [True] * 6 + [False]
    assert (info.delegated, info.partitions, info.num_threads) == (6, 1, 1)
    assert info.operators[6].reason and not any(one.reason for one in info.operators[:6])
    assert info.steps[0].input_shape == (1, 8, 8, 64)


def test_nothing_fuses_if_it_must_not():
    info = Interpreter(residual()[1], fuse=False).info()
    assert not info.fuse and info.pixels
    assert [step.operators for step in info.steps] == [(0,), (1,), (3,), (4,)]
    assert info.partitions == 2
    assert [one.reason for one in info.operators if one.name == "ADD"] == ["fuse is off"] * 2


def test_convolutions_that_run_together():
    """Two of one input are one step; what is fused into each of them is in it as well."""
    graph = Graph()
    words = graph.input((1, 6, 6, 2), "int32")
    a, b = (Case(Conv((6, 6), 64, 32)).append_to(graph, words) for _ in range(2))
    info = Interpreter(graph.file([graph.add(a, b)])).info()
    assert sorted(n for step in info.steps for n in step.operators) == [0, 1, 2]


@pytest.mark.parametrize("fuse", [True, False])
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_whole_networks(file, fuse):
    """Names by the host, and every delegated operator in a step, in no two partitions."""
    content = file.read_bytes()
    info = Interpreter(content, fuse=fuse).info()
    assert [one.name for one in info.operators] == listed_by_the_host(content)
    assert {one.number for one in info.operators if one.delegated} == {
        number for step in info.steps for number in step.operators
    }
    for one in info.operators:
        assert bool(one.steps) == one.delegated == (not one.reason)
        assert len({info.steps[step].partition for step in one.steps}) <= 1
        assert one.delegated or not one.name.startswith("Lce")
    assert {step.partition for step in info.steps} == set(range(info.partitions))
    if not fuse:
        assert all(len(step.operators) == 1 for step in info.steps)


def test_a_file_without_operators_of_the_engine():
    graph = Graph()
    x = graph.input((1, 4))
    info = Interpreter(graph.file([graph.node("RELU", [x], graph.tensor((1, 4)))]), 2).info()
    assert (info.partitions, info.steps, info.delegated, info.num_threads) == (0, (), 0, 2)
    assert info.as_text().splitlines()[0].startswith("0 of 1 operators delegated in 0 partitions")


def test_profile():
    """Times of each run, none without; the medians are less than what the whole takes."""
    content = residual()[1]
    x = np.random.default_rng(0).normal(size=(1, 8, 8, 64)).astype(np.float32)
    timed, plain = Interpreter(content, profile=True), Interpreter(content)
    for _ in range(7):
        np.testing.assert_array_equal(timed.predict(x), plain.predict(x))
    assert [step.runs for step in timed.info().steps] == [7] * 3
    assert all(0 < step.median_ms < 1000 for step in timed.info().steps)
    assert {(step.runs, step.median_ms) for step in plain.info().steps} == {(0, None)}
    for _ in range(1200):
        timed.invoke()
    described = timed._delegate.describe()["partitions"][0]["steps"]
    assert {(step["runs"], len(step["milliseconds"])) for step in described} == {(1207, 1000)}


def test_profile_sees_what_is_slow():
    """A convolution of 64 times the work of another takes longer."""
    graph = Graph()
    small, large = (graph.input((1, side, side, 4), "int32") for side in (4, 32))
    outputs = [
        Case(Conv((side, side), 128, 128)).append_to(graph, x)
        for side, x in ((4, small), (32, large))
    ]
    interpreter = Interpreter(graph.file(outputs), profile=True)
    for _ in range(20):
        interpreter.invoke()
    times = {step.input_shape: step.median_ms for step in interpreter.info().steps}
    assert times[1, 32, 32, 4] > 8 * times[1, 4, 4, 4]


def command(*arguments) -> str:
    result = subprocess.run(
        [sys.executable, "-m", "larq_igp_runtime", *map(str, arguments)],
        capture_output=True,
        text=True,
    )
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout


def test_command(tmp_path):
    path = tmp_path / "net.tflite"
    path.write_bytes(residual()[1])
    lines = command(path, "--info", "--instruction-set", "portable").splitlines()
    assert lines[0] == (
        f"{path}: 6 of 7 operators delegated in 1 partition, 3 steps (portable, 1 thread)"
    )
    assert " ".join(lines[3].split()) == "1 1x8x8x2 LceBconv2d 1 + ADD 2 + LceQuantize 3"
    assert lines[-1].split()[:2] == ["6", "RELU"]

    printed = json.loads(command(path, "--info", "--json"))
    assert printed == json.loads(json.dumps(Interpreter(path).info().as_dict()))

    shown = command(path, "--profile", "--runs", 5)
    assert "all else: interpreter, XNNPACK" in shown
    report = json.loads(command(path, "--profile", "--runs", 5, "--warmup", 2, "--json"))
    assert [step["runs"] for step in report["profile"]["steps"]] == [7] * 3
    assert "profile" not in json.loads(command(path, "--runs", 5, "--json"))


def test_shares_are_of_the_whole():
    interpreter = Interpreter(residual()[1], profile=True)
    interpreter.invoke()
    info = interpreter.info()
    whole = sum(step.median_ms for step in info.steps)
    rows = [line.split() for line in info.as_text(4 * whole).splitlines()[2:6]]
    shares = [float(row[2 if row[0].isdecimal() else 1]) for row in rows]
    assert sum(shares) == pytest.approx(100, abs=0.3) and shares[3] == pytest.approx(75, abs=0.1)


def test_the_log(caplog):
    """What is taken over, what is not and why, under the package's own name."""
    with caplog.at_level(logging.INFO, "larq_igp_runtime"):
        Interpreter(residual()[1])
        (record,) = caplog.records
        assert (record.name, record.levelname) == ("larq_igp_runtime", "INFO")
        assert record.getMessage().startswith("6 of 7 operators delegated, in 1 partition, with ")
        caplog.clear()

        case = Case(Conv(channels_in=40))
        graph = Graph()
        y = case.append_to(graph, graph.input((1, 5, 6, 2), "int32"))
        graph.operators[0].options["pad_values"] = 2
        host = find_host()
        from larq_igp_runtime.engine import Delegate

        with pytest.raises((ValueError, RuntimeError)):
            host.interpreter(
                model_content=graph.file([y]), experimental_delegates=[Delegate()]
            ).allocate_tensors()
        warnings = [one.getMessage() for one in caplog.records if one.levelname == "WARNING"]
        assert len(warnings) == 1 and "LceBconv2d" in warnings[0] and "pad_values" in warnings[0]
        caplog.clear()

        interpreter = Interpreter(Case(Conv(same=False)).file())
        caplog.clear()
        with pytest.raises(ModelError):
            interpreter.resize((1, 2, 2, 2))
        # The host is made anew for the former shape, and takes over again.
        assert [one.levelname for one in caplog.records] == ["ERROR", "INFO"]


def test_nothing_is_printed_unless_logging_is_set_up(tmp_path):
    path = tmp_path / "net.tflite"
    path.write_bytes(Case(Conv(same=False)).file())
    code = (
        "import sys, os\nfrom larq_igp_runtime import Interpreter\n"
        "null = os.open(os.devnull, os.O_WRONLY); os.dup2(null, 1)\n"
        "ours = os.dup(2); os.dup2(null, 2); sys.stderr = os.fdopen(ours, 'w')\n"
        f"i = Interpreter({str(path)!r})\n"
        "try: i.resize((1, 2, 2, 2))\nexcept ValueError: pass\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (0, "")
