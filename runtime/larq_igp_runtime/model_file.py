"""Reads or maps a `.tflite` file, so that the host's interpreter gets the bytes that were checked.

Hosts take a file's content as `bytes`, without copying it, or a path, which they map themselves;
they take no other buffer. To map a file once and for all, it is opened once, and the host gets the
path of what is open. That is the same file even if its name means another by then.
"""

import mmap
import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from larq_igp_runtime.check import ModelError


@dataclass
class ModelFile:
    """A model's content, and how a host's interpreter gets it.

    Attributes:
        name: its name in messages.
        content: its content, read or mapped.
        for_host: arguments of the interpreter that name the same content.
        descriptor: of a mapped file, while it is being loaded.
    """

    name: str
    content: bytes | mmap.mmap
    for_host: dict[str, Any]
    descriptor: int | None = None
    state: tuple[int, int] = (0, 0)

    def __post_init__(self) -> None:
        """Refuses a content that is not a TFLite file."""
        if len(self.content) < 8 or self.content[4:8] != b"TFL3":
            raise ModelError(f"{self.name} is not a .tflite file: the identifier TFL3 is missing.")

    def loaded(self) -> None:
        """Refuses a mapped file that was written to since it was opened, and frees its pages.

        They come back when they are read again; until then only the host's mapping holds them.

        Raises:
            ModelError: the file was written to.
        """
        if self.descriptor is None:
            return
        if _state(self.descriptor) != self.state:
            raise ModelError(f"{self.name} has changed while it was loaded: load it again.")
        if isinstance(self.content, mmap.mmap):
            self.content.madvise(mmap.MADV_DONTNEED)


@contextmanager
def opened(model: str | os.PathLike | bytes, mapped: bool) -> Iterator[ModelFile]:
    """Opens a path, or takes a content as it is; a mapped file is open while it is loaded.

    Raises:
        ModelError: it cannot be read, or is not a TFLite file.
    """
    if isinstance(model, bytes | bytearray | memoryview):
        yield _read("The model", bytes(model))
        return
    name = os.fspath(model)
    try:
        with ExitStack() as stack:
            file = stack.enter_context(open(model, "rb", opener=_without_waiting))
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise ModelError(f"{name} cannot be read: it is not a file.")
            found = _mapped(name, file.fileno()) if mapped else _read(name, file.read())
            still_open = stack.pop_all()
    except OSError as error:
        raise ModelError(f"{name} cannot be read: {error.strerror}.") from error
    with still_open:
        yield found


def _without_waiting(path: str, flags: int) -> int:
    """Opens a path; a pipe too, whether or not somebody writes to it."""
    return os.open(path, flags | os.O_NONBLOCK)


def _read(name: str, content: bytes) -> ModelFile:
    return ModelFile(name, content, {"model_content": content})


def _mapped(name: str, descriptor: int) -> ModelFile:
    state = _state(descriptor)
    content = mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ) if state[0] else b""
    path = f"/proc/self/fd/{descriptor}"
    return ModelFile(name, content, {"model_path": path}, descriptor, state)


def _state(descriptor: int) -> tuple[int, int]:
    """Size and time of the last write."""
    status = os.fstat(descriptor)
    return status.st_size, status.st_mtime_ns
