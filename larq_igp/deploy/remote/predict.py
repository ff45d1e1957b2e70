"""Classify photos on another machine, with a ``.tflite`` and its card."""

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from larq_igp.deploy.card import card_path, read_card
from larq_igp.deploy.remote.machine import FILE, MOST_BYTES, Remote
from larq_igp.deploy.remote.transports import RemoteError
from larq_igp.errors import UserError
from larq_igp.files import read_file

PHOTOS_AT_ONCE = 64


def predict_on(
    remote: Remote, path: str | Path, images: Iterable[str], *, top: int, threads: int = 1
) -> Iterator[dict[str, Any]]:
    """Yield a row for each image, as ``larq_igp.predict`` does.

    Args:
        remote: the other machine.
        path: path of a ``.tflite`` with a card.
        images: paths of image files on this machine; they are copied in groups.
        top: number of classes to name for each image.
        threads: number of threads that the engine there may use.

    Raises:
        RemoteError: if the machine cannot do it.
        UserError: if the file or its card cannot be read.
    """
    content = read_file(path, MOST_BYTES)
    names = read_card(path, content).class_names
    files = {FILE: content, card_path(FILE).name: read_file(card_path(path), MOST_BYTES)}
    rest = iter(images)
    while batch := list(islice(rest, PHOTOS_AT_ONCE)):
        photos: dict[str, bytes] = {}
        errors: dict[str, str] = {}
        for number, image in enumerate(batch):
            try:
                photos[f"{number}.photo"] = read_file(image, MOST_BYTES)
            except (OSError, UserError) as error:
                errors[f"{number}.photo"] = f"{image} is not an image: {error}"
        found = _ask(remote, files, photos, top, threads) if photos else {}
        for number, image in enumerate(batch):
            photo = f"{number}.photo"
            answer = found.get(photo, errors.get(photo, ""))
            if isinstance(answer, str):
                yield {"image": image, "classes": [], "error": answer.replace(photo, image, 1)}
            else:
                yield {"image": image, "classes": _with_labels(answer, names), "error": None}


def _ask(
    remote: Remote, files: dict[str, bytes], photos: dict[str, bytes], top: int, threads: int
) -> dict[str, Any]:
    """Return the classes of each photo, or why it cannot be read."""
    arguments = [FILE, *photos, "--json", "--top", str(top), "--threads", str(threads)]
    answer = remote.call(arguments, files | photos)
    found: dict[str, Any] = {}
    for line in answer.errors.splitlines():
        for photo in photos:
            if line.startswith(f"error: {photo} "):
                found[photo] = line.removeprefix("error: ")
    try:
        rows = [json.loads(line) for line in answer.output.splitlines()]
        found |= {row["photo"]: row["classes"] for row in rows}
    except (ValueError, KeyError, TypeError) as error:
        raise RemoteError(f"the answer of {remote.name} cannot be read: {error}.") from error
    if len(found) < len(photos):
        raise RemoteError(f"{remote.name} cannot run the file: {answer.last_error}.")
    return found


def _with_labels(classes: list[dict[str, Any]], names: tuple[str, ...]) -> list[dict[str, Any]]:
    return [
        {
            "label": names.index(each["name"]) if names else int(each["name"]),
            "class_name": each["name"],
            "probability": each["probability"],
        }
        for each in classes
    ]
