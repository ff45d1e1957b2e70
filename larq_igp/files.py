"""Write files whole or not at all: to a temporary name first, then renamed."""

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from larq_igp.errors import UserError


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
        # Before it has its name: after a loss of power a name stands for what was written.
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
    """Read a JSON document.

    Raises:
        UserError: if the file is missing or is not JSON.
    """
    try:
        return json.loads(Path(path).read_text())
    except FileNotFoundError as error:
        raise UserError(f"{path} does not exist.") from error
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path} is not readable JSON: {error}.") from error
