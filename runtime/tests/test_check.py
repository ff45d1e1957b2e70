"""The check of files before an interpreter sees them: what it refuses."""

import contextlib
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import tflite_file
from binary_conv import Case, Conv
from conftest import RUNTIME
from tflite_file import Graph, Operator

from larq_igp_runtime import Interpreter, Limits, ModelError, check, flatbuffer
from larq_igp_runtime.flatbuffer import read_flexbuffer_map

CONV = dict(padding=0, stride_w=1, stride_h=1, dilation_w=1, dilation_h=1)
POOL = dict(padding=0, stride_w=2, stride_h=2, filter_w=2, filter_h=2)


def small_network() -> Graph:
    """A convolution, pooling, signs, a binary convolution, additions, and a flat output."""
    g = Graph()
    rng = np.random.default_rng(0)
    image = g.input((1, 8, 8, 3))
    weights = g.constant(rng.normal(size=(16, 3, 3, 3)).astype(np.float32))
    bias = g.constant(np.zeros(16, np.float32))
    x = g.node("CONV_2D", [image, weights, bias], g.tensor((1, 8, 8, 16)), dict(CONV))
    x = g.node("MAX_POOL_2D", [x], g.tensor((1, 4, 4, 16)), dict(POOL))
    bits = g.node("LceQuantize", [x], g.tensor((1, 4, 4, 1), "int32"))
    case = Case(Conv(size=(4, 4), channels_in=16, channels_out=16))
    x = g.add(case.append_to(g, bits), x)
    x = g.mul(x, g.constant(np.full(16, 0.5, np.float32)))
    flat = g.node("RESHAPE", [x, g.constant(np.int32([1, -1]))], g.tensor((1, 256)))
    g.outputs = [g.node("CONCATENATION", [flat, flat], g.tensor((1, 512)), {"axis": 1})]
    return g


def int8_network() -> Graph:
    """A chain of int8 binary convolutions."""
    g = Graph()
    x = g.input((1, 4, 4, 32), "int8", scale=0.5, zero_point=3)
    for seed in range(2):
        bits = g.node("LceQuantize", [x], g.tensor((1, 4, 4, 1), "int32"))
        case = Case(Conv(size=(4, 4), channels_in=32, channels_out=32, output="int8", seed=seed))
        x = case.append_to(g, bits)
    g.outputs = [x]
    return g


def transposed_network() -> Graph:
    """Transposed convolutions, of which the shape of the output is an input."""
    g = Graph()
    rng = np.random.default_rng(0)
    x, side, channels = g.input((1, 4, 3, 2)), (4, 3), 2
    for filters, window, stride, padding in ((5, 3, 2, 0), (3, 2, 3, 1)):
        side = tuple(
            each * stride if padding == 0 else (each - 1) * stride + window for each in side
        )
        weights = g.constant(
            rng.normal(size=(filters, window, window, channels)).astype(np.float32)
        )
        shape = (1, *side, filters)
        inputs = [g.constant(np.int32(shape)), weights, x, g.constant(np.ones(filters, np.float32))]
        options = dict(padding=padding, stride_w=stride, stride_h=stride)
        x, channels = g.node("TRANSPOSE_CONV", inputs, g.tensor(shape), options), filters
    g.outputs = [x]
    return g


def packed_network() -> Graph:
    g = Graph()
    x = g.input((1, 4, 4, 2), "int32")
    for seed in range(2):
        case = Case(Conv(size=(4, 4), channels_in=64, channels_out=64, output="packed", seed=seed))
        x = case.append_to(g, x)
    g.outputs = [g.node("LceDequantize", [x], g.tensor((1, 4, 4, 64)))]
    return g


NETWORKS = {
    "float": small_network,
    "int8": int8_network,
    "packed": packed_network,
    "transposed": transposed_network,
}


@pytest.mark.parametrize("name", NETWORKS)
def test_right_files_pass_and_run(name):
    content = NETWORKS[name]().file()
    assert check(content) is None
    x = Interpreter(content)
    x.predict([np.zeros(info.shape, info.dtype) for info in x.inputs])


def tensor(number, **changes):
    def change(graph):
        for name, value in changes.items():
            setattr(graph.tensors[number], name, value)

    return change


def operator(number, **changes):
    def change(graph):
        for name, value in changes.items():
            setattr(graph.operators[number], name, value)

    return change


def options(number, **changes):
    return lambda graph: graph.operators[number].options.update(changes)


def inputs(number, place, value):
    def change(graph):
        graph.operators[number].inputs[place] = value

    return change


DAMAGES = {
    "an input that is absent": (inputs(0, 0, -1), r"CONV_2D \(operator 0\): its input 0 is absent"),
    "an input out of range": (
        inputs(4, 1, 99),
        r"ADD \(operator 4\): its input 99 is not a tensor",
    ),
    "an input below all": (inputs(4, 1, -7), "its input -7 is not a tensor"),
    "too many inputs": (operator(1, inputs=[0, 0]), r"MAX_POOL_2D \(operator 1\): it has 2 inputs"),
    "an output out of range": (operator(1, outputs=[1000]), "its output 1000 is not a tensor"),
    "two outputs": (operator(1, outputs=[4, 5]), "it has 2 outputs"),
    "an output that is a constant": (operator(1, outputs=[1]), "writes tensor 1 again"),
    "an output that is an input": (operator(1, outputs=[0]), "writes tensor 0 again"),
    "reads its own output": (inputs(1, 0, 4), "reads tensor 4, which is not written yet"),
    "a type that is no type": (tensor(3, dtype=13), "tensor 3 has the type 13"),
    "a type of another kind": (tensor(3, dtype="int32"), "its output has the type int32"),
    "a filter of another kind": (tensor(1, dtype="int32"), "the filter has the type int32"),
    "a shape that does not fit": (tensor(3, shape=(1, 8, 8, 17)), r"not \(1, 8, 8, 16\)"),
    "a rank that does not fit": (tensor(3, shape=(8, 8, 16)), r"not \(1, 8, 8, 16\)"),
    "a negative side": (tensor(0, shape=(1, 8, -8, 3)), "a side of -8"),
    "a side of nothing": (tensor(0, shape=(1, 0, 8, 3)), "a side of 0"),
    "a huge side": (tensor(0, shape=(1, 2**30, 8, 3)), "a side of 1073741824"),
    "many dimensions": (tensor(0, shape=(1,) * 9), "9 dimensions"),
    "much memory": (tensor(0, shape=(2**20, 2**20, 8, 3)), "its tensors take"),
    "a constant of other length": (tensor(2, shape=(17,)), "bytes of data for the shape"),
    "another operator": (operator(1, code="ADD"), "2 inputs|1 inputs"),
    "a convolution as pooling": (operator(0, code="MAX_POOL_2D", options=POOL), "it has 3 inputs"),
    "stride 0": (options(0, stride_h=0), "stride is 0"),
    "a negative stride": (options(0, stride_w=-1), "stride is -1"),
    "dilation 0": (options(0, dilation_h=0), "dilation is 0"),
    "unknown padding": (options(0, padding=3), "padding is 3"),
    "an empty window": (options(1, filter_h=0), "window is 0"),
    "unknown activation": (operator(0, activation=9), "the activation 9"),
    "axis out of range": (options(7, axis=4), "axis 4 of 2"),
    "an unknown operator": (
        operator(1, code="NO_OP"),
        r"NO_OP \(operator 1\): this operator is not known",
    ),
    "a reshape to too much": (tensor(13, data=np.int32([1, 300])), "cannot become"),
    "a reshape below 0": (tensor(13, data=np.int32([1, -3])), "is not supported"),
    "LCE channels": (options(3, channels_in=99), "channels_in = 99 does not fit 1 words"),
    "LCE padding": (options(3, pad_values=2), "option pad_values is 2"),
    "LCE stride": (options(3, stride_height=0), "option stride_height is 0"),
    "LCE filter": (tensor(6, shape=(16, 9, 1, 1)), r"LceBconv2d.*its output is"),
    "LCE multiplier": (inputs(3, 2, -1), "post_activation_multiplier is absent"),
    "LCE without options": (operator(3, options=b""), "not a FlexBuffer map"),
    "an input that is a constant": (lambda g: g.inputs.append(1), "input 1 is a constant"),
    "an input twice": (lambda g: g.inputs.append(0), "an input is listed twice"),
    "a result that nobody reads": (
        lambda g: g.add(3, 3),
        "operator 8: nothing reads its result",
    ),
    "no outputs": (lambda g: g.outputs.clear(), "it has no outputs"),
    "an output that is not there": (lambda g: g.outputs.append(-1), "output -1 is not a tensor"),
    "an output never written": (
        lambda g: g.outputs.append(g.tensor((1, 2))),
        "output 16 is never written",
    ),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_damages_are_named(name, monkeypatch):
    damage, message = DAMAGES[name]
    monkeypatch.setitem(tflite_file.TENSOR_TYPES, 13, 13)
    graph = small_network()
    check(graph.file())
    damage(graph)
    with pytest.raises(ModelError, match=message):
        check(graph.file())
    with pytest.raises(ModelError, match=message):
        Interpreter(graph.file())


INT8_DAMAGES = {
    "no scale": (tensor(0, scale=None), "int8 without affine quantisation"),
    "scale 0": (tensor(0, scale=0.0), "tensor 0 has the scale 0"),
    "a scale that is no normal number": (tensor(0, scale=1e-39), "tensor 0 has the scale 1.0000"),
    "scale NaN": (tensor(0, scale=float("nan")), "tensor 0 has the scale nan"),
    "zero point": (tensor(0, zero_point=200), "tensor 0 has the zero point 200"),
}


TRANSPOSED_DAMAGES = {
    "a side that does not fit": (lambda g: g.tensors[2].data.__setitem__(1, 10), "do not make"),
    "another batch": (lambda g: g.tensors[2].data.__setitem__(0, 2), "its output is"),
    "other channels": (tensor(1, shape=(2, 3, 3, 5)), "the filter does not fit the channels"),
    "a bias of another length": (tensor(3, shape=(1, 5)), "the bias has the shape"),
    "a shape that is computed": (inputs(0, 0, 0), "the output's shape has the type float32"),
    "stride 0": (options(0, stride_h=0), "stride is 0"),
}


OTHERS = [
    *(pytest.param(int8_network, *each, id=name) for name, each in INT8_DAMAGES.items()),
    *(
        pytest.param(transposed_network, *each, id=name)
        for name, each in TRANSPOSED_DAMAGES.items()
    ),
]


@pytest.mark.parametrize(("network", "damage", "message"), OTHERS)
def test_damages_of_other_networks_are_named(network, damage, message):
    graph = network()
    damage(graph)
    with pytest.raises(ModelError, match=message):
        check(graph.file())
    with pytest.raises(ModelError, match=message):
        Interpreter(graph.file())


def test_unknown_operators_on_request():
    graph = Graph()
    x = graph.input((1, 4))
    graph.operators.append(Operator("Mystery", [x], [graph.tensor((1, 4))]))
    content = graph.file([1])
    with pytest.raises(ModelError, match=r"Mystery \(operator 0\): this operator is not known"):
        check(content)
    check(content, unknown=True)
    with pytest.raises(ModelError, match="Mystery"):
        Interpreter(
            content, unknown_operators=True
        )  # the stock interpreter does not know it either


def test_limits():
    content = small_network().file()
    with pytest.raises(ModelError, match="bytes, more than 1000"):
        check(content, limits=Limits(bytes=1000))
    with pytest.raises(ModelError, match="more than 1000 operations"):
        check(content, limits=Limits(operations=1000))


def test_cut_anywhere():
    """A file that ends early is refused, or what is missing belongs to nothing."""
    content = packed_network().file()
    for end in range(0, len(content), 7):
        with pytest.raises(ModelError):
            check(content[:end])


@pytest.mark.parametrize("name", NETWORKS)
def test_every_byte(name):
    """One byte changed, anywhere: refused, or right; never another exception."""
    content = NETWORKS[name]().file()
    refused = 0
    rng = np.random.default_rng(0)
    for at in rng.permutation(len(content))[:3000]:
        damaged = bytearray(content)
        damaged[at] ^= int(rng.integers(1, 256))
        try:
            check(bytes(damaged))
        except ModelError as error:
            refused += 1
            assert str(error).endswith(".") and "\n" not in str(error)
    assert refused > 300


def test_many_times_the_same_table():
    """A file can name one table again and again: the number that is read is bounded."""
    import flatbuffers

    b = flatbuffers.Builder(1 << 22)
    text = b.CreateString("x")
    b.StartObject(2)
    b.PrependUOffsetTRelativeSlot(0, text, 0)
    entry = b.EndObject()
    count = flatbuffer.MAX_TABLES + 1
    b.StartVector(4, count, 4)
    for _ in range(count):
        b.PrependUOffsetTRelative(entry)
    metadata = b.EndVector()
    b.StartObject(8)
    b.PrependUint32Slot(0, 3, 0)
    b.PrependUOffsetTRelativeSlot(6, metadata, 0)
    b.Finish(b.EndObject(), b"TFL3")
    with pytest.raises(ModelError, match="more than 200000 tables"):
        check(bytes(b.Output()))


def test_names_that_are_not_text():
    content = small_network().file()
    place = content.index(b"tensor3\0")
    with pytest.raises(ModelError, match="a text is not UTF-8"):
        check(content[:place] + b"\xff\xfe" + content[place + 2 :])


def test_flexbuffers():
    from flatbuffers import flexbuffers

    values = {"a": 1, "b": -70000, "long_name": 2**40, "t": True}
    blob = bytes(flexbuffers.Dumps(values))
    assert read_flexbuffer_map(blob) == values
    rng = np.random.default_rng(0)
    for _ in range(5000):
        damaged = bytearray(blob)
        for at in rng.integers(0, len(blob), int(rng.integers(1, 4))):
            damaged[at] = int(rng.integers(256))
        cut = bytes(damaged[: int(rng.integers(1, len(blob) + 1))])
        with contextlib.suppress(flatbuffer.FormatError):
            read_flexbuffer_map(cut)


@pytest.mark.parametrize("name", NETWORKS)
def test_damaged_files_in_the_whole_interpreter(name, tmp_path):
    """`fuzz/files.py`, always the same cases: every one is refused in a sentence, or runs."""
    file = tmp_path / f"{name}.tflite"
    file.write_bytes(NETWORKS[name]().file())
    command = [sys.executable, RUNTIME / "fuzz/files.py", "--count", "400", file]
    result = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr[-2000:]
    assert "400 damaged files" in result.stdout
    assert "ran" in result.stdout and "refused" in result.stdout


def test_findings_are_found(tmp_path, monkeypatch):
    """The script itself: a file on which a process dies, or raises anything else, is counted."""
    import files

    (tmp_path / "net.tflite").write_bytes(small_network().file())
    monkeypatch.setattr(
        files, "subprocess", SimpleNamespace(**{**vars(subprocess), "Popen": _dies_at_three})
    )
    results = files.supervise(tmp_path / "net.tflite", 5, 0, False)
    assert results == {"ran": 3, "signal 11": 1, "exception": 1}


def _dies_at_three(command, **options):
    first = int(command[4])
    code = (
        "import os, signal\n"
        f"for case in range({first}, 5):\n"
        "    if case == 3: os.kill(os.getpid(), signal.SIGSEGV)\n"
        "    print(case, 'IndexError' if case == 4 else 'ran', flush=True)"
    )
    return subprocess.Popen([sys.executable, "-c", code], **options)
