"""A Python in which some of the installed packages are not there."""

import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
SHARED = {"google", "bin", "..", "__pycache__"}
"""Top-level names that several distributions install into."""


def files_of(distribution: str) -> set[str]:
    """Return the entries of ``site-packages`` that a distribution installed."""
    files = metadata.files(distribution)
    assert files, f"{distribution} does not say which files are its own"
    return {file.parts[0] for file in files} - SHARED


def site_without(folder: Path, *distributions: str, keep_metadata: bool = False) -> Path:
    """Make a folder of links to all that is installed, but some distributions."""
    try:
        absent = {name for each in distributions for name in files_of(each)}
        if keep_metadata:
            absent = {name for name in absent if not name.endswith(".dist-info")}
    except metadata.PackageNotFoundError as error:
        pytest.fail(f"{error.name} is not installed, so the test cannot take it away")
    folder.mkdir()
    for entry in Path(pytest.__file__).parents[1].iterdir():
        if entry.name not in absent:
            (folder / entry.name).symlink_to(entry)
    return folder


def run_in(site: Path, *arguments: str, **options) -> subprocess.CompletedProcess:
    """Run Python with the packages of one folder alone, and with this checkout."""
    return subprocess.run(
        [sys.executable, "-S", *arguments],
        env=os.environ | {"PYTHONPATH": f"{REPOSITORY}:{site}"},
        capture_output=True,
        text=True,
        check=False,
        **options,
    )
