"""The aarch64 wheel under qemu: x86's outputs, and an instruction count that may not grow."""

import json
import os
import platform
import sys

import numpy as np
import oracle
import pytest
from binary_conv import Case, Conv
from conftest import RUNTIME, need, need_module, need_tool
from test_bconv2d import draw
from test_cpp_example import build_for_arm, named_by_python, write_model, write_photos
from test_fusion import BYTES, SHAPES, Bytes, Drawing
from test_pack_and_pool import quantize_file

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
    return Emulator(instructions.DEFAULT_ROOT, wheels["aarch64"], tmp_path_factory.mktemp("emulator"))


@pytest.fixture(scope="session")
def bireal(tmp_path_factory):
    need_module("tensorflow", "larq_zoo", "larq_compute_engine")
    return instructions.bireal_file(tmp_path_factory.mktemp("bireal") / "bireal.tflite")


def save(folder, name: str, file: bytes, x: np.ndarray) -> None:
    """One case for the other machine: the model, its input and what this machine computes."""
    y = Interpreter(file).predict(x)
    np.savez(folder / f"{name}.npz", model=np.frombuffer(file, np.uint8), x=x, y=y)


@pytest.mark.parametrize("isa", ["neon", "portable"])
def test_small_models(emulator, tmp_path, isa):
    convs = [*draw(150, seed=200), Conv((14, 14), 41, 41, exact=False), Conv((7, 7), 130, 512, exact=False)]
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
        for name, values in BYTES.items():
            chain = Bytes(shape, *values, pad_values=i % 2)
            save(tmp_path, f"bytes{i}-{name}", chain.graph.file([chain.output]), chain.x)
        bools = np.random.default_rng(i).integers(0, 2, shape).astype(bool)
        save(tmp_path, f"bools{i}", quantize_file(shape, "bool"), bools)
    report = json.loads(
        emulator.run(RUNTIME / "tools/aarch64_replay.py", tmp_path, LARQ_IGP_RUNTIME_ISA=isa).stdout
    )
    assert report["cases"] == len(convs) + (3 + len(BYTES)) * len(SHAPES)
    assert report["wrong"] == [] and report["integers"] > 50
    assert report["largest"] <= 1e-6, report["worst"]


def test_a_whole_network(emulator, bireal, tmp_path):
    x = np.random.default_rng(0).normal(size=(2, 224, 224, 3)).astype(np.float32)
    save(tmp_path, "bireal", bireal.read_bytes(), x)
    report = json.loads(emulator.run(RUNTIME / "tools/aarch64_replay.py", tmp_path).stdout)
    assert report["cases"] == 1 and report["wrong"] == []
    assert report["largest"] <= 1e-5, report  # its float stem sums in another order on the other machine


def test_cpp_example(emulator, c_api, tmp_path):
    write_model(tmp_path, pixels=True, crop=0.875)
    write_photos(tmp_path)
    expected = named_by_python(tmp_path, ["rgb.png"])["rgb.png"]
    classify = build_for_arm(c_api / "2.9.0", tmp_path)
    result = emulator.execute(classify, tmp_path / "net.tflite", emulator.engine, tmp_path / "photo.ppm")
    assert result.stdout.splitlines() == expected


def test_instruction_budget(emulator, bireal):
    counted = emulator.instructions(bireal)
    assert 0 < counted["engine"] <= 1.01 * BUDGET["bireal_resnet18_224"]["engine"]
    # LiteRT's float layers take 75 to 83 M, by what LiteRT finds out about the machine under the emulator.
    assert counted["all"] <= 150e6
