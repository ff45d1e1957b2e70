"""What data a run was trained on, so that two uses of data can be compared.

A folder's place is no part of it: data that were moved or copied stay the same data. What is not
known (None) is not compared: runs of version 0.1.0 say less than later ones.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from larq_igp.errors import UserError

BUNDLED, ARCHIVE, FOLDERS, PREPARED = "bundled", "archive", "class folders", "tensorflow-datasets"
"""Kinds of sources."""


class OtherDataError(UserError):
    """Two things that must share their data do not."""


@dataclass(frozen=True, kw_only=True)
class Identity:
    """What a data set was when it was used.

    Attributes:
        dataset: its name.
        source: the kind of its source, one of the constants above.
        split_rule: how its images are divided into splits, a text that changes with the rule.
        class_names: the label ``i`` means ``class_names[i]``.
        normalisation: ``mean`` and ``deviation``, on the scale 0 to 255, ``crop`` and
            ``letterbox``, as ``Preprocessing`` has them.
        augmentation: of training images: ``shift``, ``border``, ``flip``, ``crop_area``,
            ``colour_jitter`` and ``cut_out``, see ``Dataset``.
        examples: images of each split, without those that are left out as corrupt.
        file_names: SHA-256 of the names of its files, see ``larq_igp.data.fingerprint``.
        contents: SHA-256 of what they hold.
    """

    dataset: str | None = None
    source: str | None = None
    split_rule: str | None = None
    class_names: tuple[str, ...] | None = None
    normalisation: Mapping[str, Any] | None = None
    augmentation: Mapping[str, Any] | None = None
    examples: Mapping[str, int] | None = None
    file_names: str | None = None
    contents: str | None = None

    def differences(self, other: "Identity", aspects: Iterable[str] | None = None) -> list[str]:
        """Return a phrase for each aspect in which this differs from another, like ``the data set
        is digits, not cifar10``. What goes without saying is left out: data sets of two names hold
        other images, and classes of other names are other files.

        Args:
            other: what it is compared with.
            aspects: names of fields; None compares all.
        """
        phrases: dict[str, list[str]] = {}
        for name in EVERYTHING if aspects is None else aspects:
            ours, theirs = getattr(self, name), getattr(other, name)
            if ours is not None and theirs is not None and ours != theirs:
                phrases[name] = _PHRASES[name](ours, theirs)
        if "dataset" in phrases:
            return phrases["dataset"]
        said = [phrase for name in phrases if name not in FILES for phrase in phrases[name]]
        return said or next((phrases[name] for name in FILES if name in phrases), [])

    def to_json(self) -> dict[str, Any]:
        """Return a dict of plain values."""
        return {each.name: _plain(getattr(self, each.name)) for each in fields(self)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Identity":
        """Return what ``to_json`` wrote. Fields that a later version may have added are ignored;
        those that are missing are not known.

        Raises:
            UserError: if it is not a description of data.
        """
        types = {"class_names": list, "normalisation": dict, "augmentation": dict, "examples": dict}
        if not isinstance(data, Mapping):
            raise UserError(f"the description of the data must be an object, not {data!r}.")
        values = {each.name: data.get(each.name) for each in fields(cls)}
        for name, value in values.items():
            if value is not None and not isinstance(value, types.get(name, str)):
                raise UserError(f"{name} of the data cannot be {value!r}.")
        names = values["class_names"]
        if names is not None:
            if not names or not all(isinstance(name, str) for name in names):
                raise UserError(f"class_names of the data must be a list of names, not {names!r}.")
            values["class_names"] = tuple(names)
        return cls(**values)


EVERYTHING = tuple(each.name for each in fields(Identity))
"""For a run that is resumed, and for its own first stage and twin."""

FILES = ("file_names", "contents")
"""Fingerprints, which only say that files differ."""

CLASSES = ("class_names",)
"""For a network that is measured on a data set: its answers must mean the labels. The images may be
any, and they are normalised as the network was trained."""

INPUTS_AND_CLASSES = ("class_names", "normalisation")
"""For initial weights: the first layer must get the same values, the last one mean the same
classes."""


def require_same_data(
    ours: Identity, theirs: Identity, *, what: str, aspects: Iterable[str] | None = None
) -> None:
    """Refuse two uses of data that do not agree.

    Args:
        ours: what there is now.
        theirs: what it must agree with.
        what: the beginning of the sentence, like ``runs/a was trained on other data``.
        aspects: names of fields that must agree, like ``CLASSES``; None compares all.

    Raises:
        OtherDataError: one sentence with all that differs.
    """
    found = ours.differences(theirs, aspects)
    if found:
        raise OtherDataError(f"{what}: {'; '.join(found)}.")


def _plain(value: Any) -> Any:
    """Return what JSON gives back: lists for tuples."""
    if isinstance(value, Mapping):
        return {name: _plain(each) for name, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value


def _fields(text: str):
    """Return a function that compares the fields that two mappings share."""

    def compare(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> list[str]:
        return [
            text.format(name=name, ours=_text(ours[name]), theirs=_text(theirs[name]))
            for name in ours
            if name in theirs and _plain(ours[name]) != _plain(theirs[name])
        ]

    return compare


def _text(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _classes(ours: tuple[str, ...], theirs: tuple[str, ...]) -> list[str]:
    if len(ours) != len(theirs):
        return [f"there are {len(ours):,} classes, not {len(theirs):,}"]
    label = next(i for i, names in enumerate(zip(ours, theirs, strict=True)) if len({*names}) > 1)
    order = "the classes are in another order: " if sorted(ours) == sorted(theirs) else ""
    return [f"{order}class {label} is {ours[label]!r}, not {theirs[label]!r}"]


_PHRASES = {
    "dataset": lambda ours, theirs: [f"the data set is {ours}, not {theirs}"],
    "source": lambda ours, theirs: [f"the source is {ours}, not {theirs}"],
    "split_rule": lambda ours, theirs: [f"the split rule is {ours!r}, not {theirs!r}"],
    "class_names": _classes,
    "normalisation": _fields("{name} is {ours}, not {theirs}"),
    "augmentation": _fields("{name} is {ours}, not {theirs}"),
    "examples": _fields("{name} has {ours} images, not {theirs}"),
    "file_names": lambda ours, theirs: [
        f"the files have other names (SHA-256 {ours[:12]}, not {theirs[:12]})"
    ],
    "contents": lambda ours, theirs: [
        f"the files hold other images (SHA-256 {ours[:12]}, not {theirs[:12]})"
    ],
}
