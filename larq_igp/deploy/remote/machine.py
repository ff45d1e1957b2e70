"""Run the runtime on another machine, without installing anything there.

Files are copied into a temporary folder, which is removed after the call.
"""

import io
import re
import shlex
import subprocess
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from larq_igp.deploy.remote.transports import RemoteError, Transport, transport_to
from larq_igp.deploy.remote.wheels import ONLY_WHEEL, WHEELS, check_wheels, read_wheels

TIMEOUT_SECONDS = 3600
MOST_BYTES = 1 << 31
FILE, RUNTIME = "net.tflite", "larq_igp_runtime"
NO_PYTHON, NO_WHEEL = 127, 90
"""Exit codes of the script: the first is every shell's for a missing command; nothing else uses the
second.
"""
MISSING = re.compile(r"No module named '?([\w.]+)")
INSTALLED_AS = {"PIL": "pillow", "ai_edge_litert": "ai-edge-litert"}


@dataclass(frozen=True)
class Answer:
    """The result of a command on another machine.

    Attributes:
        code: exit code.
        output: text on standard output.
        errors: text on standard error.
    """

    code: int
    output: str
    errors: str

    @property
    def last_error(self) -> str:
        """The last line on standard error."""
        lines = self.errors.strip().splitlines()
        return lines[-1].removeprefix("error: ").rstrip(".") if lines else "it printed nothing"


@dataclass(frozen=True)
class Remote:
    """Another machine.

    Attributes:
        transport: runs commands there.
        python: the interpreter there.
        wheels: wheel of larq-igp-runtime, or a folder of wheels, to copy there; None if it is
            installed there.
    """

    transport: Transport
    python: str = "python3"
    wheels: Path | None = None

    @property
    def name(self) -> str:
        """Name of the machine, as it was typed."""
        return self.transport.name

    def call(self, arguments: Sequence[str], files: Mapping[str, bytes]) -> Answer:
        """Run the runtime's command there, in a folder with these files.

        Args:
            arguments: arguments of ``python -m larq_igp_runtime``.
            files: contents of the files by name.

        Raises:
            RemoteError: if the machine cannot be reached, or has no Python or no runtime.
        """
        contents = dict(files)
        python = shlex.quote(self.python)
        steps = [
            "set -e",
            "d=$(mktemp -d)",
            "trap 'rm -rf \"$d\"' EXIT",
            'tar -xf - -C "$d"',
            'cd "$d"',
        ]
        if self.wheels is not None:
            contents |= read_wheels(self.wheels)
            steps += [
                f"wheel={ONLY_WHEEL}",
                f'[ -f "$wheel" ] || wheel={WHEELS}/$(uname -m).whl',
                f'[ -f "$wheel" ] || {{ uname -m >&2; exit {NO_WHEEL}; }}',
                f'{python} -m zipfile -e "$wheel" wheel',
                'export PYTHONPATH="$d/wheel${PYTHONPATH:+:$PYTHONPATH}"',
            ]
        steps.append(f"{python} -m {RUNTIME} {shlex.join(arguments)}")
        answer = self._run("\n".join(steps), _archive(contents))
        self._check(answer)
        return answer

    def _run(self, script: str, given: bytes) -> Answer:
        command = [*self.transport.command, f"sh -c {shlex.quote(script)}"]
        try:
            finished = subprocess.run(
                command, input=given, capture_output=True, timeout=TIMEOUT_SECONDS, check=False
            )
        except FileNotFoundError as error:
            raise self.transport.missing() from error
        except subprocess.TimeoutExpired as error:
            raise RemoteError(f"{self.name} has not answered for an hour.") from error
        return Answer(
            finished.returncode,
            finished.stdout.decode(errors="replace"),
            finished.stderr.decode(errors="replace"),
        )

    def _check(self, answer: Answer) -> None:
        said = answer.last_error
        if answer.code == self.transport.unreachable:
            raise RemoteError(f"{self.name} cannot be reached: {said}. {self.transport.advice}")
        if answer.code == NO_PYTHON:
            raise RemoteError(
                f"{self.name} has no {self.python}: name another interpreter with --remote-python"
                f"{self.transport.python_advice}."
            )
        if answer.code == NO_WHEEL:
            raise RemoteError(
                f"{self.wheels} has no wheel for {said}, the architecture of {self.name}."
            )
        if f"No module named {RUNTIME}" in answer.errors:
            raise RemoteError(
                f"{self.name} has no larq-igp-runtime for {self.python}: install it there, name "
                "another interpreter with --remote-python, or copy a wheel: `make -C runtime "
                "wheels` in a checkout, then --wheel runtime/dist."
            )
        missing = MISSING.search(answer.errors)
        if missing is not None:
            package = INSTALLED_AS.get(missing[1], missing[1])
            raise RemoteError(
                f"{self.name} has no {package} for {self.python}, and a wheel does not contain it: "
                f"run `{self.python} -m pip install numpy pillow ai-edge-litert` there."
            )
        if answer.code not in (0, 2):
            raise RemoteError(f"{self.name} failed with exit code {answer.code}: {said}.")


def _archive(contents: Mapping[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, content in contents.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return stream.getvalue()


def open_remote(
    target: str, *, python: str = "python3", wheels: str | Path | None = None
) -> Remote:
    """Return another machine. An Android device must be connected; a machine over ssh is not
    contacted yet.

    Args:
        target: ``ssh://user@host``, ``ssh://user@host:port``, ``adb`` or ``adb:SERIAL``.
        python: the interpreter there.
        wheels: wheel of larq-igp-runtime, or a folder of wheels, to copy for each call.

    Raises:
        RemoteError: if the target is not valid, no device is ready, or there are no such wheels.
    """
    if wheels is not None:
        check_wheels(wheels)
    return Remote(transport_to(target), python, None if wheels is None else Path(wheels))
