"""What a command that takes long owes its terminal, and what it does when the terminal is gone."""

import errno
import faulthandler
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from typing import Any, TextIO, cast

_own_standard_error: int | None = None
"""The file descriptor of standard error, if 2 leads nowhere."""

GONE = {errno.EIO, errno.EPIPE}
"""Errors of a write to a terminal that was closed, or to a pipe that nobody reads any more."""


_MARKS = (*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F, 0x061C)
"""Characters that turn the direction of what follows."""
_CONTROLS = (*range(0x20), *range(0x7F, 0xA0))
_SHOWN = {code: chr(code).encode("unicode_escape").decode() for code in (*_CONTROLS, *_MARKS)}
del _SHOWN[ord("\n")], _SHOWN[ord("\t")]


def printable(text: str) -> str:
    """Write out the characters that command a terminal, by their codes: names of files, and values
    in them, may hold such.
    """
    return text.translate(_SHOWN)


class LastingStream:
    """A text stream that drops what can no longer be shown, and raises nothing."""

    def __init__(self, stream: TextIO):
        self._stream = stream

    def write(self, text: str) -> int:
        """Write text; return its length."""
        self._try(self._stream.write, text)
        return len(text)

    def flush(self) -> None:
        """Write what is buffered."""
        self._try(self._stream.flush)

    def _try(self, call: Callable[..., Any], *arguments: str) -> None:
        try:
            call(*arguments)
        except OSError as error:
            if error.errno not in GONE:
                raise
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())  # for what is buffered, and for C++ as well
            os.close(nowhere)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def quiet_libraries() -> None:
    """Let nothing that C++ libraries print reach the terminal: TensorFlow, XNNPACK, MLIR, libjpeg.

    Standard error is this process's own from now on: Python writes to it as before, what writes to
    file descriptor 2 is dropped. If a library ends the process, Python still says where it was.
    """
    global _own_standard_error
    is_replaced = sys.stderr is not sys.__stderr__ or not _is_two()
    if _own_standard_error is not None or is_replaced:
        return
    _own_standard_error = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    own = os.fdopen(_own_standard_error, "w", buffering=1, errors="backslashreplace", closefd=False)
    sys.stderr = sys.__stderr__ = own  # type: ignore[misc]  # both led to 2
    faulthandler.enable(_own_standard_error)


def loud_libraries() -> None:
    """Take ``quiet_libraries`` back, and ask TensorFlow for all that it says."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "0"
    if _own_standard_error is not None:
        os.dup2(_own_standard_error, 2)


def _is_two() -> bool:
    try:
        return sys.stderr.fileno() == 2
    except (OSError, ValueError, AttributeError):
        return False


@contextmanager
def waiting_for(what: str) -> Iterator[None]:
    """Show on a terminal what is waited for and how long; what is printed stands above it."""
    stream = sys.stderr
    if not stream.isatty():
        yield
        return
    from rich.console import Console
    from rich.file_proxy import FileProxy
    from rich.progress import Progress, TextColumn, TimeElapsedColumn

    class Above(FileProxy):
        """Puts lines above the bar. Click writes past a stream that says no encoding."""

        encoding, errors = stream.encoding, stream.errors

    class Steady(Console):
        """Leaves the cursor on: a process that a signal ends could not switch it on again."""

        def show_cursor(self, show: bool = True) -> bool:
            return False

    console = Steady(file=stream)
    columns = (TextColumn("{task.description}:"), TimeElapsedColumn())
    bar = Progress(
        *columns, console=console, transient=True, refresh_per_second=1, redirect_stdout=False,
        redirect_stderr=False,
    )  # fmt: skip
    with ExitStack() as held:
        for name, redirect in (("stdout", redirect_stdout), ("stderr", redirect_stderr)):
            if getattr(sys, name).isatty():
                above: Any = Above(console, getattr(sys, name))
                held.enter_context(redirect(above))
        held.enter_context(bar)
        bar.add_task(what)
        yield


@contextmanager
def long_command() -> Iterator[None]:
    """Outlast the terminal, and end at once by Ctrl-C.

    Without this, a checkpoint is lost when the progress bar writes to a terminal that was closed,
    or to a ``tee`` that the same Ctrl-C ended. Ctrl-C ends the process by the kernel, as SIGTERM
    does, and not by an exception, which would wait for TensorFlow to return; the training loop sets
    other handlers, which write a checkpoint first.
    """
    with ExitStack() as held:
        for name, redirect in (("stdout", redirect_stdout), ("stderr", redirect_stderr)):
            stream = LastingStream(getattr(sys, name))
            held.enter_context(redirect(cast(TextIO, stream)))
            held.callback(stream.flush)
        if (
            threading.current_thread() is threading.main_thread()
            and signal.getsignal(signal.SIGINT) is signal.default_int_handler
        ):
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            held.callback(signal.signal, signal.SIGINT, signal.default_int_handler)
        yield
