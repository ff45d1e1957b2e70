"""One process trains in a run directory: its lock ends with the process, however that ends."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from larq_igp.errors import UserError
from larq_igp.training.run.layout import LOCK

PATIENCE_SECONDS, POLL_SECONDS = 1.0, 0.01
"""``is_locked`` holds the lock for a moment to try it, so others wait at least that long."""


class LockedError(UserError):
    """Another process trains in this run directory."""


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lock of a run directory.

    Raises:
        LockedError: if another process holds it.
        UserError: if the folder cannot be written.
    """
    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=PATIENCE_SECONDS, poll_interval=POLL_SECONDS)
    except Timeout as error:
        raise LockedError(
            f"another process is training in {folder}: wait for it, or stop it first."
        ) from error
    except (OSError, NotImplementedError) as error:
        raise UserError(f"{folder / LOCK} cannot be locked: {error}.") from error
    try:
        yield
    finally:
        lock.release()


def is_locked(folder: Path) -> bool | None:
    """Return whether a living process trains in a run directory; None if that is unknown, because
    the lock is another user's: filelock can only ask by taking it.
    """
    if not (folder / LOCK).exists():
        return False
    try:
        with FileLock(folder / LOCK).acquire(timeout=POLL_SECONDS * 5, poll_interval=POLL_SECONDS):
            return False
    except Timeout:
        return True
    except (OSError, NotImplementedError):
        return None
