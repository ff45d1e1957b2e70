"""The card of a ``.tflite``:

a JSON file of the same name that says what the network is and how to feed it.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from larq_igp.deploy.about import About
from larq_igp.deploy.audit import Audit
from larq_igp.deploy.errors import CardError
from larq_igp.deploy.flatbuffer import read_bytes
from larq_igp.deploy.verify import Verification
from larq_igp.files import write_json
from larq_igp.versions import tool_versions

CARD_FORMAT = 1


@dataclass(frozen=True, kw_only=True)
class Card:
    """What is known of a converted network.

    Attributes:
        variant: name of the network.
        parameters: fields of its specification.
        bits: width of its quantized weights and activations.
        input_shape: ``(H, W, C)`` of an image.
        preprocessing: what is done to an image's bytes before the network sees them.
        class_names: in the order of the outputs; empty if unknown.
        dataset: that it was trained on; None if untrained.
        accuracy: top-1 on that data set's test images, from 0 to 1; None if not measured.
        audit: the findings of ``audit``.
        verification: the findings of ``verify``.
        sha256: of the ``.tflite``.
        file_bytes: size of the ``.tflite``.
        versions: of the tools that made it.
        format: of this card.
    """

    variant: str
    parameters: dict[str, Any]
    bits: int
    input_shape: tuple[int, ...]
    preprocessing: dict[str, Any]
    class_names: tuple[str, ...] = ()
    dataset: str | None = None
    accuracy: float | None = None
    audit: dict[str, Any] | None = None
    verification: dict[str, Any] | None = None
    sha256: str = ""
    file_bytes: int = 0
    versions: dict[str, str | None] = field(default_factory=dict)
    format: int = CARD_FORMAT


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


FIELDS: dict[str, Callable[[Any], bool]] = {
    "variant": _is_text,
    "parameters": lambda value: isinstance(value, dict),
    "bits": lambda value: value in (1, 2, 32) and isinstance(value, int),
    "input_shape": lambda value: (
        isinstance(value, list) and len(value) == 3 and all(type(n) is int for n in value)
    ),
    "preprocessing": lambda value: isinstance(value, dict),
    "class_names": lambda value: isinstance(value, list) and all(map(_is_text, value)),
    "dataset": lambda value: value is None or _is_text(value),
    "sha256": _is_text,
}
"""What a field that others rely on must be."""


def card_path(tflite_path: str | Path) -> Path:
    """Return where the card of a file lies: ``model.tflite`` -> ``model.json``."""
    return Path(tflite_path).with_suffix(".json")


def write_card(
    tflite_path: str | Path,
    about: About,
    *,
    audit: Audit | None = None,
    verification: Verification | None = None,
) -> Path:
    """Write the card beside a ``.tflite`` that is already there.

    Returns:
        The path of the card.

    Raises:
        CardError: if ``tflite_path`` ends in ``.json``, where its card would lie.
        TFLiteFileError: if the ``.tflite`` cannot be read.
        UserError: if the card cannot be written.
    """
    path = card_path(tflite_path)
    if path == Path(tflite_path):
        raise CardError(f"{tflite_path} would be overwritten by its own card: name it .tflite.")
    content = read_bytes(tflite_path)
    card = Card(
        variant=about.network,
        parameters=about.parameters or {},
        bits=about.bits,
        input_shape=about.preprocessing.input_shape,
        preprocessing=about.preprocessing.to_json(),
        class_names=about.class_names,
        dataset=about.dataset,
        accuracy=about.accuracy,
        audit=audit.to_dict() if audit else None,
        verification=verification.to_dict() if verification else None,
        sha256=hashlib.sha256(content).hexdigest(),
        file_bytes=len(content),
        versions=tool_versions(),
    )
    write_json(path, asdict(card))
    return path


def read_card(tflite_path: str | Path) -> Card:
    """Read the card of a ``.tflite`` and check that it belongs to it.

    Args:
        tflite_path: of the network, not of the card.

    Raises:
        CardError: if the card is missing or damaged, or was written for another content.
        TFLiteFileError: if the ``.tflite`` cannot be read.
    """
    content, path = read_bytes(tflite_path), card_path(tflite_path)
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise CardError(f"{tflite_path} has no card: {path} does not exist.") from error
    except (OSError, ValueError, RecursionError) as error:
        raise CardError(f"{path} is not a readable card: {error}.") from error
    card = _card_from(values, path)
    if card.sha256 != hashlib.sha256(content).hexdigest():
        raise CardError(
            f"{path} belongs to another file: its sha256 is not that of {tflite_path}. Convert "
            "again to write both."
        )
    return card


def _card_from(values: Any, path: Path) -> Card:
    if not isinstance(values, dict):
        raise CardError(f"{path} is not a card: it holds no JSON object.")
    if values.get("format") != CARD_FORMAT:
        raise CardError(
            f"{path} has the card format {values.get('format')!r}; this version reads "
            f"{CARD_FORMAT}."
        )
    missing = sorted({each.name for each in fields(Card)} - values.keys())
    if missing:
        raise CardError(f"{path} is not a complete card: {missing[0]} is missing.")
    for name, is_valid in FIELDS.items():
        if not is_valid(values[name]):
            raise CardError(
                f"{path} is damaged: {name} cannot be {str(values[name])[:40]!r}. Convert again."
            )
    shapes = {
        "input_shape": tuple(values["input_shape"]),
        "class_names": tuple(values["class_names"]),
    }
    return Card(**{each.name: values[each.name] for each in fields(Card)} | shapes)
