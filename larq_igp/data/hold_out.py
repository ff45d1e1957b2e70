"""Images held out of the training images, by a rule that looks at class and file name alone: the
same on every machine, for every seed, and however the files are packed.
"""

import hashlib

import numpy as np

HELD_OUT_PART = 10
"""One image of so many is held out of a class, at least one where there are two."""


def rule(limit: int | None = None) -> str:
    """Return the name of the rule of ``held_out`` with this limit."""
    most = f", at most {limit}," if limit else ""
    return f"of each class one in {HELD_OUT_PART}{most} by the hash of its file name is validation"


def hash_of_name(name: bytes) -> int:
    """Return a number below 2^64 for a file's name without its folder."""
    return int.from_bytes(hashlib.blake2b(name, digest_size=8).digest(), "big")


def held_out(hashes: np.ndarray, labels: np.ndarray, limit: int | None = None) -> np.ndarray:
    """Return which images are held out: of each class a tenth, those with the smallest hashes.

    Args:
        hashes: of their names, ``(N,)`` uint64.
        labels: ``(N,)`` integers from 0.
        limit: most images of a class.

    Returns:
        A mask ``(N,)``.
    """
    members = np.bincount(labels)
    most = np.maximum(members // HELD_OUT_PART, members > 1)
    order = np.lexsort((hashes, labels))
    # The place of each image among those of its class, by its hash.
    ranks = np.arange(len(labels)) - np.repeat(np.cumsum(members) - members, members)
    mask = np.zeros(len(labels), bool)
    mask[order] = ranks < np.minimum(most, limit or most)[labels[order]]
    return mask
