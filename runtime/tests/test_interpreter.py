"""The Python interface, and one clear sentence for what is wrong with a file or an input."""

import subprocess
import sys

import numpy as np
import oracle
import pytest
from binary_conv import Case, Conv
from tflite_file import Graph

import larq_igp_runtime
from larq_igp_runtime import Interpreter, ModelError, __main__
from larq_igp_runtime.host import find_host


def floats(case: Case) -> np.ndarray:
    return case.x.astype(np.float32)


def test_path_and_bytes_are_the_same(case, path):
    case.check(Interpreter(path).predict(floats(case)))
    case.check(Interpreter(str(path)).predict(floats(case)))
    case.check(Interpreter(path.read_bytes()).predict(floats(case)))


def test_details(path):
    interpreter = Interpreter(path)
    (x,), (y,) = interpreter.inputs, interpreter.outputs
    assert (x.shape, x.dtype, x.scale, x.zero_point) == ((1, 5, 6, 40), np.float32, 0.0, 0)
    assert (y.shape, y.dtype) == ((1, 5, 6, 18), np.float32)
    interpreter.resize((2, 9, 4, 40))
    assert interpreter.inputs[0].shape == (2, 9, 4, 40)
    assert interpreter.outputs[0].shape == (2, 9, 4, 18)


def test_quantised_details():
    graph = Graph()
    x = graph.input((1, 40), "int8", scale=0.5, zero_point=-7)
    interpreter = Interpreter(
        graph.file([graph.node("LceQuantize", [x], graph.tensor((1, 2), "int32"))])
    )
    assert (interpreter.inputs[0].scale, interpreter.inputs[0].zero_point) == (0.5, -7)


def test_any_batch(case, path):
    interpreter, x = Interpreter(path), floats(case)
    one = interpreter.predict(x)
    for n in (3, 1, 17):
        many = interpreter.predict(np.repeat(x, n, axis=0))
        np.testing.assert_array_equal(many, np.repeat(one, n, axis=0))


def test_arrays_of_any_layout(case, path):
    """Steps, order and a subclass of ndarray: predict takes the values, wherever they lie."""
    interpreter, x = Interpreter(path), floats(case)
    wide = np.zeros((*x.shape[:3], 2 * x.shape[3]), np.float32)
    wide[..., ::2] = x
    for same in (
        wide[..., ::2],
        np.asfortranarray(x),
        x[:, ::-1][:, ::-1],
        x.view(np.ma.MaskedArray),
    ):
        case.check(interpreter.predict(same))
    case.check(interpreter.predict([x]))


def test_predict_asks_for_no_details(case, path, monkeypatch):
    """Asking the interpreter for its tensors takes longer than a small model: once is enough."""
    interpreter, x = Interpreter(path), floats(case)
    assert interpreter.predict(np.repeat(x, 2, axis=0)).shape[0] == 2
    interpreter.predict(x)
    for name in ("get_input_details", "get_output_details"):
        monkeypatch.setattr(interpreter._interpreter, name, lambda: pytest.fail("asked again"))
    case.check(interpreter.predict(x))


def test_a_batch_fixed_inside_the_file():
    """A constant reshape to one batch: the batch is then run in pieces."""
    graph = Graph()
    x = graph.input((1, 4, 40))
    y = graph.tensor((1, 160))
    graph.node("RESHAPE", [x, graph.constant(np.int32([1, 160]))], y)
    packed = graph.node("LceQuantize", [y], graph.tensor((1, 5), "int32"))
    batch = np.random.default_rng(0).normal(size=(3, 4, 40)).astype(np.float32)
    got = Interpreter(graph.file([packed])).predict(batch)
    np.testing.assert_array_equal(got, oracle.pack(oracle.quantize(batch.reshape(3, 160))))


def test_a_number_as_input(tmp_path, capsys):
    """It has no batch, and stays as it is."""
    g = Graph()
    image, number = g.input((1, 3), "float32"), g.input((), "float32")
    g.outputs = [g.mul(image, number)]
    x = np.float32([[1, 2, 3], [4, 5, 6]])
    interpreter = Interpreter(g.file())
    for _ in range(2):
        np.testing.assert_array_equal(interpreter.predict([x, np.float32(2)]), 2 * x)
    assert interpreter.inputs[1].shape == ()
    (tmp_path / "net.tflite").write_bytes(g.file())
    assert __main__.main([str(tmp_path / "net.tflite"), "--runs", "2", "--warmup", "1"]) == 0
    assert "(n = 2, threads = 1)" in capsys.readouterr().out


def test_several_inputs_and_outputs():
    graph = Graph()
    a, b = graph.input((1, 3, 40)), graph.input((1, 50))
    p = graph.node("LceQuantize", [a], graph.tensor((1, 3, 2), "int32"))
    q = graph.node("LceQuantize", [b], graph.tensor((1, 2), "int32"))
    interpreter = Interpreter(graph.file([p, q]))
    rng = np.random.default_rng(0)
    x, y = (
        rng.normal(size=(2, 3, 40)).astype(np.float32),
        rng.normal(size=(2, 50)).astype(np.float32),
    )
    for got, value in zip(interpreter.predict([x, y]), (x, y), strict=True):
        np.testing.assert_array_equal(got, oracle.pack(oracle.quantize(value)))
    with pytest.raises(ModelError, match="2 inputs, but 1"):
        interpreter.predict(x)
    with pytest.raises(ModelError, match="batches differ: 2, 1"):
        interpreter.predict([x, y[:1]])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x: x.astype(np.float64), "takes float32, but float64"),
        (lambda x: x.astype(np.int8), "takes float32, but int8"),
        (lambda x: x[0], r"takes the shape \(N, 5, 6, 40\), but \(5, 6, 40\)"),
        (lambda x: x[:, :4], r"but \(1, 4, 6, 40\)"),
        (lambda x: x[:0], r"but \(0, 5, 6, 40\)"),
        (lambda x: x[..., :39], "takes the shape"),
    ],
)
def test_wrong_inputs(case, path, change, message):
    interpreter = Interpreter(path)
    with pytest.raises(ModelError, match=message):
        interpreter.predict(change(floats(case)))
    case.check(interpreter.predict(floats(case)))  # and it still works


@pytest.mark.parametrize(
    "shape", [(1, 5, 6, 65), (0, 5, 6, 40), (1, -1, 6, 40), (5, 6, 40), (1, 5, 6, 400)]
)
def test_wrong_sizes(case, path, shape):
    interpreter = Interpreter(path)
    with pytest.raises(ModelError):
        interpreter.resize(shape)
    case.check(interpreter.predict(floats(case)))


def test_valid_padding_on_a_map_that_is_too_small():
    case = Case(Conv(same=False))
    interpreter = Interpreter(case.file())
    with pytest.raises(ModelError):
        interpreter.resize((1, 2, 2, 2))
    case.check(interpreter.predict(oracle.pack(case.x)))


def test_sizes_beyond_memory(path):
    for shape in [(1, 2**31 - 1, 2**31 - 1, 40), (2**31 - 1, 5, 6, 40), (1, 2**20, 2**20, 40)]:
        with pytest.raises(ModelError):
            Interpreter(path).resize(shape)


@pytest.mark.parametrize("threads", [0, -1, 1.5, True, "2", 1025, 2**40])
def test_wrong_threads(path, threads):
    with pytest.raises(ValueError, match="num_threads"):
        Interpreter(path, threads)


@pytest.mark.parametrize(
    "option", ["fuse", "pixels", "xnnpack", "profile", "mapped", "unknown_operators"]
)
@pytest.mark.parametrize("value", ["no", None, 2**40, 1.0, []])
def test_wrong_switches(path, option, value):
    """2**40 is true, but zero as C's int."""
    with pytest.raises(ValueError, match=f"^{option} is .*; it must be True or False"):
        Interpreter(path, **{option: value})
    assert Interpreter(path, **{option: 0}).inputs


@pytest.mark.parametrize("name", [2, b"avx2", "avx2\0", "portable\0sse9", "\udcff"])
def test_instruction_sets_that_are_no_names(path, name):
    with pytest.raises(ValueError, match=r"instruction_set is '.*', which is none that"):
        Interpreter(path, instruction_set=name)


@pytest.mark.parametrize(
    "shape",
    [None, 3, "abcd", (1, 5, 6.5, 40), (1, "5", 6, 40), (1, 2**31, 6, 40), (2**40, 5, 6, 40)],
)
def test_shapes_that_are_none(case, path, shape):
    interpreter = Interpreter(path)
    with pytest.raises(ModelError, match=r"cannot become .*: it has the shape \(1, 5, 6, 40\)\."):
        interpreter.resize(shape)
    for number in (None, "0", 0.0, 1, -1):
        with pytest.raises(ModelError, match="There is no input"):
            interpreter.resize((1, 5, 6, 40), number)
    case.check(interpreter.predict(floats(case)))


def test_two_interpreters_on_one_delegate():
    """The first goes on with the threads it was prepared for when the second asks for more."""
    case = Case(Conv(size=(20, 20), channels_in=70, channels_out=64))
    host = find_host()
    delegate = host.load_delegate(larq_igp_runtime.delegate_path(), {})

    def interpreter(threads):
        new = host.interpreter(
            model_content=case.file(float_input=True),
            experimental_delegates=[delegate],
            num_threads=threads,
        )
        new.allocate_tensors()
        new.set_tensor(new.get_input_details()[0]["index"], floats(case))
        return new

    first, second = interpreter(1), interpreter(8)
    for one in (first, second, first):
        for _ in range(20):
            one.invoke()
            case.check(one.get_tensor(one.get_output_details()[0]["index"]))


def test_unknown_isa(path, monkeypatch):
    monkeypatch.setenv("LARQ_IGP_RUNTIME_ISA", "sse9")
    with pytest.raises(ValueError, match=r"LARQ_IGP_RUNTIME_ISA is 'sse9'.*choose one of .*port"):
        Interpreter(path)


def test_the_option_for_the_instruction_set(case, path, monkeypatch):
    """It wins over the variable, and the whole list of names is known to both."""
    for name in larq_igp_runtime.ISAS:
        monkeypatch.setenv("LARQ_IGP_RUNTIME_ISA", "portable" if name != "portable" else "sse9")
        if name in larq_igp_runtime.instruction_sets():
            interpreter = Interpreter(path, instruction_set=name)
            assert interpreter.info().instruction_set == name
            case.check(interpreter.predict(floats(case)))
        else:
            with pytest.raises(ValueError, match=f"instruction_set is '{name}', which this CPU "):
                Interpreter(path, instruction_set=name)
    with pytest.raises(ValueError, match="instruction_set is 'sse9', which is none that"):
        Interpreter(path, instruction_set="sse9")
    monkeypatch.setenv("LARQ_IGP_RUNTIME_ISA", "portable")
    assert Interpreter(path).info().instruction_set == "portable"
    assert Interpreter(path, instruction_set="").info().instruction_set == "portable"
    monkeypatch.delenv("LARQ_IGP_RUNTIME_ISA")
    assert Interpreter(path).info().instruction_set == larq_igp_runtime.instruction_sets()[0]


BROKEN_OPTIONS = {
    "a key is missing": ({"stride_height": None}, None),
    "pad value": ({"pad_values": 2}, None),
    "padding": ({"padding": 7}, None),
    "stride 0": ({"stride_width": 0}, None),
    "stride -1": ({"stride_width": -1}, None),
    "dilation 0": ({"dilation_height_factor": 0}, None),
    "huge stride": ({"stride_width": 2**40}, None),
    "huge dilation": ({"dilation_width_factor": 2**31 - 1}, None),
    "no channels": ({"channels_in": 0}, None),
    "negative channels": ({"channels_in": -40}, None),
    "channels of another input": ({"channels_in": 400}, None),
    "empty": (None, b""),
    "noise": (None, bytes(range(64))),
}


@pytest.mark.parametrize("name", BROKEN_OPTIONS)
def test_broken_options_name_the_operator(name):
    changes, blob = BROKEN_OPTIONS[name]
    case = Case(Conv(channels_in=40))
    graph = Graph()
    y = case.append_to(graph, graph.input((1, 5, 6, 2), "int32"))
    options = {
        k: v for k, v in {**graph.operators[0].options, **(changes or {})}.items() if v is not None
    }
    graph.operators[0].options = blob if blob is not None else options
    with pytest.raises(ModelError, match="LceBconv2d"):
        Interpreter(graph.file([y]))


def test_unsupported_types_name_the_operator():
    for dtype in ("float16", "int64", "uint8"):
        graph = Graph()
        file = graph.file(
            [
                graph.node(
                    "LceQuantize", [graph.input((1, 40), dtype)], graph.tensor((1, 2), "int32")
                )
            ]
        )
        with pytest.raises(ModelError, match="LceQuantize"):
            Interpreter(file)


def test_damaged_files(path, tmp_path):
    content = path.read_bytes()
    with pytest.raises(ModelError, match="cannot be read: No such file"):
        Interpreter(tmp_path / "absent.tflite")
    with pytest.raises(ModelError, match=r"not a \.tflite file"):
        Interpreter(b"PK\x03\x04 a zip file, say")
    with pytest.raises(ModelError, match=r"not a \.tflite file"):
        Interpreter(b"")
    for part in (0.01, 0.3, 0.9, 0.999):
        with pytest.raises(ModelError, match="cannot be used"):
            Interpreter(content[: int(part * len(content))] if part > 0.02 else content[:12])


def test_no_tensorflow_is_imported(path):
    code = (
        "import sys; from larq_igp_runtime import Interpreter; "
        f"Interpreter({str(path)!r}); sys.exit('tensorflow' in sys.modules)"
    )
    if larq_igp_runtime.interpreter.find_host().name == "tensorflow":
        pytest.skip("the interpreter here is TensorFlow's own")
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
