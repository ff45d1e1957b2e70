"""The structural check of ``larq-igp-runtime``, before any interpreter sees a file.

An interpreter trusts its file: the offsets of tables, the indices of tensors, the shapes. The check
verifies all of these. It is part of the runtime, which is optional. Without the runtime, only
``read_tflite`` checks a file, and a fault that it misses may crash the child process that runs the
file.
"""

from collections.abc import Callable
from typing import Any

from larq_igp.deploy.errors import TFLiteFileError
from larq_igp.deploy.schema import require_identifier


def installed_check() -> Callable[..., None] | None:
    """Return ``larq_igp_runtime.check``; None if it is not installed."""
    try:
        from larq_igp_runtime import check
    except (ImportError, OSError):
        return None
    return check


def check_structure(content: bytes, where: str, *, unknown_operators: bool) -> None:
    """Refuse a file that is not safe to run.

    Args:
        content: content of the file.
        where: name of the file in messages.
        unknown_operators: whether operators that the check does not know may pass.

    Raises:
        TFLiteFileError: if it is damaged or not supported; the message says where.
    """
    require_identifier(content, where)
    check: Any = installed_check()
    if check is None:
        return
    try:
        check(content, unknown=unknown_operators)
    except ValueError as error:  # ModelError of the runtime
        advice = " (--unknown-operators runs it)" if "is not known" in str(error) else ""
        complaint = str(error).rstrip(".")
        raise TFLiteFileError(f"{where} cannot be used: {complaint}{advice}.") from error
