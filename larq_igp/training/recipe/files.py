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
from larq_igp.files import read_file

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

SUFFIX = ".toml"
MOST_BYTES, MOST_FILES, MOST_DEPTH = 1 << 14, 16, 8
"""Of a file, of files that extend each other, and of tables and arrays in each other. A recipe has
one kilobyte; the time that ``tomllib`` takes grows with the square of a key's parts.
"""
LARGEST_INTEGER = 2**63


def is_recipe_file(name: str) -> bool:
    """Tell whether the name of a network is rather that of a file."""
    return name.endswith(SUFFIX)


def read_recipe_files(path: str | Path) -> list[tuple[Path, dict[str, Any]]]:
    """Return the fields that a file sets, and before it those of each file that it extends.

    Raises:
        UserError: if a file is missing, is not TOML, is too large, or extends itself.
    """
    found: list[tuple[Path, dict[str, Any]]] = []
    path, names = Path(path), [os.path.realpath(path)]
    while True:
        values = _read(path, found[-1][0] if found else None)
        base = values.pop("extends", None)
        found.append((path, values))
        if base is None:
            return found[::-1]
        if not isinstance(base, str) or "\0" in base:
            raise UserError(f"extends in {path} must be the name of a file; got {base!r}.")
        if len(found) == MOST_FILES:
            raise UserError(f"{found[0][0]} extends more than {MOST_FILES - 1} files, one another.")
        path = Path(os.path.normpath(path.parent / base))
        name = os.path.realpath(path)  # as a link to itself has none that could be resolved
        if name in names:
            raise UserError(f"{path} extends itself.")
        names.append(name)


def _read(path: Path, reader: Path | None) -> dict[str, Any]:
    try:
        values = tomllib.loads(read_file(path, MOST_BYTES).decode())
    except FileNotFoundError as error:
        by = f" ({reader} extends it)" if reader else ""
        raise UserError(f"recipe {path} does not exist{by}.") from error
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is not readable TOML: {error}.") from error
    _check_values(values, path)
    return values


def _check_values(values: dict[str, Any], path: Path) -> None:
    level: list[Any] = [values]
    for _ in range(MOST_DEPTH):
        inner = [list(each.values()) if isinstance(each, dict) else each for each in level]
        level = [part for parts in inner for part in parts if isinstance(part, dict | list)]
        numbers = (part for parts in inner for part in parts if isinstance(part, int))
        if any(abs(number) >= LARGEST_INTEGER for number in numbers):
            raise UserError(f"{path} holds an integer of more than 64 bits, which TOML has not.")
    if level:
        raise UserError(f"{path} holds tables or arrays more than {MOST_DEPTH} deep.")
