"""Versions of what a result depends on."""

import platform
from importlib import metadata

import larq_igp

TOOLS = ("tensorflow", "tf-keras", "larq", "larq-compute-engine", "numpy")


def installed_version(distribution: str) -> str | None:
    """Return the version of an installed distribution, or None."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def tool_versions() -> dict[str, str | None]:
    """Return the versions of this package, Python and the tools; None for one that is not
    installed.
    """
    tools = {tool: installed_version(tool) for tool in TOOLS}
    return {"larq-igp": larq_igp.__version__, "python": platform.python_version(), **tools}
