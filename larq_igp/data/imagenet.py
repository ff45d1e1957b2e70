"""ImageNet (ILSVRC 2012, arXiv 1409.0575): 1,281,167 training and 50,000 validation images of 1,000
classes.

The official test images have no public labels, and published accuracies are of the official
validation images. So those are our ``test`` split, measured once at the end; what chooses the best
weights, ``validation``, is 10,000 training images, ten of each class, that are held out by their
file names: the same from folders and from tensorflow-datasets. Classes are sorted by their
synset, as in tensorflow-datasets, Keras and torchvision.
"""

import re
from pathlib import Path

import numpy as np

from larq_igp.data.dataset import Dataset, DatasetError, Store
from larq_igp.data.folders import Images, image_dataset, read_folders
from larq_igp.data.hold_out import held_out, rule
from larq_igp.data.identity import PREPARED
from larq_igp.data.prepared import find_prepared, open_prepared, prepare
from larq_igp.data.split_folders import sub_folders

NAME = "imagenet2012"
HELD_OUT_OF_CLASS = 10
SYNSET = re.compile(r"n\d{8}")
ADVICE = (
    "give --data-dir with train/<synset>/*.JPEG and val/<synset>/*.JPEG, or with what "
    "tensorflow-datasets prepared; or put "
    "ILSVRC2012_img_train.tar and ILSVRC2012_img_val.tar of https://image-net.org in its "
    "downloads/manual/ and pass --download."
)


def load_imagenet(data_dir: Path | None, download: bool) -> Dataset:
    """Return ImageNet from plain folders or from what tensorflow-datasets prepared.

    Raises:
        DatasetError: if no source has it, or files are missing or damaged.
    """
    if data_dir is not None and (data_dir / "train").is_dir():
        return _from_folders(data_dir)
    folder = find_prepared(NAME, data_dir)
    if folder is None and download:
        prepare(NAME, data_dir, ADVICE)
        folder = find_prepared(NAME, data_dir)
    if folder is None:
        raise DatasetError(
            f"{NAME} was not found in {data_dir or '~/tensorflow_datasets'}: {ADVICE}"
        )
    return _from_prepared(folder)


def _from_folders(root: Path) -> Dataset:
    foreign = [name for name in sub_folders(root / "train") if not SYNSET.fullmatch(name)]
    if foreign:
        raise DatasetError(
            f"{root / 'train'} has a class {foreign[0]!r}, and ImageNet's are named n01440764: "
            "use --dataset folder for other images."
        )
    if not (root / "val").is_dir():
        raise DatasetError(
            f"{root} lacks val/: put the 50,000 validation images there, in one folder for each "
            "synset."
        )
    folders = {"train": "train", "test": "val"}
    return image_dataset(
        NAME, read_folders(root, folders=folders, held_out_limit=HELD_OUT_OF_CLASS)
    )


def _from_prepared(folder: Path) -> Dataset:
    prepared = open_prepared(folder, ("train", "validation"))
    train = prepared.splits["train"]
    records = prepared.records["train"]
    out = held_out(records.name_hash, records.label, HELD_OUT_OF_CLASS)
    splits = {
        "train": train.only(np.flatnonzero(~out)),
        "validation": train.only(np.flatnonzero(out)),
        "test": prepared.splits["validation"],
    }
    images = Images(
        source=f"tensorflow-datasets in {folder}",
        source_kind=PREPARED,
        split_rule=rule(HELD_OUT_OF_CLASS),
        class_names=prepared.class_names,
        splits=splits,
        store=Store(folder.parent.parent, prepared.fingerprint),
    )
    return image_dataset(NAME, images)
