"""Which name was meant by one that is mistyped."""

import difflib
from collections.abc import Sequence
from pathlib import Path


def closest(name: str, names: Sequence[str]) -> str:
    """Return ``Did you mean ...?`` for a mistyped name, or an empty string if none is near."""
    matches = (
        difflib.get_close_matches(name, names, n=3, cutoff=0.5)
        or [known for known in names if known.startswith(name)][:3]
    )
    return f"Did you mean {' or '.join(matches)}? " if matches else ""


def closest_file(path: Path) -> str:
    """Return the same for a file or a folder, among those that lie where it was expected."""
    if not path.name or not path.parent.is_dir():
        return ""
    return closest(path.name, sorted(entry.name for entry in path.parent.iterdir()))
