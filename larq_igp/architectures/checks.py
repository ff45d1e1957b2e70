"""What all specifications are checked by, and how large a network may be."""

from typing import Any

from larq_igp.errors import UserError

MOST_CHANNELS, MOST_LAST_CHANNELS = 4096, 32768
"""Of a stem or a block, and of the last stage: more is a slip of the finger."""
MOST_STAGES, MOST_CONVOLUTIONS = 8, 2048
"""Of a network, and of all its blocks: more would be built for hours."""
MOST_CLASSES = 2**20


class SpecError(UserError, ValueError):
    """A parameter of a network is outside what its family is defined for."""


class UnknownNetworkError(UserError, KeyError):
    """A name is not a network of the registry."""

    def __str__(self) -> str:
        """Return the sentence itself; ``KeyError`` would quote it."""
        return str(self.args[0])


def require(condition: bool, message: str) -> None:
    """Raise a ``SpecError`` with the message unless the condition holds."""
    if not condition:
        raise SpecError(message)


def is_count(value: object) -> bool:
    """Tell whether a value is a positive integer."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def check_blocks(blocks: object) -> None:
    """Check that there is a number of blocks for each stage."""
    is_valid = isinstance(blocks, tuple) and len(blocks) >= 1 and all(is_count(n) for n in blocks)
    require(
        is_valid,
        f"blocks must be one positive integer for each stage, like (2, 2, 2, 2); got {blocks!r}.",
    )


def check_size(blocks: tuple[int, ...], convolutions: int) -> None:
    """Check how much there is of all blocks.

    Args:
        blocks: of each stage.
        convolutions: of a block.
    """
    require(
        len(blocks) <= MOST_STAGES,
        f"blocks must be of at most {MOST_STAGES} stages; got {len(blocks)}.",
    )
    require(
        sum(blocks) * convolutions <= MOST_CONVOLUTIONS,
        f"blocks must have at most {MOST_CONVOLUTIONS} convolutions in all; got {sum(blocks)} of "
        f"{convolutions} each.",
    )


def check_classes(num_classes: Any) -> None:
    """Check the width of a classifier.

    Raises:
        SpecError: if it is not a positive integer, or larger than the number of classes of any data
            set.
    """
    require(is_count(num_classes), f"num_classes must be a positive integer; got {num_classes!r}.")
    require(
        num_classes <= MOST_CLASSES,
        f"num_classes must be at most {MOST_CLASSES:,}; got {num_classes}.",
    )


def check_columns(columns: Any, family: str, fractal_family: str) -> None:
    """Check the columns of a fractal; other families have none."""
    if family == fractal_family:
        require(
            is_count(columns) and columns <= 8,
            f"columns must be an integer from 1 to 8; got {columns!r}.",
        )
    else:
        require(
            columns == 1,
            f"columns is a parameter of {fractal_family}; {family} has none (got {columns!r}).",
        )
