"""Images that cannot be decoded: which, why not, and a sentence that names the one that a pipeline
has stumbled over.
"""

import os
import shlex
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice

from larq_igp.data.dataset import Dataset, DatasetError, Split
from larq_igp.data.images import decode
from larq_igp.keras2 import tf

IN_FLIGHT = 64
"""Images of each thread that are asked for ahead."""

DECODE_ERRORS = (tf.errors.OpError, ValueError, OSError, SyntaxError)
"""What decoding raises for a damaged file: TensorFlow's in a graph, Pillow's own outside."""

Progress = Callable[[int, int], None]
"""Is called with the images done and their total, now and then."""


@dataclass(frozen=True)
class Corrupt:
    """An image that cannot be decoded.

    Attributes:
        split: that it is in.
        index: in that split as it is stored.
        name: of the file or record.
        reason: why not.
    """

    split: str
    index: int
    name: str
    reason: str


class CorruptImageError(DatasetError):
    """An image cannot be decoded; the message names it."""


def why_corrupt(split: Split, index: int) -> str | None:
    """Return why an encoded example cannot be decoded, or None if it can."""
    if split.read is None:  # its images are in memory, decoded
        return None
    try:
        content, _ = split.read(tf.constant(index, tf.int64))
        decode(content, channels=3)
    except DECODE_ERRORS as error:
        return reason_of(error)
    return None


def reason_of(error: Exception) -> str:
    """Return the sentence in an error of a decoder, without TensorFlow's and Python's frames."""
    text = str(getattr(error, "message", error)).split("[Op:")[0]
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if any(line.startswith("Traceback") for line in lines):  # of Pillow, from within TensorFlow
        lines = [line.partition(": ")[2] for line in lines if "Error: " in line][:1]
    if any("cannot identify image file" in line for line in lines):
        return "its format is not known"
    sentence = " ".join(" ".join(lines).split("{{")[-1].split("}}")[-1].split())
    return sentence.rstrip(".") or "unreadable"


def find_corrupt(dataset: Dataset, progress: Progress) -> list[Corrupt]:
    """Decode every encoded image of a data set with every core; return those that cannot be."""
    corrupt, done = [], 0
    total = sum(split.examples for split in dataset.splits.values())
    for split_name, split in dataset.splits.items():
        for index, reason in enumerate(_reasons(split)):
            if reason is not None:
                corrupt.append(Corrupt(split_name, index, split.name(index), reason))
            done += 1
            if done % 1000 == 0 or done == total:
                progress(done, total)
    return corrupt


def _reasons(split: Split) -> Iterator[str | None]:
    """Yield for each example of a split why it cannot be decoded, or None."""
    threads = os.cpu_count() or 1
    indices = iter(range(split.examples))
    with ThreadPoolExecutor(threads) as pool:
        while batch := list(islice(indices, threads * IN_FLIGHT)):
            yield from pool.map(lambda index: why_corrupt(split, index), batch)


def check_command(dataset: Dataset) -> str:
    """Return the command that checks a data set's images."""
    where = f" --data-dir {shlex.quote(str(dataset.store.folder))}" if dataset.store else ""
    return f"larq-igp data check {dataset.name}{where}"


def images_text(dataset: Dataset, corrupt: Sequence[Corrupt]) -> str:
    """Return how many images are corrupt, and the name of the first: ``1 of 15 images of folder
    cannot be decoded (train/dog/torn.jpg)``.
    """
    total = sum(split.examples for split in dataset.splits.values())
    more = ", ..." if len(corrupt) > 1 else ""
    return (
        f"{len(corrupt):,} of {total:,} images of {dataset.name} cannot be decoded "
        f"({corrupt[0].name}{more})"
    )


@contextmanager
def corrupt_images_named(
    dataset: Dataset, split_name: str, indices: Iterable[int]
) -> Iterator[None]:
    """Read batches; TensorFlow's error about an image becomes a sentence with its name. Costs
    nothing as long as all goes well.

    Args:
        dataset: that is read.
        split_name: of the split that is read.
        indices: of the examples that are read, in their order; looked at after an error, up to the
            first that is corrupt.

    Raises:
        CorruptImageError: if one of these images cannot be decoded.
    """
    try:
        yield
    except tf.errors.OpError as error:
        split = dataset.split(split_name)
        for index in indices if split.read is not None else ():
            reason = why_corrupt(split, index)
            if reason is not None:
                raise CorruptImageError(
                    f"{split.name(index)}, a {split_name} image of {dataset.name}, cannot be "
                    f"decoded ({reason}): find all such images "
                    f"with `{check_command(dataset)}`, and replace them, or train with --corrupt "
                    "skip."
                ) from error
        raise
