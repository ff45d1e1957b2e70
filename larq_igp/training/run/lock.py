"""One process trains in a run directory.

The lock is the kernel's: it ends with the process that holds it, however that ends.
"""

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from larq_igp.errors import UserError
from larq_igp.training.run.layout import LOCK

PATIENCE_SECONDS = 1.0
"""``is_locked`` holds the lock for a moment to try it."""


class LockedError(UserError):
    """Another process trains in this run directory."""


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lock of a run directory.

    Raises:
        LockedError: if another process holds it.
        UserError: if the folder cannot be written.
    """
    try:
        file = (folder / LOCK).open("a")
    except OSError as error:
        raise UserError(f"{folder / LOCK} cannot be written: {error.strerror}.") from error
    with file:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not _try_lock(file, fcntl.LOCK_EX):
            if time.monotonic() > deadline:
                raise LockedError(
                    f"another process is training in {folder}: wait for it, or stop it first."
                )
            time.sleep(0.02)
        yield


def is_locked(folder: Path) -> bool:
    """Return whether a living process trains in a run directory."""
    try:
        with (folder / LOCK).open() as file:
            return not _try_lock(file, fcntl.LOCK_SH)
    except OSError:
        return False


def _try_lock(file, how: int) -> bool:
    try:
        fcntl.flock(file, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
