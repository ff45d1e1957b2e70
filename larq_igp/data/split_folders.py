"""Which folder of a data set holds which split, by the names that people give them."""

from pathlib import Path

from larq_igp.data.dataset import DatasetError

SPLIT_NAMES = {
    "train": ("train", "training"),
    "validation": ("validation", "val", "valid", "eval", "dev"),
    "test": ("test", "testing"),
}
"""Names of folders, in any case."""
OF_SYSTEMS = ("__macosx", "@eadir", "lost+found", "$recycle.bin", "system volume information")
"""Folders that operating systems create, in lower case; they are not classes."""


def is_hidden(name: str) -> bool:
    """Tell whether a file or folder is not the user's own: hidden, or left by a system."""
    return name.startswith(".") or name.lower() in OF_SYSTEMS


def sub_folders(folder: Path) -> tuple[str, ...]:
    """Return the names of the folders in a folder, sorted, without those that are hidden.

    Raises:
        DatasetError: if a name is not valid text, which configurations and cards need.
    """
    names = tuple(
        sorted(path.name for path in folder.iterdir() if path.is_dir() and not is_hidden(path.name))
    )
    for name in names:
        if any("\ud800" <= character <= "\udfff" for character in name):
            raise DatasetError(f"the folder {name!r} in {folder} has no UTF-8 name: rename it.")
    return names


def split_of(name: str) -> str | None:
    """Return the split that a folder of this name holds; None for any other name."""
    return next((split for split, names in SPLIT_NAMES.items() if name.lower() in names), None)


def find_split_folders(root: Path) -> dict[str, str]:
    """Return the folder of each split: ``{"train": "train", "validation": "valid"}``.

    It is empty if the class folders lie in ``root`` itself. A class may be called ``train`` too:
    then it holds images, not folders.

    Raises:
        DatasetError: if two folders hold the same split, a folder next to the training images is
            not a split, or there are no training images.
    """
    folders = sub_folders(root)
    nested = [name for name in folders if split_of(name) and sub_folders(root / name)]
    if not nested:
        return {}
    found: dict[str, str] = {}
    for name in nested:
        split = str(split_of(name))
        if split in found:
            raise DatasetError(
                f"{root} holds {found[split]} and {name}, which both mean {split} images: keep one."
            )
        found[split] = name
    if "train" not in found:
        raise DatasetError(
            f"{root} holds {', '.join(nested)} but no folder of training images: call it train."
        )
    for name in folders:
        if name in nested:
            continue
        advice = "call it val or test, or move it away"
        if split_of(name):
            advice = "sort its images into one folder for each class"
        raise DatasetError(
            f"{root} holds {name} next to {found['train']}, but it is not a split with class "
            f"folders: {advice}."
        )
    return found
