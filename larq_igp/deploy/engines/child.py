"""An engine in a child process, for files of unknown origin.

Checks look at the structure of a file. They cannot know how much memory and time a kernel takes, or
whether it has a bug. If the child dies, the parent reports it in one sentence.
"""

import contextlib
import dataclasses
import importlib.util
import io
import os
import pickle
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from pathlib import Path
from typing import IO, Any

import numpy as np

from larq_igp.deploy.engines.engine import Engine
from larq_igp.deploy.errors import EngineError
from larq_igp.deploy.flatbuffer import TFLiteFile

MOST_BYTES = 8 << 30
"""Memory that the child may write to: twice what the check allows for the tensors of a file."""
MOST_SECONDS = 600
"""Time limit for loading, and for one image."""
START = f"import sys; sys.path[:] = sys.argv[1:]; from {__name__} import serve; serve()"
ANSWER, ERROR = b"A", b"E"


class Child:
    """A process that runs files of unknown origin, one after the other."""

    def __init__(self) -> None:
        """Start nothing yet: the first request starts the process."""
        self._process: subprocess.Popen | None = None
        self._errors: IO[bytes] | None = None

    def ask(self, *request: Any, seconds: float = MOST_SECONDS) -> list[np.ndarray]:
        """Send a request to the child, and return its answer.

        Args:
            *request: the name of a method of ``Server``, and its arguments.
            seconds: time after which the child is killed.

        Raises:
            EngineError: if the child dies, takes too long, or the file cannot be run.
        """
        process = self._process or self._start()
        assert process.stdin is not None
        assert process.stdout is not None
        is_late = threading.Event()

        def end() -> None:
            is_late.set()
            process.kill()

        timer = threading.Timer(seconds, end)
        timer.start()
        try:
            _send(process.stdin, pickle.dumps(request))
            reply = _receive(process.stdout)
        except OSError:  # a broken pipe
            reply = None
        finally:
            timer.cancel()
        if reply is None:
            self._process = None
            late = f"it took longer than {seconds:.0f} seconds"
            raise EngineError(late if is_late.is_set() else self._death(process))
        if reply[:1] == ERROR:
            raise EngineError(reply[1:].decode(errors="replace"))
        return _arrays(reply[1:])

    def _start(self) -> subprocess.Popen:
        """Start the process with the packages of this one, but without the current folder."""
        package = str(Path(__file__).parents[3])
        here = os.getcwd()
        path = [each for each in sys.path if each and os.path.abspath(each) != here]
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  open while the child runs
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-c", START, *dict.fromkeys([*path, package])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
        )
        weakref.finalize(self, _end, self._process, self._errors)
        return self._process

    def _death(self, process: subprocess.Popen) -> str:
        """Say how a process ended."""
        code = process.wait()
        if code < 0:
            names = {each.value: each.name for each in signal.Signals}
            how = f"it ended by {names.get(-code, f'signal {-code}')}"
        else:
            how = f"it ended with exit code {code}"
        assert self._errors is not None
        self._errors.seek(max(0, self._errors.seek(0, os.SEEK_END) - 2000))
        lines = self._errors.read().decode(errors="replace").split("\n")
        said = next((line.strip() for line in reversed(lines) if line.strip()), "")
        return f"{how} ({said})" if said and code != -signal.SIGSEGV else how


class ChildEngine(Engine):
    """An engine in a child process; valid until the child loads another file."""

    def __init__(self, name: str, content: bytes, file: TFLiteFile, threads: int, child: Child):
        """Load the file in the child.

        Args:
            name: name of an engine that can run this file here.
            content: content of the file, which was checked.
            file: the parsed file.
            threads: number of threads that the engine may use.
            child: the child process.

        Raises:
            EngineError: if the engine cannot load it, or the child dies.
        """
        super().__init__(file, threads)
        self.name, self._child = name, child
        bare = tuple(dataclasses.replace(tensor, value=None) for tensor in file.tensors)
        self._ask("load", name, content, dataclasses.replace(file, tensors=bare), threads)

    def _ask(self, *request: Any, **options: float) -> list[np.ndarray]:
        try:
            return self._child.ask(*request, **options)
        except EngineError as error:
            complaint = str(error).rstrip(".")
            prefix = f"engine {self.name!r}"
            if complaint.startswith(prefix):
                raise
            raise EngineError(f"{prefix} cannot run the file: {complaint}.") from None

    def run(self, inputs: list[np.ndarray]) -> list[np.ndarray]:
        """Run once; return all outputs."""
        return self._ask("run", inputs)

    def invoke(self) -> None:
        """Run once on the current inputs."""
        self._ask("invoke")

    def times_ns(self, *, runs: int, warmup: int) -> list[int]:
        """Return the nanoseconds of invocations, timed in the child."""
        start = time.perf_counter()
        self.invoke()
        expected = (runs + warmup) * (time.perf_counter() - start)
        (times,) = self._ask("times_ns", runs, warmup, seconds=MOST_SECONDS + 20 * expected)
        return times.tolist()


class Server:
    """Methods that the child runs for its parent, with one engine."""

    engine: Engine

    def load(self, name: str, content: bytes, file: TFLiteFile, threads: int) -> list:
        """Load a file into an engine, in place of the previous one."""
        from larq_igp.deploy.engines import ENGINES

        self.engine = ENGINES[name](content, file, threads)
        return []

    def run(self, inputs: list[np.ndarray]) -> list[np.ndarray]:
        """Run once."""
        return self.engine.run(inputs)

    def invoke(self) -> list:
        """Run once on the current inputs."""
        self.engine.invoke()
        return []

    def times_ns(self, runs: int, warmup: int) -> list[np.ndarray]:
        """Time invocations."""
        return [np.array(self.engine.times_ns(runs=runs, warmup=warmup), np.int64)]


def serve() -> None:
    """Answer the parent's requests until it closes the pipe."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # keep what libraries print out of the answers
    limit_memory()
    server = Server()
    while (request := _receive(requests)) is not None:
        what, *arguments = pickle.loads(request)
        try:
            reply = ANSWER + _bytes_of(getattr(server, what)(*arguments))
        except MemoryError:
            reply = ERROR + f"it needs more than {MOST_BYTES >> 30} GiB of memory".encode()
        except Exception as error:  # every error of an interpreter is about the file
            reply = ERROR + " ".join(str(error).split()).encode()
        _send(answers, reply)


def limit_memory() -> None:
    """Limit the memory of this process, if the system can, and write no core file."""
    if importlib.util.find_spec("resource") is None:  # Windows
        return
    resource = importlib.import_module("resource")
    for kind, most in ((resource.RLIMIT_DATA, MOST_BYTES), (resource.RLIMIT_CORE, 0)):
        _, hard = resource.getrlimit(kind)
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (most, hard))


def _end(process: subprocess.Popen, errors: IO[bytes]) -> None:
    process.kill()
    process.wait()
    for stream in (process.stdin, process.stdout, errors):
        if stream is not None:
            with contextlib.suppress(OSError):  # nobody reads the rest
                stream.close()


def _send(stream: IO[bytes], content: bytes) -> None:
    stream.write(struct.pack("<Q", len(content)) + content)
    stream.flush()


def _receive(stream: IO[bytes]) -> bytes | None:
    """Return the next message; None at the end."""
    header = stream.read(8)
    if len(header) < 8:
        return None
    (size,) = struct.unpack("<Q", header)
    content = stream.read(size)
    return content if len(content) == size else None


def _bytes_of(arrays: list[np.ndarray]) -> bytes:
    buffer = io.BytesIO()
    for array in arrays:
        np.lib.format.write_array(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def _arrays(content: bytes) -> list[np.ndarray]:
    buffer, arrays = io.BytesIO(content), []
    while buffer.tell() < len(content):
        arrays.append(np.lib.format.read_array(buffer, allow_pickle=False))
    return arrays
