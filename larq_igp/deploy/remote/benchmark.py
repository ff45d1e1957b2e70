"""Time a ``.tflite`` on another machine, and save the measurements."""

import json
from pathlib import Path
from typing import Any

from larq_igp.deploy.remote.machine import FILE, MOST_BYTES, RUNTIME, Remote
from larq_igp.deploy.remote.transports import RemoteError
from larq_igp.errors import UserError
from larq_igp.files import read_file, read_json, write_json


def benchmark_on(
    remote: Remote, path: str | Path, *, threads: int, runs: int, warmup: int
) -> dict[str, Any]:
    """Time a file on another machine, at batch 1.

    Returns:
        ``file``, ``on``, ``engine``, ``threads``, ``runs``, ``warmup``, ``latency_ms_median``,
        ``..._p10``, ``..._p90``, ``..._min`` and ``..._max``; ``machine``, a description of it;
        ``before`` and ``after``, each with ``clock_mhz`` and ``temperature_c``; and
        ``peak_memory_bytes``. Values that the machine does not report are None.

    Raises:
        RemoteError: if the machine cannot do it.
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
            f"{remote.name} has another version of larq-igp-runtime, whose output cannot "
            "be read here: copy a wheel of this version with --wheel."
        ) from error
    row = {"file": str(path), "on": remote.name, "engine": RUNTIME, "threads": threads}
    return {**row, "runs": runs, "warmup": warmup, **times, **known}


def keep(path: str | Path, row: dict[str, Any]) -> Path:
    """Add a row to the measurements of a file, and return their path: ``net.benchmarks.json`` for
    ``net.tflite``.

    Raises:
        UserError: if they cannot be read or written.
    """
    kept = Path(path).with_suffix(".benchmarks.json")
    rows = read_json(kept) if kept.exists() else []
    if not isinstance(rows, list):
        raise UserError(f"{kept} does not hold a list of measurements: move it away.")
    write_json(kept, [*rows, row])
    return kept
