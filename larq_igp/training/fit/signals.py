"""SIGTERM and Ctrl-C: a wish that the loop grants at its next step, and a clear exit code."""

import signal
import threading
from types import FrameType

STOPPING = (signal.SIGTERM, signal.SIGINT)


class StoppedError(Exception):
    """A run was asked to stop, and can go on from where it stands.

    Attributes:
        exit_code: 128 and the number of the signal, as shells count.
    """

    def __init__(self, message: str, signal_number: int):
        super().__init__(message)
        self.exit_code = 128 + signal_number


class StopRequest:
    """Remembers the first signal; the second does at once what it always does.

    Outside the main thread nothing changes.
    """

    def __init__(self):
        self.signal: signal.Signals | None = None
        self._before: dict = {}

    def __enter__(self) -> "StopRequest":
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._remember) for number in STOPPING}
        return self

    def __exit__(self, *exc_info) -> None:
        self._restore()

    def _remember(self, number: int, frame: FrameType | None) -> None:
        self.signal = signal.Signals(number)
        self._restore()

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}
