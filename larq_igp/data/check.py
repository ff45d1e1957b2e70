"""Say what of a data set is there, and decode every encoded image once to find those that cannot
be.
"""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from larq_igp.data.check_result import REFUSE, Corrupt, check_command, count_corrupt, write_check
from larq_igp.data.corrupt import why_corrupt
from larq_igp.data.dataset import Dataset, Split
from larq_igp.data.datasets import open_dataset

OFFICIAL_EXAMPLES = {
    "fashion_mnist": {"training": 60_000, "test": 10_000},
    "cifar10": {"training": 50_000, "test": 10_000},
    "cifar100": {"training": 50_000, "test": 10_000},
    "imagenet2012": {"training": 1_281_167, "test": 50_000},
}
"""How many images the official files hold; training before any are held out for validation."""

IN_FLIGHT = 64  # images of each thread that are asked for ahead


@dataclass(frozen=True)
class Report:
    """What a check found.

    Attributes:
        dataset: as it is stored.
        corrupt: images that cannot be decoded.
        choice: what is to be done with them, ``refuse`` or ``skip``.
        record: where that is written down, or None if images need no decoding.
    """

    dataset: Dataset
    corrupt: list[Corrupt]
    choice: str
    record: Path | None

    @property
    def is_usable(self) -> bool:
        """Whether the data set can be trained on."""
        return not self.corrupt or self.choice != REFUSE

    def examples(self) -> dict[str, int]:
        """Return how many examples each split has without the corrupt ones."""
        bad = [each.split for each in self.corrupt]
        return {
            name: split.examples - bad.count(name) for name, split in self.dataset.splits.items()
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
            "input_shape": list(self.dataset.input_shape),
            "differences": self.differences(),
            "corrupt": [vars(each) for each in self.corrupt],
            "choice": self.choice,
            "record": None if self.record is None else str(self.record),
            "usable": self.is_usable,
        }

    def sentence(self) -> str:
        """Return in one sentence what is there."""
        counts = ", ".join(f"{count:,} {name}" for name, count in self.examples().items())
        height, width, channels = self.dataset.input_shape
        text = (
            f"{self.dataset.name}: {counts} images of {len(self.dataset.class_names):,} classes "
            f"from {self.dataset.source}, fed as "
            f"{height}x{width}x{channels}"
        )
        if self.record is not None:
            text += (
                f"; {len(self.corrupt):,} corrupt images are left out"
                if self.corrupt
                else "; every image can be decoded"
            )
        return "; ".join([text, *self.differences()]) + "."

    def refusal(self) -> str:
        """Return in one sentence why it cannot be used, and what to do."""
        again = check_command(self.dataset)
        return (
            f"{count_corrupt(self.dataset, self.corrupt)} (all are listed in {self.record}): "
            "replace them and check again, or leave them "
            f"out with `{again} --corrupt skip`."
        )


def check_dataset(
    name: str,
    *,
    data_dir: str | Path | None = None,
    download: bool = False,
    choice: str = REFUSE,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Report:
    """Open a data set, decode all its encoded images with every core, and keep the result for later
    runs.

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
    corrupt, done = [], 0
    total = sum(split.examples for split in dataset.splits.values())
    for split_name, split in dataset.splits.items():
        for index, reason in enumerate(_reasons(split)):
            if reason is not None:
                corrupt.append(Corrupt(split_name, index, split.name(index), reason))
            done += 1
            if done % 1000 == 0 or done == total:
                progress(done, total)
    return Report(dataset, corrupt, choice, write_check(dataset, corrupt, choice))


def _reasons(split: Split) -> Iterator[str | None]:
    """Yield for each example of a split why it cannot be decoded, or None."""
    threads = os.cpu_count() or 1
    indices = iter(range(split.examples))
    with ThreadPoolExecutor(threads) as pool:
        while batch := list(islice(indices, threads * IN_FLIGHT)):
            yield from pool.map(lambda index: why_corrupt(split, index), batch)
