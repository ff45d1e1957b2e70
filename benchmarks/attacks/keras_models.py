"""Models that Keras has saved, damaged: what a command opens as its SOURCE."""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from larq_igp.keras2 import tf

DEEP = 5_000
FILES = ("n.h5", "n.keras")


def saved(folder: Path, name: str) -> list[Any]:
    """Save a small model, and convert it."""
    image = tf.keras.layers.Input((8, 8, 1))
    x = tf.keras.layers.Dense(2)(tf.keras.layers.Flatten()(image))
    tf.keras.Model(image, x).save(folder / name)
    return ["convert", name, "-o", "net.tflite"]


def cut(folder: Path, name: str) -> list[Any]:
    """Save a model, and keep half of its file."""
    command = saved(folder, name)
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: len(content) // 2])
    return command


def configured(name: str, edit: Callable[[str], str]) -> Callable[[Path], list[Any]]:
    """Save a model, and edit its configuration."""

    def make(folder: Path) -> list[Any]:
        command = saved(folder, name)
        if name.endswith(".h5"):
            with h5py.File(folder / name, "r+") as file:
                file.attrs["model_config"] = edit(file.attrs["model_config"])
            return command
        with zipfile.ZipFile(folder / name) as archive:
            parts = {part: archive.read(part) for part in archive.namelist()}
        parts["config.json"] = edit(parts["config.json"].decode()).encode()
        with zipfile.ZipFile(folder / name, "w", zipfile.ZIP_DEFLATED) as archive:
            for part, content in parts.items():
                archive.writestr(part, content)
        return command

    return make


def units(count: int) -> Callable[[str], str]:
    """Return an edit that gives the dense layer so many units."""
    return lambda text: text.replace('"units": 2', f'"units": {count}')


def nested(text: str) -> str:
    """Nest a configuration deeply."""
    return json.dumps({"class_name": "Functional"})[:-1] + f', "config": {"[" * DEEP}{"]" * DEEP}}}'


def bomb(folder: Path) -> list[Any]:
    """Write an archive that unpacks to a thousand times its size."""
    with zipfile.ZipFile(folder / "n.keras", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("metadata.json", "{}")
        with archive.open("config.json", "w", force_zip64=True) as file:
            for _ in range(6_000):
                file.write(b" " * (1 << 20))
    return ["convert", "n.keras", "-o", "net.tflite"]


def huge_array(folder: Path) -> list[Any]:
    """Save a model, and declare 4 TiB for one of its arrays."""
    command = saved(folder, "n.h5")
    with h5py.File(folder / "n.h5", "r+") as file:
        layers = file["model_weights"]
        (layer,) = [name for name in layers if name.startswith("dense")]
        group = layers[layer]
        name = str(np.asarray(group.attrs["weight_names"]).astype(str)[0])
        del group[name]
        group.create_dataset(name, (1 << 30, 1 << 10), "f4", chunks=(1 << 10, 1 << 10))
    return command


def MODEL_ATTACKS(attack: Callable, special: Callable) -> list:
    """Return the attacks on models that Keras has saved."""
    kind = "models that Keras has saved"
    commands = {name: ["convert", name, "-o", "net.tflite"] for name in FILES}
    return [
        *(
            attack(kind, f"{name} {what}", special(command, name, what))
            for name, command in commands.items()
            for what in ("zero", "fifo", "sparse")
        ),
        *(attack(kind, f"{name}, half", lambda to, name=name: cut(to, name)) for name in FILES),
        *(attack(kind, f"{name} nested", configured(name, nested)) for name in FILES),
        *(attack(kind, f"{name}, 10^9 units", configured(name, units(10**9))) for name in FILES),
        *(attack(kind, f"{name}, 10^30 units", configured(name, units(10**30))) for name in FILES),
        attack(kind, "6 GB in 6 MB", bomb),
        attack(kind, "an array of 4 TiB", huge_array),
    ]
