"""Find image files from names of files, folders and patterns."""

import glob
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from larq_igp.data.image_files import FORMATS, is_image_name
from larq_igp.data.split_folders import is_hidden
from larq_igp.errors import UserError


def image_paths(given: Iterable[str | Path]) -> Iterator[str]:
    """Yield the paths of image files, one after the other, however many there are.

    Args:
        given: image files; folders, for all images in them and their subfolders; and patterns like
            ``photos/*.jpg`` or ``photos/**/a?.png``.

    Raises:
        UserError: before the first path, if something given does not exist or contains no image.
    """
    typed = [str(each) for each in given]
    for each in typed:
        if next(_of(each), None) is None:
            raise UserError(_nothing(each))
    return (path for each in typed for path in _of(each))


def _of(given: str) -> Iterator[str]:
    if os.path.isdir(given):
        yield from _in_folder(given)
    elif os.path.lexists(given):
        yield given
    elif glob.has_magic(given):
        typed = Path(given).parts
        for path in sorted(_matches(given)):
            found = (part for part in Path(path).parts if part not in typed)
            if is_image_name(path) and not any(map(is_hidden, found)) and not os.path.isdir(path):
                yield path


def _matches(pattern: str) -> Iterator[str]:
    """Yield what matches a pattern. ``**`` does not follow links: two links to their own folder
    would give 2^40 paths.
    """
    if Path(pattern).name == "**":
        pattern = os.path.join(pattern, "*")
    parts = pattern.split("/")
    pattern = "/".join(part if part == "**" else re.sub(r"\*+", "*", part) for part in parts)
    head, recursive, tail = f"/{pattern}".partition("/**/")
    if not recursive:
        yield from glob.iglob(pattern)
        return
    start = head[1:] or ("/" if head else "")
    for folder in glob.glob(start) if start else [""]:
        for path in Path(folder).glob(f"**/{tail}"):
            yield os.path.join(folder, path.relative_to(folder or "."))


def _in_folder(folder: str) -> Iterator[str]:
    for path, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not is_hidden(name))
        for name in sorted(files):
            if is_image_name(name) and not is_hidden(name):
                yield os.path.join(path, name)


def _nothing(given: str) -> str:
    if os.path.isdir(given):
        return f"the folder {given} holds no images: {FORMATS} files are needed."
    if glob.has_magic(given):
        return f"no image matches {given!r}."
    return f"image {given} does not exist or is not a file."
