"""The C++ example names photos as `python -m larq_igp_runtime` does, in all formats."""

import ctypes
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from binary_conv import Case, Conv
from conftest import RUNTIME, need, need_module, need_tool
from PIL import Image
from tflite_file import Graph

from larq_igp_runtime import cmake_dir, include_dir

SOURCES = RUNTIME / "examples" / "cpp"
NAMES = ["Stiefel", "Schuh", "Größe 7", "hat", "coat", "bag", "sock", "tie", "belt"]
SHAPE = (24, 20, 3)
CROP, LETTERBOX, STRETCH = {"crop": 0.875}, {"letterbox": True}, {}


def write_model(
    folder: Path, *, channels: int = 3, pixels: bool = False, logits: bool = True, **geometry
):
    """A classifier that sees every grey level, by the sign of a pixel less a number; its card."""
    shape = (1, *SHAPE[:2], channels)
    mean, deviation = np.full(channels, 121.5, np.float32), np.float32([70, 60, 80][:channels])
    graph = Graph()
    x = graph.input(shape, "uint8", scale=1.0, zero_point=0) if pixels else graph.input(shape)
    if pixels:
        x = graph.node("DEQUANTIZE", [x], graph.tensor(shape))
        x = graph.mul(graph.add(x, graph.constant(-mean)), graph.constant(1 / deviation))
    levels = np.random.default_rng(0).normal(0, 1, shape).astype(np.float32)
    x = graph.add(x, graph.constant(levels))
    case = Case(Conv(SHAPE[:2], channels, len(NAMES), SHAPE[:2], same=False, exact=False))
    case.multiplier /= 4
    words = graph.node("LceQuantize", [x], graph.tensor((*shape[:3], 1), "int32"))
    to = graph.constant(np.int32([1, len(NAMES)]))
    scores = graph.node(
        "RESHAPE", [case.append_to(graph, words), to], graph.tensor((1, len(NAMES)))
    )
    content = graph.file([scores])
    (folder / "net.tflite").write_bytes(content)
    card = {
        "sha256": hashlib.sha256(content).hexdigest(),
        "input": "uint8" if pixels else "float",
        "scores": "logits" if logits else "probabilities",
        "class_names": NAMES,
        "preprocessing": {
            "input_shape": list(shape[1:]),
            "mean": mean.tolist(),
            "deviation": deviation.tolist(),
            "resize": "bilinear",
            "scale": "0..255",
            **geometry,
        },
    }
    (folder / "net.json").write_text(json.dumps(card))


def write_photos(folder: Path) -> list[str]:
    """A photo in every form that the example reads."""
    colours = np.random.default_rng(3).integers(0, 256, (7, 9, 3), dtype=np.uint8)
    photo = Image.fromarray(colours).resize((90, 61), Image.Resampling.BICUBIC)
    grey, alpha = (
        photo.convert("L"),
        Image.fromarray(np.arange(61 * 90, dtype=np.uint8).reshape(61, 90)),
    )
    clear, dim, wide = photo.copy(), grey.copy(), np.asarray(grey).astype(np.uint16) * 257 + 100
    clear.putalpha(alpha)
    dim.putalpha(alpha)
    forms = {
        "a photo.jpg": (photo, {}),
        "gray.jpg": (grey, {}),
        "progressive.jpg": (photo, {"progressive": True, "quality": 40}),
        "rgb.png": (photo, {}),
        "rgba.png": (clear, {}),
        "palette.png": (photo.quantize(32), {}),
        "clear palette.png": (clear.quantize(32), {}),
        "gray.png": (grey, {}),
        "grey alpha.png": (dim, {}),
        "bits.png": (photo.convert("1"), {}),
        "16 bits.png": (Image.fromarray(wide.clip(0, 65535).astype(np.uint16)), {}),
        "photo.ppm": (photo, {}),
        "photo.pgm": (grey, {}),
    }
    for orientation in range(2, 10):  # 9 means nothing
        exif = Image.Exif()
        exif[0x0112] = orientation
        forms[f"turned {orientation}.jpg"] = (photo, {"exif": exif})
        forms[f"turned {orientation}.png"] = (photo, {"exif": exif})
    for name, (image, options) in forms.items():
        image.save(folder / name, **options)
    return list(forms)


@pytest.fixture(scope="session", params=["2.9.0", "2.17.1"])
def classify(request, c_api, tmp_path_factory) -> Path:
    """The example, built by CMake with one version of TensorFlow Lite's C library."""
    need_tool("cmake")
    need(Path("/usr/include/nlohmann/json.hpp").exists(), "nlohmann-json3-dev")
    library = c_api / request.param
    version = ctypes.CDLL(str(library / "linux_amd64/libtensorflowlite_c.so")).TfLiteVersion
    version.restype = ctypes.c_char_p
    assert version().decode() == request.param
    build = tmp_path_factory.mktemp("cpp")
    flags = f"-DTFLITE={library} -Dlarq_igp_runtime_DIR={cmake_dir()} -DCMAKE_CXX_FLAGS=-Werror"
    for command in (f"cmake -B {build} {flags} {SOURCES}", f"cmake --build {build}"):
        result = subprocess.run(command.split(), capture_output=True, text=True)
        assert result.returncode == 0, result.stdout + result.stderr
    assert "Could NOT find" not in result.stdout
    return build / "classify"


def named_by_python(folder: Path, photos: list[str]) -> dict[str, list[str]]:
    command = [
        sys.executable,
        "-m",
        "larq_igp_runtime",
        "net.tflite",
        *photos,
        "--top",
        "5",
        "--json",
    ]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    rows = map(json.loads, result.stdout.splitlines())
    return {
        row["photo"]: [
            f"{each['name']} {100 * each['probability']:.1f} %" for each in row["classes"]
        ]
        for row in rows
    }


def check_photos(classify: Path, folder: Path) -> None:
    """The example prints what Python does; Pillow reads PPM for it from a PNG."""
    photos = write_photos(folder)
    ours = {"photo.ppm": "rgb.png", "photo.pgm": "gray.png"}
    expected = named_by_python(folder, [photo for photo in photos if photo not in ours])
    for photo in photos:
        command = [classify, folder / "net.tflite", folder / photo]
        result = subprocess.run(command, capture_output=True, text=True)
        assert result.returncode == 0, result.stderr
        assert result.stdout.splitlines() == expected[ours.get(photo, photo)], photo
    assert (
        len({tuple(each) for each in expected.values()}) > 10
    )  # the classifier hears what changes


@pytest.mark.parametrize(
    "geometry", [CROP, LETTERBOX, STRETCH], ids=["crop", "letterbox", "stretch"]
)
@pytest.mark.parametrize("channels, pixels", [(3, False), (1, True)])
def test_photos(classify, tmp_path, geometry, channels, pixels):
    write_model(tmp_path, channels=channels, pixels=pixels, **geometry)
    check_photos(classify, tmp_path)


def test_what_cannot_be_named_is_one_sentence(classify, tmp_path):
    write_model(tmp_path, **CROP)
    write_photos(tmp_path)
    model, photo = tmp_path / "net.tflite", tmp_path / "a photo.jpg"
    cmyk, torn, text = (tmp_path / name for name in ("cmyk.jpg", "torn.jpg", "text.png"))
    Image.open(photo).convert("CMYK").save(cmyk)
    torn.write_bytes(photo.read_bytes()[:-300])
    (tmp_path / "torn.png").write_bytes((tmp_path / "rgb.png").read_bytes()[:-300])
    text.write_text("no image")
    other = tmp_path / "other"
    other.mkdir()
    shutil.copy(model, other)
    card = json.loads((tmp_path / "net.json").read_text())
    card["preprocessing"] |= {"input_shape": [32, 32, 3]}
    (other / "net.json").write_text(json.dumps(card))
    few = tmp_path / "few"
    few.mkdir()
    shutil.copy(model, few)
    card = json.loads((tmp_path / "net.json").read_text()) | {"class_names": ["a", "b"]}
    (few / "net.json").write_text(json.dumps(card))
    alone = shutil.copy(model, tmp_path / "alone.tflite")
    for arguments, isa, sentence in [
        ([model], "", "usage: classify"),
        ([tmp_path / "absent", photo], "", "the model cannot be read"),
        ([model, photo], "sse9", "LARQ_IGP_RUNTIME_ISA is 'sse9', which is none that the engine"),
        ([model, tmp_path / "absent"], "", "absent cannot be read, or it is empty"),
        (
            [model, text],
            "",
            "text.png is not an image, or it is damaged: it is in no format",
        ),
        (
            [model, torn],
            "",
            "torn.jpg is not an image, or it is damaged: Premature end of JPEG",
        ),
        (
            [model, tmp_path / "torn.png"],
            "",
            "torn.png is not an image, or it is damaged: it is torn",
        ),
        (
            [model, cmyk],
            "",
            "cmyk.jpg is not an image, or it is damaged: Unsupported color",
        ),
        ([alone, photo], "", "alone.json cannot be read: copy the card"),
        (
            [other / "net.tflite", photo],
            "",
            "the model takes float (1, 24, 20, 3), but its card says float (32, 32, 3)",
        ),
        (
            [few / "net.tflite", photo],
            "",
            "the model has 9 outputs, but its card lists 2 classes",
        ),
    ]:
        result = subprocess.run(
            [classify, *arguments],
            capture_output=True,
            text=True,
            env={**os.environ, "LARQ_IGP_RUNTIME_ISA": isa},
        )
        assert result.returncode == 2 and f"{sentence}" in result.stderr, (arguments, result.stderr)
        assert result.stderr.splitlines()[-1].startswith("error: ")
        assert result.stdout == ""


def build_for_arm(c_library: Path, engine: Path, folder: Path) -> Path:
    """The example for aarch64 by zig, which has no libjpeg: it reads PPM alone."""
    need_module("ziglang")
    (folder / "include").mkdir()
    (folder / "include" / "nlohmann").symlink_to("/usr/include/nlohmann")
    libraries = c_library / "linux_arm64"
    # Flags for which the wheel has made zig compile its C++ library already.
    command = f"{sys.executable} -m ziglang c++ -target aarch64-linux-gnu.2.17 -O3 -s -std=c++17"
    command += " classify.cc card.cc photo.cc resize.cc"
    command += f" -I{folder}/include -I{c_library}/include -L{libraries}"
    command += f" -I{include_dir()} -L{engine.parent} -l:{engine.name} -Wl,-rpath,{engine.parent}"
    command += f" -Wl,-rpath,{libraries} -ltensorflowlite_c -o {folder}/classify"
    result = subprocess.run(command.split(), cwd=SOURCES, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return folder / "classify"
