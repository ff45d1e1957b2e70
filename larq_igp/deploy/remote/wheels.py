"""Wheels of larq-igp-runtime, one for each architecture as `uname -m` prints it."""

import re
from pathlib import Path

from larq_igp.deploy.remote.transports import RemoteError
from larq_igp.files import read_file

MOST_BYTES = 1 << 26
WHEELS = "wheels"
"""Folder that wheels are copied to."""
ONLY_WHEEL = f"{WHEELS}/only.whl"
"""Name of a wheel that was given as a file, for any machine."""
NAME = re.compile(r"larq_igp_runtime-.*-(?:manylinux|linux)[^-]*?_(x86_64|aarch64)\.whl")
MAKE = "`make -C runtime wheels` in a checkout makes them, in runtime/dist"


def check_wheels(path: str | Path) -> None:
    """Check that ``read_wheels`` finds wheels; errors as there."""
    _find(Path(path))


def read_wheels(path: str | Path) -> dict[str, bytes]:
    """Return the contents of wheels by the names that their copies get.

    Args:
        path: path of a wheel, or of a folder with at most one for each architecture.

    Raises:
        RemoteError: if there is none, or several for one architecture.
        UserError: if one cannot be read.
    """
    return {name: read_file(wheel, MOST_BYTES) for name, wheel in _find(Path(path)).items()}


def _find(path: Path) -> dict[str, Path]:
    if not path.exists():
        raise RemoteError(f"wheel {path} does not exist: {MAKE}.")
    if not path.is_dir():
        return {ONLY_WHEEL: path}
    found: dict[str, Path] = {}
    for wheel in sorted(path.iterdir()):
        match = NAME.fullmatch(wheel.name)
        if match is None:
            continue
        name = f"{WHEELS}/{match[1]}.whl"
        if name in found:
            raise RemoteError(
                f"{path} has two wheels for {match[1]}, {found[name].name} and {wheel.name}: name "
                "one of them."
            )
        found[name] = wheel
    if not found:
        raise RemoteError(f"{path} has no wheel of larq-igp-runtime: {MAKE}.")
    return found
