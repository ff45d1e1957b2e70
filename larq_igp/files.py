"""Files: written whole or not at all, to a temporary name first, then renamed; and read only where
they are regular and not too large, as a pipe would never end and a device would fill the memory.
"""

import io
import json
import math
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from larq_igp.errors import UserError

MOST_JSON_BYTES = 1 << 26
"""Of a JSON or CSV file."""


def read_file(path: str | Path, most_bytes: int) -> bytes:
    """Return the content of a file.

    Args:
        path: of a regular file, or of a link to one.
        most_bytes: that it may have.

    Raises:
        UserError: if it is not a regular file, or is larger.
        OSError: if it cannot be read.
    """
    handle = os.open(path, os.O_RDONLY | _NO_WAIT)
    with open(handle, "rb") as file:
        _check(os.fstat(handle), path, most_bytes)
        return file.read(os.fstat(handle).st_size)


def check_file(path: str | Path, most_bytes: int) -> None:
    """Refuse a file that ``read_file`` would refuse, before another library reads it."""
    _check(os.stat(path), path, most_bytes)


_NO_WAIT = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
"""O_NONBLOCK for a pipe without a writer; O_BINARY for Windows, which would change line ends."""


def _check(status: os.stat_result, path: str | Path, most_bytes: int) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise UserError(f"{path} cannot be read: it is not a regular file.")
    if status.st_size > most_bytes:
        raise UserError(
            f"{path} cannot be read: it has {status.st_size:,} bytes, and at most {most_bytes:,} "
            "are allowed."
        )


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path in the same folder and with the same suffix; on success it becomes
    ``path``.

    Raises:
        UserError: if the folder or the file cannot be written.
    """
    path = Path(path)
    try:
        handle, name = tempfile.mkstemp(
            dir=path.parent, prefix=f".{path.stem[:40]}-", suffix="".join(path.suffixes[-2:])
        )
        os.close(handle)
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror} ({path.parent}).") from error
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o666 & ~_umask())
        # Before the file gets its name: then the name is never that of lost content after a power
        # cut.
        _to_disk(temporary)
        temporary.replace(path)
        if os.name == "posix":  # Windows opens no folders
            _to_disk(path.parent)
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror or error}.") from error
    finally:
        temporary.unlink(missing_ok=True)


def check_writable(path: str | Path) -> None:
    """Refuse a path at which no file can be written, before the work that would fill it.

    Raises:
        UserError: if its folder is missing or cannot be written to, or it is a folder itself.
    """
    path = Path(path)
    if path.is_dir():
        raise UserError(f"{path} cannot be written: it is a folder. Give the name of a file.")
    if not path.parent.is_dir():
        raise UserError(
            f"{path} cannot be written: the folder {path.parent} does not exist. Make it first."
        )
    if not os.access(path.parent, os.W_OK):
        raise UserError(
            f"{path} cannot be written: the folder {path.parent} is not yours to write to."
        )


def _to_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_atomically(path: str | Path, data: bytes) -> None:
    """Write bytes so that ``path`` holds all of them or what it held before.

    Raises:
        UserError: if it cannot be written.
    """
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


def write_json(path: str | Path, document: Any) -> None:
    """Write a JSON document, indented, atomically."""
    write_atomically(path, (json.dumps(document, indent=2) + "\n").encode())


def read_json(path: str | Path) -> Any:
    """Read a JSON document; its numbers are finite.

    Raises:
        UserError: if the file is missing, is not JSON, or is larger than any that is written.
    """
    try:
        content = read_file(path, MOST_JSON_BYTES)
        return json.loads(content, parse_float=_finite, parse_constant=_finite)
    except FileNotFoundError as error:
        raise UserError(f"{path} does not exist.") from error
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path} is not readable JSON: {error}.") from error


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:40]} is not a finite number")
    return number


def open_csv(path: str | Path) -> io.StringIO:
    """Return the text of a CSV, for the module ``csv``.

    Raises:
        UserError: if it is not a regular file, or is larger than any file that is written.
        OSError: if it cannot be read.
        UnicodeDecodeError: if it is no UTF-8.
    """
    return io.StringIO(read_file(path, MOST_JSON_BYTES).decode(), newline="")
