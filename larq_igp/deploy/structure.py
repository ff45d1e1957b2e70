"""The structural check of ``larq-igp-runtime``, before any interpreter sees a file.

An interpreter believes its file: where tables point, which tensors an operator reads, what shapes
they have. The check follows all of it. It is part of the runtime, which is optional; without it,
``read_tflite`` alone looks at a file, and what gets through it ends the child process that runs it.
"""

from collections.abc import Callable
from typing import Any

from larq_igp.deploy.errors import TFLiteFileError


def installed_check() -> Callable[..., None] | None:
    """Return ``larq_igp_runtime.check``; None if it is not installed."""
    try:
        from larq_igp_runtime import check
    except (ImportError, OSError):
        return None
    return check


def check_structure(content: bytes, where: str, *, unknown_operators: bool) -> None:
    """Refuse a file that an interpreter should not see.

    Args:
        content: of the file.
        where: what messages call it.
        unknown_operators: whether operators that the check does not know may pass.

    Raises:
        TFLiteFileError: if it is damaged, or has what is not supported; it names the place.
    """
    check: Any = installed_check()
    if check is None:
        return
    try:
        check(content, unknown=unknown_operators)
    except ValueError as error:  # ModelError of the runtime
        advice = " (--unknown-operators runs it)" if "is not known" in str(error) else ""
        complaint = str(error).rstrip(".")
        raise TFLiteFileError(f"{where} cannot be used: {complaint}{advice}.") from error
