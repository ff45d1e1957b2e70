"""Why Keras cannot load a file, in one sentence that names the layer."""

import json
import zipfile
from pathlib import Path
from typing import Any

import h5py

from larq_igp.files import MOST_JSON_BYTES
from larq_igp.keras2 import tf
from larq_igp.models.weights import CONTAINERS

LONGEST_MESSAGE = 300
WITHOUT_MODEL = "No model config found"
NO_MODEL = "it is an HDF5 file without a Keras model"
KNOWN = {
    WITHOUT_MODEL: "it holds only weights: name their network as the source, and this "
    "file with --weights",
    "truncated file": "it is truncated",
    "file signature not found": "it is not an HDF5 file",
}
"""Messages of Keras or HDF5 -> the reason."""
IN_PYTHON = "call larq_igp.convert in Python, where the model is built"
"""What still works in such cases."""
OF_GRAPHS = ("Functional", "Sequential", "Model", "TFOpLambda", "SlicingOpLambda")
"""Classes in graphs that are not names of layers."""


def why_revived(layer: "tf.keras.layers.Layer") -> str:
    """Return the reason why a layer of a SavedModel is a stand-in, without a full stop."""
    kind = type(layer).__name__.rpartition(">")[2]
    return (
        f"layer {layer.name!r} is of the class {kind}, which cannot be loaded from a SavedModel, "
        f"because its quantizer is a function or its code is not here: {IN_PYTHON}"
    )


def why_unreadable(path: str | Path, error: Exception) -> str:
    """Return the reason why a model could not be loaded, without a full stop."""
    said = " ".join(str(error).split()) or type(error).__name__
    if Path(path).suffix == ".keras" and not zipfile.is_zipfile(path):
        return "it is truncated, or not a Keras file"
    for part, reason in KNOWN.items():
        if part in said:
            return reason if part != WITHOUT_MODEL or _holds_weights(path) else NO_MODEL
    for kind, name, config in _layers(path):
        if any(_is_function(key, value) for key, value in config.items()):
            return (
                f"layer {name!r} has a function as its quantizer, which Larq cannot read from a "
                f"file: {IN_PYTHON}"
            )
        if kind == "Lambda" and "Lambda layer" in said:
            return (
                f"layer {name!r} is a Lambda of Python code, which is not run from such a file: "
                "use TensorFlow functions or a layer class"
            )
        if not _is_known(kind):
            return (
                f"layer {name!r} is of the class {kind.rpartition('>')[2]}, which is not known "
                f"here: {IN_PYTHON}"
            )
    first = next((line.strip() for line in str(error).splitlines() if line.strip()), said)
    return first.rstrip(".")[:LONGEST_MESSAGE]


def _holds_weights(path: str | Path) -> bool:
    with h5py.File(path, "r") as file:
        return any(name.startswith("layer_names") for name in file.attrs) or any(
            name in file for name in CONTAINERS
        )


def _is_known(kind: str) -> bool:
    """Tell whether Keras knows a class of layers, by its name or its registered name."""
    if hasattr(tf.keras.layers, kind) or kind in OF_GRAPHS:
        return True
    return tf.keras.utils.get_registered_object(kind) is not None


def _is_function(key: str, value: Any) -> bool:
    """Tell whether a field of a layer is a quantizer that is a plain function."""
    return (
        key.endswith("quantizer")
        and isinstance(value, dict)
        and value.get("class_name") == "function"
    )


def _layers(path: str | Path) -> list[tuple[str, str, dict[str, Any]]]:
    """Return class, name and fields of each layer; empty if the file cannot be read."""
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive, archive.open("config.json") as file:
                text: Any = file.read(MOST_JSON_BYTES)
        else:
            with h5py.File(path, "r") as file:
                text = file.attrs["model_config"]
        layers = json.loads(text)["config"]["layers"]
        return [
            (
                str(each.get("registered_name") or each["class_name"]),
                str(each["config"].get("name") or each.get("name")),
                dict(each["config"]),
            )
            for each in layers
        ]
    except (
        OSError,
        KeyError,
        TypeError,
        ValueError,
        AttributeError,
        RecursionError,
        zipfile.BadZipFile,
    ):
        return []
