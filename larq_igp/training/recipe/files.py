"""Recipes as files: TOML, one key a field, and ``extends`` for what files have in common.

TOML, because it has comments, typed values and a reader in Python's standard library.

    # experiments/table1/bireal_1bit.toml
    extends = "../cifar100.toml"
    network = "bireal_resnet18_64"
    bits = 1
"""

import os
import sys
from pathlib import Path
from typing import Any

from larq_igp.errors import UserError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

SUFFIX = ".toml"


def is_recipe_file(name: str) -> bool:
    """Tell whether the name of a network is rather that of a file."""
    return name.endswith(SUFFIX)


def read_recipe_files(path: str | Path) -> list[tuple[Path, dict[str, Any]]]:
    """Return the fields that a file sets, and before it those of each file that it extends.

    Raises:
        UserError: if a file is missing, is not TOML, or extends itself.
    """
    return _read(Path(path), ())


def _read(path: Path, readers: tuple[Path, ...]) -> list[tuple[Path, dict[str, Any]]]:
    if path.resolve() in readers:
        raise UserError(f"{path} extends itself.")
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        by = f" ({readers[-1]} extends it)" if readers else ""
        raise UserError(f"recipe {path} does not exist{by}.") from error
    except (OSError, ValueError) as error:
        raise UserError(f"{path} is not readable TOML: {error}.") from error
    base = values.pop("extends", None)
    if base is None:
        return [(path, values)]
    if not isinstance(base, str) or "\0" in base:
        raise UserError(f"extends in {path} must be the name of a file; got {base!r}.")
    extended = Path(os.path.normpath(path.parent / base))
    return [*_read(extended, (*readers, path.resolve())), (path, values)]
