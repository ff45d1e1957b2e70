"""What a stranger could give: files, options, and the command that reads them."""

import gzip
import json
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import h5py
from keras_models import MODEL_ATTACKS
from run_directories import RUN_ATTACKS

RECIPE = 'network = "resnet_tiny"\n'
SUMMARY = ["summary", "resnet_tiny", "--input-shape", "32,32,3", "--num-classes", 10]
PIXELS = ["--input-shape", "32,32,3"]
DEEP, LONG = 5_000, 50_000


class Attack(NamedTuple):
    """A command and its input.

    Attributes:
        kind: row of the table.
        name: of this attack.
        make: writes its files into a folder, and returns the arguments of ``larq-igp``.
        allowed: exit codes; a sentence by default.
        says: what has to be printed.
    """

    kind: str
    name: str
    make: Callable[[Path], list[Any]]
    allowed: tuple[int, ...] = (2,)
    says: str = ""


def recipe(name: str, text: str, allowed: tuple[int, ...] = (2,)) -> Attack:
    """Return an attack by a recipe file."""

    def make(folder: Path) -> list[Any]:
        (folder / "a.toml").write_text(text)
        return ["summary", "a.toml"]

    return Attack("recipe files", name, make, allowed)


def chained(folder: Path) -> list[Any]:
    """Write recipes that extend each other."""
    for number in range(1_200):
        (folder / f"{number}.toml").write_text(f'extends = "{number + 1}.toml"\n')
    (folder / "1200.toml").write_text(RECIPE)
    return ["summary", "0.toml"]


def linked(folder: Path) -> list[Any]:
    """Write a recipe that extends a link to itself."""
    (folder / "loop.toml").symlink_to("loop.toml")
    (folder / "a.toml").write_text('extends = "loop.toml"\n')
    return ["summary", "a.toml"]


def said(command: list[Any]) -> Callable[[Path], list[Any]]:
    """Return a command that needs no file."""
    return lambda _: command


def special(command: list[Any], name: str, kind: str) -> Callable[[Path], list[Any]]:
    """Put something before a command that is no regular file: ``zero``, ``fifo`` or ``sparse``."""

    def make(folder: Path) -> list[Any]:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if kind == "fifo":
            os.mkfifo(path)
        elif kind == "zero":
            path.symlink_to("/dev/zero")
        else:
            path.touch()
            os.truncate(path, 1 << 40)
        return command

    return make


def huge_weights(folder: Path) -> list[Any]:
    """Declare an array of 4 TiB."""
    with h5py.File(folder / "w.h5", "w") as file:
        file.create_dataset("layers/dense/vars/0", (1 << 40,), "f4", chunks=(1 << 20,))
    return ["train", "resnet_tiny", *PIXELS, "--initial-weights", "w.h5", "--dry-run"]


def huge_weights_that_fit(folder: Path) -> list[Any]:
    """A list of names that is declared with 4 TiB, for the reader of the older layout."""
    with h5py.File(folder / "w.h5", "w") as file:
        group = file.create_group("model_weights")
        names = group.create_dataset("names", (1 << 40,), "S4", chunks=(1 << 20,))
        group.attrs["layer_names"] = names.ref
    return ["train", "resnet_tiny", *PIXELS, "--initial-weights", "w.h5", "--dry-run"]


def idx(folder: Path, images: bytes) -> list[Any]:
    """Write a data set of IDX files."""
    for name in ("train-images-idx3-ubyte", "t10k-images-idx3-ubyte"):
        (folder / name).write_bytes(images)
    for name in ("train-labels-idx1-ubyte", "t10k-labels-idx1-ubyte"):
        (folder / name).write_bytes(struct.pack(">HBBI", 0, 8, 1, 1) + b"\0")
    return ["data", "check", "fashion_mnist", "--data-dir", folder]


def idx_bomb(folder: Path) -> list[Any]:
    """Write an IDX file that unpacks to a thousand times its size."""
    arguments = idx(folder, b"")
    (folder / "train-images-idx3-ubyte").unlink()
    with gzip.open(folder / "train-images-idx3-ubyte.gz", "wb", 9) as file:
        file.write(struct.pack(">HBB3I", 0, 8, 3, 60_000, 28, 28))
        for _ in range(6_000):
            file.write(bytes(1 << 20))
    return arguments


def png(side: int, pixels: bytes) -> bytes:
    """Return a PNG file that declares so many grey pixels on each side."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + checksum

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0))
    rows = chunk(b"IDAT", zlib.compress(pixels))
    return b"\x89PNG\r\n\x1a\n" + header + rows + chunk(b"IEND", b"")


def classes(folder: Path, name: bytes = b"b") -> list[Any]:
    """Write a data set with a class of some name."""
    for each in (b"a", name):
        place = os.path.join(os.fsencode(folder), b"data", each)
        os.makedirs(place, exist_ok=True)
        for number in range(30):
            with open(os.path.join(place, b"%d.png" % number), "wb") as file:
                file.write(png(1, b"\0\0"))
    return ["data", "check", "folder", "--data-dir", folder / "data"]


def among_others(kind: str) -> Callable[[Path], list[Any]]:
    """Put something into a data set that is no image file."""

    def make(folder: Path) -> list[Any]:
        arguments = classes(folder)
        special([], "data/a/x.png", kind)(folder)
        return arguments

    return make


def huge_image(folder: Path) -> list[Any]:
    """Declare an image of 3.6 GB."""
    (folder / "x.png").write_bytes(png(60_000, b""))
    return PREDICT


def card_of_many_blocks(folder: Path) -> list[Any]:
    """Edit a card."""
    fixture = Path(__file__).parents[2] / "tests/fixtures/version_0.1.0"
    (folder / "net.tflite").write_bytes((fixture / "net.tflite").read_bytes())
    card = json.loads((fixture / "net.json").read_text())
    card["parameters"] = {**(card["parameters"] or {}), "blocks": [10**9]}
    (folder / "net.json").write_text(json.dumps(card))
    return ["benchmark", "net.tflite", "--runs", 1]


PREDICT = ["predict", "resnet_tiny", "x.png"]
RANK_255 = bytes([0, 0, 8, 255]) + b"\0\0\0\1" * 255 + b"\0"
DIGITS = "9" * 5_000
ATTACKS: list[Attack] = [
    recipe("arrays nested 5,000 deep", f"{RECIPE}boundaries = {'[' * DEEP}{']' * DEEP}\n"),
    recipe("tables nested 5,000 deep", f"{RECIPE}parameters = {'{a=' * DEEP}1{'}' * DEEP}\n"),
    recipe("5,000 digits", f"{RECIPE}epochs = {DIGITS}\n"),
    recipe("5,000 hexadecimal digits", f"{RECIPE}epochs = 0x{'f' * 5_000}\n"),
    recipe("5,000 digits of filters", f"{RECIPE}parameters.filters = 0x{'f' * 5_000}\n"),
    recipe("a key of 50,000 parts", RECIPE + ".".join("a" * LONG) + " = 1\n"),
    recipe("a parameter of 5,000 parts", f"{RECIPE}parameters.{'.'.join('a' * DEEP)} = 1\n"),
    recipe("a table of 50,000 parts", f"{RECIPE}[{'.'.join('a' * LONG)}]\n"),
    Attack("recipe files", "1,200 files that extend each other", chained),
    Attack("recipe files", "extends by a link to itself", linked),
    Attack("recipe files", "a link to /dev/zero", special(["summary", "a.toml"], "a.toml", "zero")),
    Attack("recipe files", "a FIFO", special(["summary", "a.toml"], "a.toml", "fifo")),
    Attack("recipe files", "1 TiB", special(["summary", "a.toml"], "a.toml", "sparse")),
    *(
        Attack("sizes of networks", " ".join(map(str, more)), said([*SUMMARY, *more]))
        for more in (
            ["--blocks", 10**9],
            ["--blocks", ",".join("1" * 40)],
            ["--blocks", ",".join(["1"] * 2_000)],
            ["--filters", 4096, "--blocks", "4,4,4,4,4,4"],
            ["--num-classes", 10**8],
            ["--num-classes", 10**30],
            ["--input-shape", "1000000,1000000,3"],
            ["--input-shape", "32,32,1000000000"],
            ["--filters", DIGITS],
        )
    ),
    *(
        Attack(
            "sizes of networks",
            f"igp_densenet_tiny {' '.join(map(str, more))}",
            said(["summary", "igp_densenet_tiny", *PIXELS, *more]),
        )
        for more in (
            ["--growth-rate", 10**9],
            ["--blocks", "100000,1"],
            ["--stem-filters", 10**9],
            ["--columns", 8, "--blocks", "500,500"],
        )
    ),
    Attack("sizes of networks", "blocks of a card", card_of_many_blocks),
    Attack("images", "a link to /dev/zero", special(PREDICT, "x.png", "zero")),
    Attack("images", "a FIFO", special(PREDICT, "x.png", "fifo")),
    Attack("images", "1 TiB", special(PREDICT, "x.png", "sparse")),
    Attack("images", "a PNG of 60,000 x 60,000", huge_image),
    Attack("images", "a data set of images", classes, (0,)),
    *(
        Attack(
            "images", f"{name} in a data set", among_others(what), (0,), "Not read: 1 special file"
        )
        for name, what in (("a link to /dev/zero", "zero"), ("a FIFO", "fifo"))
    ),
    Attack("images", "1 TiB in a data set", among_others("sparse")),
    Attack("weights", "an array of 4 TiB", huge_weights),
    Attack("weights", "names of 4 TiB", huge_weights_that_fit),
    *(
        Attack(
            "weights",
            kind,
            special(
                ["train", "resnet_tiny", *PIXELS, "--initial-weights", "w.h5", "--dry-run"],
                "w.h5",
                kind,
            ),
        )
        for kind in ("zero", "fifo", "sparse")
    ),
    *(
        Attack(".tflite files", kind, special(["benchmark", "n.tflite"], "n.tflite", kind))
        for kind in ("zero", "fifo", "sparse")
    ),
    Attack(".tflite files", "the root folder", lambda _: ["benchmark", "/"]),
    Attack("data sets", "IDX of rank 255", lambda folder: idx(folder, RANK_255)),
    Attack("data sets", "IDX of 6 GB in 6 MB", idx_bomb),
    Attack("data sets", "a class that is not UTF-8", lambda f: classes(f, b"\xff\xfe")),
    *MODEL_ATTACKS(Attack, special),
    *RUN_ATTACKS(Attack, special),
]
