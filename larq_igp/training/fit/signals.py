"""SIGTERM, Ctrl-C and a closed terminal: the loop stops after its next step, with a checkpoint."""

import os
import signal
import threading
from types import FrameType

from larq_igp.training.cluster.workers import LAUNCHED

STOPPING = [
    getattr(signal, name) for name in ("SIGTERM", "SIGINT", "SIGHUP") if hasattr(signal, name)
]


class StoppedError(Exception):
    """A run was asked to stop, and can be resumed.

    Attributes:
        exit_code: 128 and the number of the signal, as shells count.
    """

    def __init__(self, message: str, signal_number: int):
        super().__init__(message)
        self.exit_code = 128 + signal_number


class StopRequest:
    """Remembers the first signal; a second one acts as if this class did not exist.

    In a worker of ``launch`` later signals do nothing: the terminal or the scheduler signals each
    worker, then ``launch`` signals it again, and a second Ctrl-C makes ``launch`` kill it. Signals
    that are ignored, as SIGHUP is under ``nohup``, stay ignored. Outside the main thread nothing
    changes.
    """

    def __init__(self):
        self.signal: signal.Signals | None = None
        self._before: dict = {}

    def __enter__(self) -> "StopRequest":
        if threading.current_thread() is threading.main_thread():
            for number in STOPPING:
                if signal.getsignal(number) is not signal.SIG_IGN:
                    self._before[number] = signal.signal(number, self._remember)
        return self

    def __exit__(self, *exc_info) -> None:
        self._restore()

    def _remember(self, number: int, frame: FrameType | None) -> None:
        self.signal = self.signal or signal.Signals(number)
        if LAUNCHED not in os.environ:
            self._restore()

    def _restore(self) -> None:
        for number, handler in self._before.items():
            # None is a handler that C set, which Python cannot set again.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        self._before = {}
