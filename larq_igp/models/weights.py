"""Read weights files strictly: every layer needs its weights, and none may be left over.

Two layouts are read, recognised by the content of a file, not by its name. The older HDF5 layout
keeps the names of layers. ``.weights.h5`` and ``.keras`` of Keras 2 keep none: they number the
layers of each class in the order of the network.
"""

import re
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from larq_igp.errors import UserError
from larq_igp.files import check_file
from larq_igp.keras2 import tf

TOP = ("head_dense", "dense")
"""The classifier by its name and by its class: a network without one reads a file that has one."""
CONTAINERS = ("layers", "_layer_checkpoint_dependencies")
"""Where ``.weights.h5`` keeps the layers, in TensorFlow of today and before 2.14."""
MOST_BYTES = 1 << 32
"""Of a file; the largest network that is built has a quarter of it in weights."""
NUMBERED = re.compile(r"_(\d+)$")
"""End of the names that Keras gives to layers; the number is not part of the network."""
UNREADABLE = (
    OSError,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    RuntimeError,
    zipfile.BadZipFile,
)
"""What is raised on damaged files."""

Place = tuple[str, int, int]
"""Name or class of a layer, which one of those it is, and which of the layer's arrays."""


class WeightsError(UserError):
    """A weights file is missing, damaged, or belongs to another network."""


@dataclass(frozen=True)
class Weight:
    """An array of a file or a variable of a model.

    Attributes:
        text: what it is, for messages.
        shape: of the array.
        source: the data set of the file, or the variable.
    """

    text: str
    shape: tuple[int, ...]
    source: Any


def load_weights(model: "tf.keras.Model", path: str | Path) -> None:
    """Load a weights file strictly; if that fails, the model is left as it was.

    Args:
        model: a functional model without nested models.
        path: what ``save_weights`` or ``save`` of a Keras 2 model has written: ``.weights.h5``,
            ``.h5`` or ``.keras``. The state of an optimizer in it is ignored, and so is the
            classifier if the model has none.

    Raises:
        WeightsError: if the file is missing, is not a weights file, or belongs to another network;
            the message names the first difference.
    """
    if not Path(path).is_file():
        what = "is a folder, not a weights file" if Path(path).is_dir() else "does not exist"
        raise WeightsError(f"weights file {path} {what}.")
    check_file(path, MOST_BYTES)
    try:
        with h5py.File(_hdf5(path), "r") as file:
            values = _values(file, model)
    except UNREADABLE as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise WeightsError(f"{path} does not hold the weights of {model.name}: {reason}") from error
    tf.keras.backend.batch_set_value(values)


def _hdf5(path: str | Path) -> str | BytesIO:
    """Return the HDF5 file, for a ``.keras`` archive the one inside."""
    if not zipfile.is_zipfile(path):
        return str(path)
    with zipfile.ZipFile(path) as archive, archive.open("model.weights.h5") as file:
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise ValueError(f"it unpacks to more than {MOST_BYTES:,} bytes.")
    return BytesIO(content)


def _values(file: h5py.File, model: "tf.keras.Model") -> list[tuple[Any, np.ndarray]]:
    """Return each variable of the model with its array.

    Raises:
        ValueError: with the first difference.
    """
    group = file.get("model_weights", file)
    has_names = _names(group, "layer_names") is not None
    held = _numbered(_named_layers(group) if has_names else _placed_layers(group))
    wanted = _numbered(_layers(model, has_names))
    if not any(name in TOP for name, _, _ in wanted):
        held = {place: weight for place, weight in held.items() if place[0] not in TOP}
    _compare(held, wanted)
    return [
        (weight.source, np.asarray(held[place].source, weight.source.dtype.as_numpy_dtype))
        for place, weight in wanted.items()
    ]


def _compare(held: dict[Place, Weight], wanted: dict[Place, Weight]) -> None:
    counts = f"it holds {len(held)} arrays, and the network has {len(wanted)}; "
    prefix = counts if len(held) != len(wanted) else ""
    for place, weight in wanted.items():
        if place not in held:
            raise ValueError(f"{prefix}the {weight.text} is not among those of the file.")
        if held[place].shape != weight.shape:
            raise ValueError(
                f"{prefix}the {weight.text} has shape {held[place].shape} in the file and "
                f"{weight.shape} in the network."
            )
    for place, weight in held.items():
        if place not in wanted:
            raise ValueError(f"{prefix}the network has no {weight.text}.")


def _numbered(layers: Iterator[tuple[str, list[Weight]]]) -> dict[Place, Weight]:
    """Give each array of each layer its place; layers without arrays have none."""
    found: dict[Place, Weight] = {}
    seen: Counter[str] = Counter()
    for name, weights in layers:
        for index, weight in enumerate(weights):
            found[name, seen[name], index] = weight
        seen[name] += bool(weights)
    return found


def _layers(model: "tf.keras.Model", has_names: bool) -> Iterator[tuple[str, list[Weight]]]:
    for layer in model.layers:
        name = NUMBERED.sub("", layer.name) if has_names else _snake_case(type(layer).__name__)
        variables = layer._trainable_weights + layer._non_trainable_weights  # as Keras saves them
        yield name, [_variable(layer, variable) for variable in variables]


def _variable(layer: "tf.keras.layers.Layer", variable: Any) -> Weight:
    tail = variable.name.rpartition("/")[2].partition(":")[0]
    return Weight(f"{tail} of {layer.name}", tuple(variable.shape), variable)


def _snake_case(name: str) -> str:
    """Write the name of a class as Keras does in files: ``QuantConv2D`` is ``quant_conv2d``."""
    words = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", words).lower()


def _names(item: h5py.Group, key: str) -> list[str] | None:
    """Return a list of names that Keras keeps in one attribute, or in several if it is long."""
    if key in item.attrs:
        parts = [item.attrs[key]]
    elif f"{key}0" in item.attrs:
        count = sum(attribute.startswith(key) for attribute in item.attrs)
        parts = [item.attrs[f"{key}{number}"] for number in range(count)]
    else:
        return None
    names = [name for part in parts for name in part]
    return [name.decode() if isinstance(name, bytes) else str(name) for name in names]


def _named_layers(group: h5py.Group) -> Iterator[tuple[str, list[Weight]]]:
    for layer in _names(group, "layer_names") or []:
        weights = [
            Weight(f"{name.rpartition('/')[2].partition(':')[0]} of {layer}", array.shape, array)
            for name in _names(group[layer], "weight_names") or []
            for array in [group[layer][name]]
        ]
        yield NUMBERED.sub("", layer), weights


def _number(layer: str) -> int:
    match = NUMBERED.search(layer)
    return int(match[1]) if match else 0


def _placed_layers(group: h5py.Group) -> Iterator[tuple[str, list[Weight]]]:
    held: dict[str, list[Weight]] = {}

    def visit(path: str, item: Any) -> None:
        container, _, rest = path.partition("/")
        if isinstance(item, h5py.Dataset) and container in CONTAINERS:
            layer, _, index = rest.partition("/vars/")
            held.setdefault(layer, []).append(Weight(f"array {index} of {layer}", item.shape, item))

    group.visititems(visit)
    for layer in sorted(held, key=_number):
        yield NUMBERED.sub("", layer), held[layer]
