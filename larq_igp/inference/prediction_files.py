"""Write predictions as CSV or JSON, row by row, as a whole file or not at all."""

import csv
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from larq_igp.errors import UserError
from larq_igp.files import atomic_path, check_writable

SUFFIXES = (".csv", ".json")
WriteRow = Callable[[dict[str, Any]], object]


def check_outputs(paths: Iterable[str | Path]) -> None:
    """Refuse names that ``open_rows`` would refuse.

    Raises:
        UserError: if a name ends in neither ``.csv`` nor ``.json``, or cannot be written.
    """
    for path in paths:
        if Path(path).suffix.lower() not in SUFFIXES:
            raise UserError(f"{path} must end in {' or '.join(SUFFIXES)}.")
        check_writable(path)


@contextmanager
def open_rows(path: str | Path, top: int) -> Iterator[WriteRow]:
    """Yield a function that writes a row of ``larq_igp.predict``.

    The file gets its name after the last row.

    A CSV has one line for each image: ``image, class, probability``, the next best classes as
    ``class_2, probability_2, ...``, and ``error``. A JSON is a list of the rows.

    Args:
        path: path of the file.
        top: number of classes in a row.

    Raises:
        UserError: see ``check_outputs``.
    """
    check_outputs([path])
    rows = _csv if Path(path).suffix.lower() == ".csv" else _json
    with (
        atomic_path(path) as temporary,
        open(temporary, "w", encoding="utf-8", errors="surrogateescape", newline="") as file,
        rows(file, top) as write,
    ):
        yield write


@contextmanager
def _csv(file: TextIO, top: int) -> Iterator[WriteRow]:
    writer = csv.writer(file)
    places = ["", *(f"_{place}" for place in range(2, top + 1))]
    guesses = [f"{name}{place}" for place in places for name in ("class", "probability")]
    writer.writerow(["image", *guesses, "error"])

    def write(row: dict[str, Any]) -> None:
        cells = []
        for guess in row["classes"][:top]:
            cells += [guess["class_name"], f"{guess['probability']:.6g}"]
        cells += [""] * (2 * top - len(cells))
        writer.writerow([row["image"], *cells, row["error"] or ""])

    yield write


@contextmanager
def _json(file: TextIO, top: int) -> Iterator[WriteRow]:
    before = "[\n"

    def write(row: dict[str, Any]) -> None:
        nonlocal before
        row = row | {"classes": row["classes"][:top]}
        file.write(before + json.dumps(row, allow_nan=False))
        before = ",\n"

    yield write
    file.write("[]\n" if before == "[\n" else "\n]\n")
