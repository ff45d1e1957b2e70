"""Which data set a folder holds, by the files in it."""

from pathlib import Path

from larq_igp.data.cifar import CIFAR10, CIFAR100, find_archive_folder
from larq_igp.data.dataset import DatasetError
from larq_igp.data.idx import find_idx_folder
from larq_igp.data.imagenet import SYNSET
from larq_igp.data.prepared import find_prepared
from larq_igp.data.split_folders import sub_folders

PREPARED_NAMES = ("imagenet2012", "cifar10", "cifar100", "fashion_mnist")
IMAGENET_CLASSES = 1000


def dataset_in(folder: Path) -> str:
    """Return the name of the data set in a folder.

    Class folders are ``folder``, also those with some of ImageNet's classes; all thousand are
    ``imagenet2012``.

    Raises:
        DatasetError: if it is not a folder, or contains no known data set.
    """
    if not folder.is_dir():
        raise DatasetError(f"--data-dir {folder} is not a folder.")
    if find_idx_folder(folder) is not None:
        return "fashion_mnist"
    for name, archive in (("cifar10", CIFAR10), ("cifar100", CIFAR100)):
        if find_archive_folder(archive, folder) or (folder / archive.archive).is_file():
            return name
    for name in PREPARED_NAMES:
        if find_prepared(name, folder) is not None:
            return name
    if (folder / "train").is_dir():
        synsets = [name for name in sub_folders(folder / "train") if SYNSET.fullmatch(name)]
        if len(synsets) == IMAGENET_CLASSES:
            return "imagenet2012"
    if sub_folders(folder):
        return "folder"
    raise DatasetError(
        f"{folder} holds no known data set: images in one folder for each class are "
        "needed, or the files of a data set that --dataset names."
    )
