"""Time a ``.tflite`` on another machine, over ssh: what it needs is copied into a folder that is
removed at the end, and nothing is installed there.
"""

import io
import json
import os
import re
import shlex
import subprocess
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from larq_igp.errors import UserError
from larq_igp.files import read_file, read_json, write_json

TARGET = re.compile(r"ssh://(?P<host>(?:[\w.-]+@)?(?!-)[\w.:%\[\]-]+?)(?::(?P<port>\d+))?/?")
SSH_VARIABLE = "LARQ_IGP_SSH"
"""The command that stands for ``ssh``, with options of its own: ``ssh -F my_config``."""
CONNECT_SECONDS, TIMEOUT_SECONDS = 15, 3600
UNREACHABLE = 255
"""What ssh returns where the fault is its own."""
MOST_BYTES = 1 << 31
FILE, RUNTIME = "net.tflite", "larq_igp_runtime"


class RemoteError(UserError):
    """Another machine cannot be reached, or does not do what it was asked for."""


@dataclass(frozen=True)
class Remote:
    """Another machine.

    Attributes:
        name: as it was typed.
        command: that runs a shell command there, which is its last argument.
        python: the interpreter there.
        wheel: of larq-igp-runtime, to be copied; None if it is installed there.
    """

    name: str
    command: tuple[str, ...]
    python: str = "python3"
    wheel: Path | None = None

    def call(self, arguments: Sequence[str], files: Mapping[str, bytes]) -> "Answer":
        """Run the runtime's command there, in a folder with these files.

        Args:
            arguments: of ``python -m larq_igp_runtime``.
            files: their contents by name.

        Raises:
            RemoteError: if the machine cannot be reached, or has no Python or no runtime.
        """
        contents = dict(files)
        steps = [
            "set -e",
            "d=$(mktemp -d)",
            "trap 'rm -rf \"$d\"' EXIT",
            'tar -xf - -C "$d"',
            'cd "$d"',
        ]
        python = shlex.quote(self.python)
        if self.wheel is not None:
            contents["runtime.whl"] = read_file(self.wheel, MOST_BYTES)
            steps += [f"{python} -m zipfile -e runtime.whl wheel", 'export PYTHONPATH="$d/wheel"']
        steps.append(f"{python} -m {RUNTIME} {shlex.join(arguments)}")
        script = "\n".join(steps)
        try:
            finished = subprocess.run(
                [*self.command, f"sh -c {shlex.quote(script)}"],
                input=_archive(contents),
                capture_output=True,
                timeout=TIMEOUT_SECONDS,
                check=False,
            )
        except FileNotFoundError as error:
            raise RemoteError(
                f"{self.command[0]} is not installed: `apt install openssh-client`."
            ) from error
        except subprocess.TimeoutExpired as error:
            raise RemoteError(f"{self.name} has not answered for an hour.") from error
        answer = Answer(finished.returncode, finished.stdout.decode(), finished.stderr.decode())
        self._check(answer)
        return answer

    def _check(self, answer: "Answer") -> None:
        said = answer.last_error
        if answer.code == UNREACHABLE:
            raise RemoteError(
                f"{self.name} cannot be reached: {said}. ssh must log in there by a key, without a "
                "password: `ssh-copy-id`."
            )
        if f"No module named {RUNTIME}" in answer.errors:
            raise RemoteError(
                f"{self.name} has no larq-igp-runtime for {self.python}: install it there, name "
                "another interpreter with --remote-python, or copy the wheel with --wheel FILE."
            )
        if answer.code not in (0, 2):
            raise RemoteError(f"{self.name} failed with exit code {answer.code}: {said}.")


@dataclass(frozen=True)
class Answer:
    """What a command on another machine printed.

    Attributes:
        code: that it returned.
        output: on standard output.
        errors: on standard error.
    """

    code: int
    output: str
    errors: str

    @property
    def last_error(self) -> str:
        """The last line on standard error."""
        lines = self.errors.strip().splitlines()
        return lines[-1].removeprefix("error: ").rstrip(".") if lines else "it said nothing"


def _archive(contents: Mapping[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, content in contents.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return stream.getvalue()


def open_remote(target: str, *, python: str = "python3", wheel: str | Path | None = None) -> Remote:
    """Return another machine; it is not contacted yet.

    Args:
        target: ``ssh://user@host`` or ``ssh://user@host:port``.
        python: the interpreter there.
        wheel: of larq-igp-runtime, to be copied for the call.

    Raises:
        RemoteError: if it is none that can be used, or the wheel does not exist.
    """
    if target.partition(":")[0] == "adb":
        raise RemoteError(
            "adb is not supported: Android has no Python to run the runtime with. "
            "runtime/docs/android.md says how to time a file in an app."
        )
    match = TARGET.fullmatch(target)
    if match is None:
        raise RemoteError(
            f"{target} names no machine: give ssh://user@host or ssh://user@host:port."
        )
    if wheel is not None and not Path(wheel).is_file():
        raise RemoteError(f"wheel {wheel} does not exist.")
    ssh = shlex.split(os.environ.get(SSH_VARIABLE, "ssh"))
    options = ["-o", "BatchMode=yes", "-o", f"ConnectTimeout={CONNECT_SECONDS}"]
    port = ["-p", match["port"]] if match["port"] else []
    command = (*ssh, *options, *port, "--", match["host"])
    return Remote(target, command, python, None if wheel is None else Path(wheel))


def benchmark_on(
    remote: Remote, path: str | Path, *, threads: int, runs: int, warmup: int
) -> dict[str, Any]:
    """Time a file on another machine, at batch 1.

    Returns:
        ``file``, ``on``, ``engine``, ``threads``, ``runs``, ``warmup``, ``latency_ms_median``,
        ``..._p10``, ``..._p90``, ``..._min`` and ``..._max``; ``machine``, which it is; ``before``
        and ``after``, its ``clock_mhz`` and ``temperature_c``, and ``peak_memory_bytes``: None
        where it does not say.

    Raises:
        RemoteError: if it cannot be done there.
        UserError: if the file cannot be read.
    """
    arguments = [FILE, "--json", "--threads", threads, "--runs", runs, "--warmup", warmup]
    files = {FILE: read_file(path, MOST_BYTES)}
    answer = remote.call(list(map(str, arguments)), files)
    if answer.code:
        raise RemoteError(f"{remote.name} cannot run {path}: {answer.last_error}.")
    try:
        report = json.loads(answer.output)
        times = {
            f"latency_ms_{name}": float(report[f"{name}_ms"])
            for name in ("median", "p10", "p90", "min", "max")
        }
        known = {name: report[name] for name in ("machine", "before", "after", "peak_memory_bytes")}
    except (ValueError, KeyError, TypeError) as error:
        raise RemoteError(
            f"{remote.name} has another version of larq-igp-runtime, and its answer is not "
            "understood: copy the wheel of this one with --wheel FILE."
        ) from error
    row = {"file": str(path), "on": remote.name, "engine": RUNTIME, "threads": threads}
    return {**row, "runs": runs, "warmup": warmup, **times, **known}


def keep(path: str | Path, row: dict[str, Any]) -> Path:
    """Add a row to the measurements beside a file, and return where they are:
    ``net.benchmarks.json`` for ``net.tflite``.

    Raises:
        UserError: if they cannot be read or written.
    """
    kept = Path(path).with_suffix(".benchmarks.json")
    rows = read_json(kept) if kept.exists() else []
    if not isinstance(rows, list):
        raise UserError(f"{kept} holds no list of measurements: move it away.")
    write_json(kept, [*rows, row])
    return kept
