"""The version of what is written into a run directory.

1   larq-igp 0.1.0: no format number, no identity of the data, checkpoints in a format of our own
2   ``format`` and ``data`` in ``config.json`` and checkpoints; checkpoints are safetensors files
"""

from pathlib import Path

from larq_igp.errors import UserError

FORMAT = 2


class LaterFormatError(UserError):
    """A file was written by a later version of this package."""


def check_format(number: int, path: Path) -> None:
    """Refuse a file of a later version.

    Args:
        number: that the file holds.
        path: of the file.

    Raises:
        LaterFormatError: if this version does not know the format.
        TypeError: if it is no number.
    """
    if number > FORMAT:
        raise LaterFormatError(
            f"{path} was written by a later version of larq-igp (format {number}; this version "
            f"reads up to {FORMAT}): update larq-igp."
        )
