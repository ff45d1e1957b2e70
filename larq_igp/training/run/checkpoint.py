"""Checkpoints on disk: written whole, checked by their SHA-256 when they are read, the last two
kept.

A file is a safetensors file, which other tools can open. Three things that safetensors lacks are
kept in its metadata:

sha256     of the whole file, this field itself counted as zeros; safetensors has no checksum
order      the names of the tensors in their order; safetensors sorts them
bfloat16   names of tensors that are stored as their bits, uint16: safetensors has the type, but
           its reader for NumPy does not

and ``state``, the plain values of the run as JSON.
"""

import hashlib
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from larq_igp.errors import UserError
from larq_igp.files import atomic_path, read_file
from larq_igp.training.run.checkpoint_of_0_1_0 import SUFFIX as OLD_SUFFIX
from larq_igp.training.run.checkpoint_of_0_1_0 import read as read_old
from larq_igp.training.run.format import check_format
from larq_igp.training.run.state import check_state

KEPT = 2
MOST_BYTES = 1 << 34
SUFFIX = ".safetensors"
NO_DIGEST = "0" * 64
TEMPORARY = {
    ".step",
    ".best.weights",
    ".last.weights",
    ".initial.weights",
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
    """All that a run is resumed from.

    Attributes:
        state: plain values, ``step`` among them: how many optimizer steps are done.
        arrays: by name, in the order in which they were written.
    """

    state: dict[str, Any]
    arrays: dict[str, np.ndarray]


def checkpoint_path(folder: Path, step: int) -> Path:
    """Return the file of a step."""
    return folder / f"step-{step:012d}{SUFFIX}"


def list_checkpoints(folder: Path) -> list[Path]:
    """Return the files, the newest first."""
    found = [path for suffix in (SUFFIX, OLD_SUFFIX) for path in folder.glob(f"step-*{suffix}")]
    return sorted(found, reverse=True)


def write_checkpoint(folder: Path, checkpoint: Checkpoint) -> Path:
    """Write a checkpoint, then remove all but the last two.

    Raises:
        CheckpointError: if it cannot be written; those before it are left as they are.
    """
    path = checkpoint_path(folder, checkpoint.state["step"])
    parts = to_bytes(checkpoint)
    try:
        folder.mkdir(exist_ok=True)
        with atomic_path(path) as temporary, temporary.open("wb") as file:
            file.writelines(parts)
    except (OSError, UserError) as error:
        good = [kept.name for kept in list_checkpoints(folder)]
        rest = f"The last good one is {good[0]}." if good else "There is none before it."
        raise CheckpointError(f"no checkpoint could be written: {error} {rest}") from error
    for old in list_checkpoints(folder)[KEPT:]:
        old.unlink(missing_ok=True)
    return path


def to_bytes(checkpoint: Checkpoint) -> list[bytes | memoryview]:
    """Return the content of a file, in parts."""
    arrays = {name: np.asarray(each, order="C") for name, each in checkpoint.arrays.items()}
    half = [name for name, each in arrays.items() if each.dtype == ml_dtypes.bfloat16]
    metadata = {
        "state": json.dumps(checkpoint.state, allow_nan=False),
        "order": json.dumps(list(arrays)),
        "bfloat16": json.dumps(half),
        "sha256": NO_DIGEST,
    }
    data = save(arrays | {name: arrays[name].view(np.uint16) for name in half}, metadata)
    at, whole = _place_of_digest(data), memoryview(data)
    digest = hashlib.sha256(data).hexdigest().encode()
    return [whole[:at], digest, whole[at + len(digest) :]]


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint of this or an earlier version.

    Raises:
        TornCheckpointError: if a single bit of it is not what was written, or it does not hold the
            state of a run.
        LaterFormatError: if a later version wrote it.
    """
    try:
        if path.suffix == OLD_SUFFIX:
            checkpoint = Checkpoint(*read_old(path))
        else:
            checkpoint = from_bytes(read_file(path, MOST_BYTES))
    except OSError as error:
        raise TornCheckpointError(f"{path} cannot be read: {error.strerror}.") from error
    except UserError as error:
        raise TornCheckpointError(str(error)) from error
    except (ValueError, KeyError, TypeError, RecursionError, SafetensorError) as error:
        raise TornCheckpointError(f"{path} is damaged: its checksum is wrong.") from error
    try:
        check_format(checkpoint.state.get("format", 1), path)
        check_state(checkpoint.state)
    except (ValueError, TypeError, AttributeError) as error:
        raise TornCheckpointError(
            f"{path} does not hold the state of a run: {str(error).rstrip('.')}."
        ) from error
    return checkpoint


def from_bytes(data: bytes) -> Checkpoint:
    """Return what ``to_bytes`` was given.

    Raises:
        ValueError: if a single bit is another.
    """
    at = _place_of_digest(data)
    end = at + len(NO_DIGEST)
    digest = hashlib.sha256(memoryview(data)[:at])
    digest.update(NO_DIGEST.encode())
    digest.update(memoryview(data)[end:])
    if data[at:end] != digest.hexdigest().encode():
        raise ValueError("sha256")
    metadata = json.loads(_header(data))["__metadata__"]
    stored = load(data)
    for name in json.loads(metadata["bfloat16"]):
        stored[name] = stored[name].view(ml_dtypes.bfloat16)
    arrays = {name: stored[name] for name in json.loads(metadata["order"])}
    return Checkpoint(json.loads(metadata["state"]), arrays)


def _header(data: bytes) -> bytes:
    """Return the JSON that a safetensors file begins with, after its length in eight bytes."""
    return data[8 : 8 + int.from_bytes(data[:8], "little")]


def _place_of_digest(data: bytes) -> int:
    """Return where the digest stands: quotes within the other texts are escaped.

    Raises:
        ValueError: if there is none.
    """
    key = b'"sha256":"'
    return 8 + _header(data).index(key) + len(key)


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
            rest = "" if path == paths[-1] else " The one before it is used."
            print(f"Warning: {error}{rest}", file=sys.stderr)
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
