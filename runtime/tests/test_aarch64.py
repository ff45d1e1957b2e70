"""The aarch64 wheel under qemu: x86's outputs, and an instruction count that may not grow."""

import json
import os
import platform
import sys

import numpy as np
import oracle
import pytest
from binary_conv import Case, Conv
from conftest import RUNTIME, build, need, need_module, need_tool
from test_bconv2d import draw
from test_concatenation import Dense
from test_cpp_example import build_for_arm, named_by_python, write_model, write_photos
from test_fusion import BYTES, SHAPES, Bytes, Drawing
from test_image import CASES, Image
from test_pack_and_pool import quantize_file
from test_pixels import Pixels
from test_shortcuts import Shortcut

from larq_igp_runtime import Interpreter

sys.path.insert(0, str(RUNTIME / "tools"))
import instructions
from emulator import Emulator

BUDGET = json.loads((RUNTIME / "tests/golden/instructions.json").read_text())


@pytest.fixture(scope="session")
def emulator(wheels, tmp_path_factory) -> Emulator:
    need(platform.machine() == "x86_64", "an x86-64 machine to compare with")
    need_tool("qemu-aarch64")
    for tool in ("apt-get", "dpkg-deb", "cc"):
        need_tool(tool)
    os.environ.setdefault("PYTHON", sys.executable)
    return Emulator(
        instructions.DEFAULT_ROOT, wheels["aarch64"], tmp_path_factory.mktemp("emulator")
    )


@pytest.fixture(scope="session")
def networks(tmp_path_factory):
    """Path of a counted network's file, made once."""
    need_module("tensorflow", "larq_zoo", "larq_compute_engine", "larq_igp")
    folder = tmp_path_factory.mktemp("networks")

    def make(name: str):
        path = folder / f"{name}.tflite"
        return path if path.exists() else instructions.write_network(name, path)

    return make


def save(folder, name: str, file: bytes, x: np.ndarray) -> None:
    """One case for the other machine: the model, its input and what this machine computes."""
    results = Interpreter(file).predict(x)
    outputs = {
        f"y{i}": y for i, y in enumerate(results if isinstance(results, list) else [results])
    }
    np.savez(folder / f"{name}.npz", model=np.frombuffer(file, np.uint8), x=x, **outputs)


@pytest.mark.parametrize("isa", ["neon", "portable"])
def test_small_models(emulator, tmp_path, isa):
    convs = [
        *draw(150, seed=200),
        Conv((14, 14), 41, 41, exact=False),
        Conv((7, 7), 130, 512, exact=False),
    ]
    for i, conv in enumerate(convs):
        case = Case(conv)
        save(tmp_path, f"conv{i:03}-{conv}", case.file(), oracle.pack(case.x))
    for i, shape in enumerate(SHAPES):
        d = Drawing(shape, seed=i, exact=False)
        x = d.input
        for block in range(3):
            packed = d.quantize(d.add(d.mul(x, d.per_channel()), d.per_channel()))
            joined = d.add(d.conv(packed, seed=block), d.conv(packed, seed=9 + block))
            x = d.add(d.mul(joined, d.constant(0.5)), x)
        save(tmp_path, f"blocks{i}", d.graph.file([x]), d.x)
        d = Drawing(shape, seed=i, exact=False)
        x = d.input
        for block in range(2):
            y = d.add(d.conv(d.quantize(d.add(x, d.per_channel())), seed=block), x)
            x = d.add(d.prelu(d.add(y, d.per_channel())), d.per_channel())
        save(tmp_path, f"shifts{i}", d.graph.file([x]), d.x)
        dense = Dense(shape[3], shape[1:3], shape[0])
        x = dense.input
        for layer in range(3):
            x = dense.concatenate(x, dense.conv(dense.quantize(x), 53, layer))
        outputs = [dense.quantize(x), x] if i % 2 else [dense.quantize(x)]
        save(tmp_path, f"dense{i}", dense.graph.file(outputs), dense.x)
        for name, values in BYTES.items():
            chain = Bytes(shape, *values, pad_values=i % 2)
            save(tmp_path, f"bytes{i}-{name}", chain.graph.file([chain.output]), chain.x)
        bools = np.random.default_rng(i).integers(0, 2, shape).astype(bool)
        save(tmp_path, f"bools{i}", quantize_file(shape, "bool"), bools)
    report = json.loads(
        emulator.run(RUNTIME / "tools/aarch64_replay.py", tmp_path, LARQ_IGP_RUNTIME_ISA=isa).stdout
    )
    assert report["cases"] == len(convs) + (4 + len(BYTES)) * len(SHAPES)
    assert report["wrong"] == [] and report["integers"] > 50
    assert report["largest"] <= 1e-6, report["worst"]


def test_first_convolutions(emulator, tmp_path):
    """Floats and bytes, pooled or not: the bits of x86. One filter is left to the interpreter."""
    cases = {name: case for name, case in CASES.items() if case["filters"] > 1}
    for name, case in cases.items():
        for kind in (Image, Pixels):
            image = kind(**case)
            save(tmp_path, f"{kind.__name__}-{name}", image.graph.file(image.outputs), image.x)
    report = json.loads(emulator.run(RUNTIME / "tools/aarch64_replay.py", tmp_path).stdout)
    assert report["cases"] == report["identical"] == 2 * len(cases), report


def test_shortcuts(emulator, tmp_path):
    """Poolings and 1x1 convolutions: the bits of x86."""
    shapes = [(41, (7, 9), 82), (64, (6, 6), 33), (5, (1, 1), 4), (130, (9, 20), 130)]
    for i, (channels, size, filters) in enumerate(shapes):
        for kind in ("AVERAGE", "MAX"):
            d = Shortcut(channels, size, batch=2)
            x = d.normalise(d.concatenate(d.start(), d.input)) if kind == "MAX" else d.start()
            pooled = d.pool(x, kind, activation=i % 4)
            y = d.pointwise(pooled, filters, activation=3 - i % 4)
            outputs = [d.quantize(y), pooled] if i % 2 else [y]
            save(tmp_path, f"{kind}{i}", d.graph.file(outputs), d.x)
    report = json.loads(emulator.run(RUNTIME / "tools/aarch64_replay.py", tmp_path).stdout)
    assert report["cases"] == report["identical"] == 2 * len(shapes), report


@pytest.mark.parametrize("check", ["image", "finish"])
def test_kernels(emulator, native, check):
    """The tasks of `test_rows.py` and `test_finish.py`."""
    # Flags for which the wheel has made zig compile its C++ library already.
    compiler = f"{sys.executable} -m ziglang c++ -target aarch64-linux-gnu.2.17 -O3"
    folder = native.with_name("native_aarch64")
    program = build(folder, "tests/native", check, f"CXX={compiler}")
    assert emulator.execute(program, "neon", 3000).stdout.startswith("3000 cases")


def test_a_whole_network(emulator, networks, tmp_path):
    x = np.random.default_rng(0).normal(size=(2, 224, 224, 3)).astype(np.float32)
    save(tmp_path, "bireal", networks("bireal_resnet18_224").read_bytes(), x)
    report = json.loads(emulator.run(RUNTIME / "tools/aarch64_replay.py", tmp_path).stdout)
    assert report["cases"] == 1 and report["wrong"] == []
    assert report["largest"] <= 1e-5, (
        report
    )  # its float layers sum in another order on the other machine


def test_cpp_example(emulator, c_api, tmp_path):
    write_model(tmp_path, pixels=True, crop=0.875)
    write_photos(tmp_path)
    expected = named_by_python(tmp_path, ["rgb.png"])["rgb.png"]
    classify = build_for_arm(c_api / "2.9.0", emulator.engine, tmp_path)
    result = emulator.execute(classify, tmp_path / "net.tflite", tmp_path / "photo.ppm")
    assert result.stdout.splitlines() == expected


@pytest.mark.parametrize("name", instructions.NETWORKS)
def test_instruction_budget(emulator, networks, name):
    counted, budget = emulator.instructions(networks(name)), BUDGET[name]
    assert 0 < counted["engine"] <= 1.01 * budget["engine"]
    # LiteRT's part differs by what it finds out about the machine under the emulator.
    assert counted["all"] <= 1.05 * budget["all"]


def test_bireal_in_115_million_instructions():
    """What is committed to, whether floats or bytes come in."""
    for name in ("bireal_resnet18_224", "bireal_resnet18_64_bytes"):
        assert BUDGET[name]["all"] <= 115e6
