"""Values of a recipe's fields: checked against the declared type, and read from text.

A type is what the recipe's annotations can say: ``int``, ``float``, ``str``, ``bool``,
``dict[...]``, ``tuple[T, ...]``, ``tuple[T, T]``, and any of these ``| None``.
"""

import types
from typing import Any, get_args, get_origin

NAMES = {
    int: "an integer",
    float: "a number",
    str: "a text",
    bool: "true or false",
    dict: "a table of values",
}
NOTHING, YES, NO = ("", "none", "null"), ("true", "yes", "on", "1"), ("false", "no", "off", "0")


def _alternatives(hint: Any) -> tuple:
    return get_args(hint) if isinstance(hint, types.UnionType) else (hint,)


def describe(hint: Any) -> str:
    """Say in words what a field takes, like ``an integer or none``."""
    words = []
    for kind in _alternatives(hint):
        if kind is types.NoneType:
            words.append("none")
        elif get_origin(kind) is tuple:
            inner = [part for part in get_args(kind) if part is not Ellipsis]
            count = "" if Ellipsis in get_args(kind) else f"{len(inner)} "
            words.append(
                f"{count}{'integers' if inner[0] is int else 'numbers'} with commas between"
            )
        else:
            words.append(NAMES[get_origin(kind) or kind])
    return " or ".join(words)


def matches(value: Any, hint: Any) -> bool:
    """Tell whether a value is of the type; an integer is a number too, a truth value is not."""
    for kind in _alternatives(hint):
        if get_origin(kind) is tuple:
            inner = get_args(kind)
            wanted = (
                inner[:1] * len(value) if isinstance(value, tuple) and Ellipsis in inner else inner
            )
            if (
                isinstance(value, tuple)
                and len(value) == len(wanted)
                and all(map(matches, value, wanted))
            ):
                return True
        elif kind is float:
            if isinstance(value, int | float) and not isinstance(value, bool):
                return True
        elif type(value) is (get_origin(kind) or kind):
            return True
    return False


def plain(value: Any, hint: Any) -> Any:
    """Return the value as the recipe keeps it:

    a tuple for a list of a file, a float for an integer where a number is meant.
    """
    if isinstance(value, list | tuple):
        inner = next(
            (get_args(kind) for kind in _alternatives(hint) if get_origin(kind) is tuple), (None,)
        )
        return tuple(plain(part, inner[0]) for part in value)
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return float(value) if is_number and float in _alternatives(hint) else value


def parse(text: str, hint: Any) -> Any:
    """Read a value of the type from text.

    Raises:
        ValueError: if the text is not such a value.
    """
    for kind in _alternatives(hint):
        try:
            return _parse_one(text.strip(), kind)
        except ValueError:
            continue
    raise ValueError(text)


def _parse_one(text: str, kind: Any) -> Any:
    if kind is types.NoneType:
        if text.lower() in NOTHING:
            return None
    elif kind is bool:
        if text.lower() in YES + NO:
            return text.lower() in YES
    elif get_origin(kind) is tuple:
        inner = get_args(kind)
        parts = [part for part in text.strip("()[] ").split(",") if part.strip()]
        if Ellipsis in inner or len(parts) == len(inner):
            return tuple(_parse_one(part.strip(), inner[0]) for part in parts)
    elif kind is str:
        if text.lower() not in NOTHING:
            return text
    elif kind in (int, float):
        return kind(text)
    raise ValueError(text)


def parse_any(text: str) -> Any:
    """Read a value of unknown type:

    an integer, a number, ``true``/``false``, ``none``, numbers with commas between, or else the
    text.
    """
    if "," in text:
        return tuple(parse_any(part) for part in text.strip("()[] ").split(",") if part.strip())
    kinds = [int, float]
    for kind in kinds:
        try:
            return kind(text)
        except ValueError:
            continue
    words = {"true": True, "false": False, "none": None}
    return words.get(text.strip().lower(), text.strip())
