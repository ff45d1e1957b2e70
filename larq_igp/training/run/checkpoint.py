"""Checkpoints on disk: written whole, checked by their SHA-256 when they are read, the last two
kept.

A file is one line of JSON, ``{"state": {...}, "arrays": [[name, dtype, shape], ...]}``, the bytes
of the arrays in that order (little-endian, row-major), and the 32 bytes of the SHA-256 of all that
stands before them.
"""

import hashlib
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from larq_igp.errors import UserError
from larq_igp.files import atomic_path

KEPT = 2
DIGEST_BYTES = hashlib.sha256().digest_size
CHUNK_BYTES = 1 << 24
TEMPORARY = {
    ".step",
    ".best.weights",
    ".last.weights",
    ".history",
    ".layers",
    ".metrics",
    ".status",
    ".config",
}
"""How the temporary names of ``larq_igp.files`` start for what a run writes."""


class CheckpointError(UserError):
    """A checkpoint cannot be written, or none can be read."""


class TornCheckpointError(CheckpointError):
    """A checkpoint is not what was written."""


@dataclass(frozen=True)
class Checkpoint:
    """All that a run goes on from.

    Attributes:
        state: plain values, ``step`` among them: how many optimizer steps are done.
        arrays: by name, in the order in which they were written.
    """

    state: dict[str, Any]
    arrays: dict[str, np.ndarray]


def checkpoint_path(folder: Path, step: int) -> Path:
    """Return the file of a step."""
    return folder / f"step-{step:012d}.ckpt"


def list_checkpoints(folder: Path) -> list[Path]:
    """Return the files, the newest first."""
    return sorted(folder.glob("step-*.ckpt"), reverse=True)


def write_checkpoint(folder: Path, checkpoint: Checkpoint) -> Path:
    """Write a checkpoint, then remove all but the last two.

    Raises:
        CheckpointError: if it cannot be written; those before it are left as they are.
    """
    path = checkpoint_path(folder, checkpoint.state["step"])
    arrays = {name: np.asarray(array) for name, array in checkpoint.arrays.items()}
    listing = [[name, array.dtype.str, list(array.shape)] for name, array in arrays.items()]
    header = (
        json.dumps({"state": checkpoint.state, "arrays": listing}, allow_nan=False).encode() + b"\n"
    )
    try:
        folder.mkdir(exist_ok=True)
        with atomic_path(path) as temporary, temporary.open("wb") as file:
            digest = hashlib.sha256(header)
            file.write(header)
            for array in arrays.values():
                data = np.ascontiguousarray(array).reshape(-1).view(np.uint8).data
                digest.update(data)
                file.write(data)
            file.write(digest.digest())
    except (OSError, UserError) as error:
        good = [kept.name for kept in list_checkpoints(folder)]
        rest = f"The last good one is {good[0]}." if good else "There is none before it."
        raise CheckpointError(f"no checkpoint could be written: {error} {rest}") from error
    for old in list_checkpoints(folder)[KEPT:]:
        old.unlink(missing_ok=True)
    return path


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint.

    Raises:
        TornCheckpointError: if a single bit of it is not what was written.
    """
    try:
        size = path.stat().st_size - DIGEST_BYTES
        digest = hashlib.sha256()
        with path.open("rb") as file:
            left = size
            while left > 0 and (chunk := file.read(min(left, CHUNK_BYTES))):
                digest.update(chunk)
                left -= len(chunk)
            if size <= 0 or file.read() != digest.digest():
                raise TornCheckpointError(f"{path} is damaged: its checksum is wrong.")
            file.seek(0)
            header = json.loads(file.readline())
            arrays = {}
            for name, dtype, shape in header["arrays"]:
                dtype = np.dtype(dtype)
                data = file.read(dtype.itemsize * int(np.prod(shape, dtype=np.int64)))
                arrays[name] = np.frombuffer(data, dtype).reshape(shape)
    except OSError as error:
        raise TornCheckpointError(f"{path} cannot be read: {error.strerror}.") from error
    return Checkpoint(header["state"], arrays)


def latest_checkpoint(folder: Path) -> Checkpoint | None:
    """Return the newest checkpoint that is whole, with a warning for each that is not; None if
    there is none at all.

    Raises:
        CheckpointError: if there are some, and none is whole.
    """
    paths = list_checkpoints(folder)
    for path in paths:
        try:
            return read_checkpoint(path)
        except TornCheckpointError as error:
            print(f"Warning: {error} The one before it is used.", file=sys.stderr)
    if paths:
        raise CheckpointError(
            f"none of the {len(paths)} checkpoints in {folder} is whole: remove the folder to "
            "start over."
        )
    return None


def clean(folder: Path) -> None:
    """Remove what a process that was killed in the middle of writing has left in a folder."""
    for path in folder.glob(".*-*"):
        if path.name.partition("-")[0] in TEMPORARY:
            path.unlink(missing_ok=True)


def keep_newest(folder: Path) -> None:
    """Remove all checkpoints but the newest."""
    for path in list_checkpoints(folder)[1:]:
        path.unlink(missing_ok=True)
