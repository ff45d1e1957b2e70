"""The fields of a recipe: what each takes, in words and as a type.

A field is declared once, with its default, description and range. From that come its check, the
option of ``larq-igp train`` and its row in ``docs/recipes.md``.

msgspec converts a value and checks its type and range. This module adds sentences: msgspec says
``Expected `int` >= 1``, but not which value it got, which names are similar to a mistyped one, or
that ``none`` means no value.
"""

import dataclasses
import sys
import types
from collections.abc import Iterable
from dataclasses import MISSING, dataclass
from functools import cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

from larq_igp.errors import UserError
from larq_igp.spelling import closest

WORDS = {
    int: "an integer",
    float: "a number",
    str: "a text",
    bool: "true or false",
    dict: "a table of values",
}
NOTHING = ("", "none", "null")
FINITE: dict[str, Any] = {"le": sys.float_info.max}
POSITIVE: dict[str, Any] = {"gt": 0.0} | FINITE
NOT_NEGATIVE: dict[str, Any] = {"ge": 0.0} | FINITE
GROUPS = ("network", "data", "images", "training", "start")


class RecipeError(UserError, ValueError):
    """A recipe asks for something that cannot be.

    Attributes:
        fields: those that the sentence is about; ``parameters.filters`` is one of the network.
    """

    def __init__(self, message: str, *fields: str):
        super().__init__(message)
        self.fields = fields


def require(condition: bool, message: str, *fields: str) -> None:
    """Raise a ``RecipeError`` about some fields if a condition does not hold."""
    if not condition:
        raise RecipeError(message, *fields)


def stated(
    group: str,
    default: Any,
    description: str,
    *,
    unit: str = "",
    used_by: dict[str, tuple] | None = None,
    **limits: Any,
) -> Any:
    """Return a field of a dataclass, with all that is known of it.

    Args:
        group: one of ``GROUPS``.
        default: value if nothing is given; a type is called to make it, ``MISSING`` means no
            default.
        description: a sentence or two.
        unit: of its value.
        used_by: another field and those of its values under which this one is read; no values are
            all but None.
        **limits: of a number: ``ge``, ``gt``, ``le``, ``lt``.
    """
    metadata = {
        "group": group,
        "unit": unit,
        "used_by": used_by or {},
        "meta": msgspec.Meta(description=description, **limits),
    }
    if isinstance(default, type):
        return dataclasses.field(default_factory=default, metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


@dataclass(frozen=True)
class Field:
    """A field of a recipe.

    Attributes:
        name: of the field.
        kind: its type.
        default: its value if nothing is said; ``dataclasses.MISSING`` if something must be.
        meta: description and range.
        group: one of ``GROUPS``.
        unit: of its value, or ''.
        used_by: see ``stated``.
    """

    name: str
    kind: Any
    default: Any
    meta: msgspec.Meta
    group: str
    unit: str
    used_by: dict[str, tuple]

    @property
    def description(self) -> str:
        """A sentence or two."""
        return self.meta.description or ""

    @property
    def kinds(self) -> tuple:
        """The types that a value may have."""
        is_union = get_origin(self.kind) in (Union, types.UnionType)
        return get_args(self.kind) if is_union else (self.kind,)

    @property
    def choices(self) -> tuple:
        """The values that are allowed, if they can be listed."""
        return tuple(
            value for kind in self.kinds if get_origin(kind) is Literal for value in get_args(kind)
        )

    @property
    def option(self) -> str:
        """Name of its option on the command line."""
        return f"--{self.name.replace('_', '-')}"

    @property
    def metavar(self) -> str:
        """Placeholder of its value in help: ``INTEGER``, ``N,N,N``."""
        kind = self.kinds[0]
        if self.choices:
            return f"[{'|'.join(map(str, self.choices))}]"
        if get_origin(kind) is tuple:
            return (
                "N,N,..." if Ellipsis in get_args(kind) else ",".join("N" for _ in get_args(kind))
            )
        return {int: "INTEGER", float: "NUMBER"}.get(kind, "TEXT")

    @property
    def words(self) -> str:
        """What the field takes, like ``a positive integer`` or ``a number from 0 to 1``."""
        return " or ".join(self._kind_words(kind) for kind in self.kinds)

    def _kind_words(self, kind: Any) -> str:
        if kind is types.NoneType:
            return "none"
        if get_origin(kind) is Literal:
            several = "one of " if len(get_args(kind)) > 1 else ""
            return several + ", ".join(map(str, get_args(kind)))
        if get_origin(kind) is tuple:
            inner = [part for part in get_args(kind) if part is not Ellipsis]
            count = "" if Ellipsis in get_args(kind) else f"{len(inner)} "
            return f"{count}{'integers' if inner[0] is int else 'numbers'} with commas between"
        word = WORDS[get_origin(kind) or kind]
        return word if kind not in (int, float) else self._range_words(word)

    def _range_words(self, word: str) -> str:
        meta = self.meta
        if meta.ge == 1 and meta.le is None:
            return word.replace("an ", "a positive ")
        if meta.gt is not None:
            most = "" if meta.le in (None, FINITE["le"]) else f" and at most {meta.le:g}"
            return f"{word} above {meta.gt:g}{most}"
        if meta.lt is not None:
            return f"{word} from {meta.ge:g} to below {meta.lt:g}"
        if meta.le not in (None, FINITE["le"]):
            limit = meta.le if isinstance(meta.le, int) else f"{meta.le:g}"
            return f"{word} from {meta.ge:g} to {limit}"
        return f"{word} of {meta.ge:g} or more" if meta.ge is not None else word

    def convert(self, value: Any) -> Any:
        """Return a value as a recipe keeps it: a tuple for a list, a float for an integer where a
        number is meant.

        Raises:
            RecipeError: if it is of another type, or out of range.
        """
        return self._convert(value, strict=True)

    def parse(self, text: str) -> Any:
        """Return the value of a text.

        Raises:
            RecipeError: if it is not a value of this type, or out of range.
        """
        plain: Any = text.strip()
        is_tuple = any(get_origin(kind) is tuple for kind in self.kinds)
        if plain.lower() in NOTHING:
            plain = [] if is_tuple and types.NoneType not in self.kinds else None
        elif is_tuple:
            plain = [part.strip() for part in plain.strip("()[]").replace("x", ",").split(",")]
        return self._convert(plain, strict=False, got=parse_any(text))

    @property
    def _limited(self) -> Any:
        """The type of the field with its limits, which are not of ``None``."""
        if len(self.kinds) == 2 and types.NoneType in self.kinds:
            (kind,) = (each for each in self.kinds if each is not types.NoneType)
            return Annotated[kind, self.meta] | None
        return Annotated[self.kind, self.meta]

    def _convert(self, value: Any, *, strict: bool, got: Any = None) -> Any:
        try:
            return msgspec.convert(value, self._limited, strict=strict)
        except msgspec.ValidationError as error:
            shown = value if got is None else got
            message = f"{self.name} must be {self.words}; got {shown!r}."
            raise RecipeError(message, self.name) from error


@cache
def fields_of(record: type) -> dict[str, Field]:
    """Return the fields of a record by name."""
    kinds, fields = get_type_hints(record), {}
    for each in dataclasses.fields(record):
        factory = each.default_factory
        default = each.default if factory is MISSING else factory()
        fields[each.name] = Field(each.name, kinds[each.name], default, **each.metadata)
    return fields


def unknown_field(name: str, known: Iterable[str]) -> str:
    """Return the sentence about a field that does not exist."""
    return f"unknown field {name} of a recipe. {closest(name, list(known))}".rstrip()


def parse_any(text: str) -> Any:
    """Return the value of a text of unknown type: an integer, a number,
    ``true``, ``false``, ``none``, several with commas between, or else the text.
    """
    if "," in text:
        return tuple(parse_any(part) for part in text.strip("()[] ").split(",") if part.strip())
    plain = text.strip()
    if plain.lower() in NOTHING:
        return None
    for kind in (int, float, bool, str):
        try:
            return msgspec.convert(plain, kind, strict=False)
        except msgspec.ValidationError:
            continue
    return plain
