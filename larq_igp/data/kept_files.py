"""Results about a data set that all runs share. They are kept in the user's cache folder, because
the folder of a data set is never changed.
"""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

from larq_igp.errors import UserError
from larq_igp.files import atomic_path


def path_of(folder: Path, name: str) -> Path:
    """Return where a file about a data set's folder is kept, whether it is there or not."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    place = hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:16]
    return cache / "larq-igp" / place / name


def write_file_of(folder: Path, name: str, write: Callable[[Path], None]) -> Path:
    """Keep a file about a data set's folder; return its path.

    Raises:
        UserError: if the cache cannot be written.
    """
    path = path_of(folder, name)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"{path.parent} cannot be made: {error.strerror}. Name another folder for what is kept "
            "with XDG_CACHE_HOME."
        ) from error
    with atomic_path(path) as temporary:
        write(temporary)
    return path
