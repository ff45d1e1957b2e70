"""Files that are kept beside a data set, so that work on it is done once for all runs."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

from larq_igp.files import atomic_path


def _elsewhere(folder: Path) -> Path:
    """Return where files of a folder go that cannot be written."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    return cache / "larq-igp" / hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:16]


def read_file_of(folder: Path, name: str) -> Path | None:
    """Return the path of a file that ``write_file_of`` wrote, or None."""
    return next(
        (place / name for place in (folder, _elsewhere(folder)) if (place / name).is_file()), None
    )


def write_file_of(folder: Path, name: str, write: Callable[[Path], None]) -> Path:
    """Write a file in a data set's folder or, where that is read-only, in the user's cache; return
    its path.

    Raises:
        UserError: if neither can be written.
    """
    if not os.access(folder, os.W_OK):
        folder = _elsewhere(folder)
        folder.mkdir(parents=True, exist_ok=True)
    with atomic_path(folder / name) as temporary:
        write(temporary)
    return folder / name
