"""Images that cannot be decoded:

why not, and a sentence that names the one that a pipeline has stumbled over.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from larq_igp.data.check_result import check_command
from larq_igp.data.dataset import Dataset, DatasetError, Split
from larq_igp.data.images import decode
from larq_igp.keras2 import tf


class CorruptImageError(DatasetError):
    """An image cannot be decoded; the message names it."""


def why_corrupt(split: Split, index: int) -> str | None:
    """Return why an encoded example cannot be decoded, or None if it can."""
    if split.read is None:  # its images are in memory, decoded
        return None
    try:
        decode(split.read(tf.constant(index, tf.int64))[0], channels=3)
    except (tf.errors.OpError, ValueError) as error:
        message = (
            str(getattr(error, "message", error)).split("[Op:")[0].split("{{")[-1].split("}}")[-1]
        )
        return " ".join(message.split()).rstrip(".") or "unreadable"
    return None


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
                    f"with `{check_command(dataset)}`, and replace them, or leave them out with "
                    "--corrupt skip."
                ) from error
        raise
