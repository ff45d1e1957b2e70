"""Say what of a data set is there, what is not read and why, and which images are corrupt."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from larq_igp.data.check_result import REFUSE, check_images, record_path, without
from larq_igp.data.corrupt import Corrupt, Progress, check_command, images_text
from larq_igp.data.dataset import Dataset
from larq_igp.data.datasets import open_dataset

OFFICIAL_EXAMPLES = {
    "fashion_mnist": {"training": 60_000, "test": 10_000},
    "cifar10": {"training": 50_000, "test": 10_000},
    "cifar100": {"training": 50_000, "test": 10_000},
    "imagenet2012": {"training": 1_281_167, "test": 50_000},
}
"""How many images the official files hold; training before any are held out for validation."""


@dataclass(frozen=True)
class Report:
    """What a check found.

    Attributes:
        dataset: as it is stored.
        corrupt: images that cannot be decoded.
        choice: what is to be done with them, ``refuse`` or ``skip``.
        record: where they are written down, or None if images need no decoding.
    """

    dataset: Dataset
    corrupt: list[Corrupt]
    choice: str
    record: Path | None

    @property
    def is_usable(self) -> bool:
        """Whether the data set can be trained on."""
        return not self.corrupt or self.choice != REFUSE

    @property
    def without_corrupt(self) -> Dataset:
        """The data set without its corrupt images."""
        return without(self.dataset, self.corrupt) if self.corrupt else self.dataset

    def examples(self) -> dict[str, int]:
        """Return how many examples each split has without the corrupt ones."""
        return {name: split.examples for name, split in self.without_corrupt.splits.items()}

    def class_examples(self) -> dict[str, dict[str, int]]:
        """Return how many examples each class has in each split; empty if labels are not at
        hand.
        """
        names, counts = self.dataset.class_names, {}
        for split_name, split in self.without_corrupt.splits.items():
            if split.labels is None:
                return {}
            counts[split_name] = np.bincount(split.labels, minlength=len(names))
        return {
            name: {split: int(of_class[label]) for split, of_class in counts.items()}
            for label, name in enumerate(names)
        }

    def differences(self) -> list[str]:
        """Return in what the numbers of images differ from the official ones."""
        has = {name: split.examples for name, split in self.dataset.splits.items()}
        found = {"training": has["train"] + has["validation"], "test": has["test"]}
        official = OFFICIAL_EXAMPLES.get(self.dataset.name, {})
        return [
            f"{found[name]:,} {name} images, and the official set has {count:,}"
            for name, count in official.items()
            if found[name] != count
        ]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "dataset": self.dataset.name,
            "source": self.dataset.source,
            "classes": len(self.dataset.class_names),
            "examples": self.examples(),
            "class_examples": self.class_examples(),
            "input_shape": list(self.dataset.input_shape),
            "differences": self.differences(),
            "not_taken": [vars(each) for each in self.dataset.not_taken],
            "corrupt": [vars(each) for each in self.corrupt],
            "choice": self.choice,
            "record": None if self.record is None else str(self.record),
            "usable": self.is_usable,
        }

    def sentences(self) -> Iterator[str]:
        """Yield in a sentence each what is there, how it differs, and what is left out."""
        counts = ", ".join(f"{count:,} {name}" for name, count in self.examples().items())
        height, width, channels = self.dataset.input_shape
        yield (
            f"{self.dataset.name}: {counts} images of {len(self.dataset.class_names):,} classes "
            f"from {self.dataset.source}, fed as {height}x{width}x{channels}."
        )
        yield f"Splits: {self.dataset.split_rule}."
        yield from (f"There are {difference}." for difference in self.differences())
        if self.dataset.not_taken:
            yield f"Not read: {', '.join(map(str, self.dataset.not_taken))}."
        if self.record is not None:
            yield (
                f"{images_text(self.dataset, self.corrupt)}; the counts are without them."
                if self.corrupt
                else "Every image can be decoded."
            )

    def refusal(self) -> str:
        """Return in one sentence why it cannot be used, and what to do."""
        return (
            f"{images_text(self.dataset, self.corrupt)}: replace them and check again with "
            f"`{check_command(self.dataset)}`, or leave them out with `--corrupt skip`, here and "
            "in `larq-igp train`."
        )


def check_dataset(
    name: str,
    *,
    data_dir: str | Path | None = None,
    download: bool = False,
    choice: str = REFUSE,
    progress: Progress = lambda done, total: None,
) -> Report:
    """Open a data set, decode all its encoded images with every core, and keep the result for later
    runs in the user's cache. The data set's own folder is left as it is.

    Args:
        name: a key of ``DATASETS``.
        data_dir: folder of its files; None looks where they usually are.
        download: whether it may be fetched from the network.
        choice: what is to be done with corrupt images, ``refuse`` or ``skip``.
        progress: called with the images done and their total, now and then.

    Raises:
        DatasetError: if the name is unknown, or the files are missing or damaged.
    """
    dataset = open_dataset(name, data_dir=data_dir, download=download)
    if dataset.store is None:
        return Report(dataset, [], choice, None)
    corrupt = check_images(dataset, dataset.store, progress)
    return Report(dataset, corrupt, choice, record_path(dataset, dataset.store))
