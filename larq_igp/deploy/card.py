"""The card of a ``.tflite``: a JSON file of the same name that says what the network is and how to
feed it.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

import msgspec

from larq_igp.deploy.about import About
from larq_igp.deploy.audit import Audit
from larq_igp.deploy.errors import CardError
from larq_igp.deploy.flatbuffer import read_bytes
from larq_igp.deploy.verify import Verification
from larq_igp.files import MOST_JSON_BYTES, read_file, write_json
from larq_igp.versions import tool_versions

CARD_FORMAT = 2
"""Format 1 is that of version 0.1.0. It has one verification, without its engine, and only the name
of the data set.
"""


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """Accuracy of a file on the test images.

    Attributes:
        engine: name of the engine that ran it.
        version: version of the engine's package; None if unknown.
        top1: share of right answers, from 0 to 1.
        examples: number of test images.
    """

    engine: str
    version: str | None = None
    top1: float
    examples: int


@dataclass(frozen=True, kw_only=True)
class DenseChoice:
    """Why weights of matrix products and 1x1 convolutions have 8 bits, or 32.

    Attributes:
        bits: of the weights, 8 or 32.
        reason: in words.
        float_top1: share of right answers of the file with float weights, on validation images;
            None if it was not measured.
        int8_top1: the same with 8-bit weights.
        examples: number of validation images; None if nothing was measured.
    """

    bits: int
    reason: str
    float_top1: float | None = None
    int8_top1: float | None = None
    examples: int | None = None


@dataclass(frozen=True, kw_only=True)
class Made:
    """How a file was made.

    Attributes:
        converter: ``own``, ``lce`` or ``tensorflow_lite``.
        scores: what the file returns, ``probabilities`` or ``logits``.
        dense_choice: why dense weights have their width; None if nothing was chosen.
    """

    converter: str
    scores: str
    dense_choice: DenseChoice | None = None


@dataclass(frozen=True, kw_only=True)
class Card:
    """What is known about a converted network.

    Attributes:
        variant: name of the network.
        parameters: fields of its specification and how it was built; None for a network that
            ``larq_igp.build`` cannot build.
        bits: width of its quantized weights and activations.
        input_shape: ``(H, W, C)`` of an image.
        preprocessing: what is done to an image's bytes before the network sees them; None if it is
            not known.
        class_names: in the order of the outputs; empty if unknown.
        dataset: name of the data set that it was trained on; None if untrained.
        data: identity of that data set, see ``larq_igp.data.Identity``; None if unknown.
        data_dir: folder of that data set on the machine that trained it; None for the usual place.
        corrupt: what was done with corrupt images, ``refuse`` or ``skip``; None if untrained.
        command: the command that trains it; None if untrained or unknown.
        seed: seed of that training.
        accuracy: top-1 of the Keras model on that data set's test images, from 0 to 1; None if not
            measured.
        measurements: accuracy of the file itself on the test images, one for each engine.
        converter: the converter that wrote it, ``own``, ``lce`` or ``tensorflow_lite``; None if
            unknown.
        input: element type of the file's input: ``uint8`` for pixels from 0 to 255, which the file
            normalises; ``float32`` for images normalised by ``preprocessing``.
        scores: what the file returns, ``probabilities`` or ``logits``.
        dense_bits: width of its weights that are multiplied with floats, 8 or 32.
        dense_choice: why they have this width; None if nothing was chosen.
        storage_bits: bits of all kernels at the width of the network, as the paper counts.
        file_storage_bits: bits of all kernels as stored in the file.
        audit: the findings of ``audit``.
        verified: whether the file is right in at least one engine.
        verifications: result of each engine, also of an engine that was not installed.
        sha256: hash of the ``.tflite``.
        file_bytes: size of the ``.tflite``.
        versions: versions of the tools that made it.
        format: format of this card.
    """

    variant: str
    parameters: dict[str, Any] | None
    bits: Annotated[int, msgspec.Meta(ge=1, le=32)]
    input_shape: tuple[int, int, int]
    preprocessing: dict[str, Any] | None
    class_names: tuple[str, ...] = ()
    dataset: str | None = None
    data: dict[str, Any] | None = None
    data_dir: str | None = None
    corrupt: str | None = None
    command: str | None = None
    seed: int | None = None
    accuracy: float | None = None
    measurements: tuple[Measurement, ...] = ()
    converter: str | None = None
    input: str = "float32"
    scores: str = "probabilities"
    dense_bits: int = 32
    dense_choice: DenseChoice | None = None
    storage_bits: int | None = None
    file_storage_bits: int | None = None
    audit: dict[str, Any] | None = None
    verified: bool = False
    verifications: tuple[Verification, ...] = ()
    sha256: str
    file_bytes: int
    versions: dict[str, str | None] = field(default_factory=dict)
    format: int = CARD_FORMAT


NO_OBJECT = "it does not hold a JSON object"


def why_no_card(tflite_path: str | Path) -> str:
    """Return the sentence for a ``.tflite`` whose card is missing."""
    card = card_path(tflite_path)
    copy = f"copy {card}, which larq-igp wrote next to it, or convert again"
    return f"{tflite_path} has no card: {copy}."


def card_path(tflite_path: str | Path) -> Path:
    """Return the path of a file's card: ``model.tflite`` -> ``model.json``."""
    return Path(tflite_path).with_suffix(".json")


def write_card(
    tflite_path: str | Path,
    about: About,
    *,
    audit: Audit | None = None,
    verifications: tuple[Verification, ...] = (),
    made: Made | None = None,
) -> Path:
    """Write the card of an existing ``.tflite`` next to it.

    Returns:
        The path of the card.

    Raises:
        CardError: if ``tflite_path`` ends in ``.json``, which is the path of its card.
        TFLiteFileError: if the ``.tflite`` cannot be read.
        UserError: if the card cannot be written.
    """
    path = card_path(tflite_path)
    if path == Path(tflite_path):
        raise CardError(f"{tflite_path} would be overwritten by its own card: name it .tflite.")
    content = read_bytes(tflite_path)
    card = Card(
        variant=about.network,
        parameters=about.parameters,
        bits=about.bits,
        input_shape=about.preprocessing.input_shape,
        preprocessing=about.preprocessing.to_json() if about.preprocessing_is_known else None,
        class_names=about.class_names,
        dataset=about.dataset,
        data=about.data,
        data_dir=about.data_dir,
        corrupt=about.corrupt,
        command=about.command,
        seed=about.seed,
        accuracy=about.accuracy,
        **(asdict(made) | {"dense_choice": made.dense_choice} if made else {}),
        **(_of_audit(audit) if audit else {}),
        verified=any(each.passed for each in verifications),
        verifications=verifications,
        sha256=hashlib.sha256(content).hexdigest(),
        file_bytes=len(content),
        versions=tool_versions(),
    )
    write_json(path, asdict(card))
    return path


def _of_audit(audit: Audit) -> dict[str, Any]:
    return {
        "input": audit.input.dtype,
        "dense_bits": audit.dense_bits,
        "storage_bits": audit.storage_bits,
        "file_storage_bits": audit.file_storage_bits,
        "audit": audit.to_dict(),
    }


def add_measurements(tflite_path: str | Path, measurements: Sequence[Measurement]) -> Card:
    """Replace the measurements on a card, and return it.

    Raises:
        CardError: if the card is missing or damaged, or was written for another content.
        UserError: if the card cannot be written.
    """
    card = replace(read_card(tflite_path), measurements=tuple(measurements))
    write_json(card_path(tflite_path), asdict(card))
    return card


def read_card(tflite_path: str | Path, content: bytes | None = None) -> Card:
    """Read the card of a ``.tflite`` and check that it belongs to it.

    Args:
        tflite_path: path of the ``.tflite``, not of its card.
        content: content of the ``.tflite``, if it was read before.

    Raises:
        CardError: if the card is missing or damaged, or was written for another content.
        TFLiteFileError: if the ``.tflite`` cannot be read.
    """
    content = read_bytes(tflite_path) if content is None else content
    path = card_path(tflite_path)
    try:
        values = msgspec.json.decode(read_file(path, MOST_JSON_BYTES))
    except FileNotFoundError as error:
        raise CardError(why_no_card(tflite_path)) from error
    except OSError as error:
        raise CardError(f"{path} cannot be read: {error.strerror}.") from error
    except (msgspec.DecodeError, RecursionError) as error:
        raise CardError(f"{path} is not a card: {NO_OBJECT}.") from error
    card = _card_from(values, path)
    if card.sha256 != hashlib.sha256(content).hexdigest():
        raise CardError(
            f"{path} belongs to another file: its sha256 is not that of {tflite_path}. Copy both "
            "again, or convert again."
        )
    return card


def _card_from(values: Any, path: Path) -> Card:
    if not isinstance(values, dict):
        raise CardError(f"{path} is not a card: {NO_OBJECT}.")
    if values.get("format") not in (1, CARD_FORMAT):
        raise CardError(
            f"{path} has the card format {values.get('format')!r}; this version reads 1 and "
            f"{CARD_FORMAT}."
        )
    try:
        return msgspec.convert(_format_2(values) if values["format"] == 1 else values, Card)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at ")
        field_name = where.strip("`").removeprefix("$").lstrip(".")
        subject = f"{field_name} is wrong: " if field_name else ""
        raise CardError(f"{path} is damaged: {subject}{what}. Convert again.") from error


def _format_2(values: dict[str, Any]) -> dict[str, Any]:
    """Return a card of format 1 in the current format."""
    values, judged = values | {"format": CARD_FORMAT}, values.get("verification")
    if isinstance(judged, dict):
        verification = {"engine": "an engine that format 1 does not name", **judged}
        values |= {"verified": judged.get("passed"), "verifications": [verification]}
    return values
