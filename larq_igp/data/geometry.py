"""What networks for a data set take and how many classes they have."""

from larq_igp.data.datasets import open_dataset

Geometry = tuple[tuple[int, int, int], int]
"""``(H, W, C)`` that a network gets if nothing else is asked for, and the number of classes."""

GEOMETRY: dict[str, Geometry] = {
    "digits": ((32, 32, 3), 10),
    "fashion_mnist": ((28, 28, 1), 10),
    "cifar10": ((32, 32, 3), 10),
    "cifar100": ((32, 32, 3), 100),
    "imagenet2012": ((224, 224, 3), 1000),
}
"""Of the data sets for which it is known without their files."""


def geometry_of(dataset: str, data_dir: str | None) -> Geometry:
    """Return the geometry of a data set; its files are needed only if it is not in ``GEOMETRY``.

    Raises:
        DatasetError: if they cannot be read.
    """
    if dataset in GEOMETRY:
        return GEOMETRY[dataset]
    loaded = open_dataset(dataset, data_dir=data_dir)
    return loaded.input_shape, len(loaded.class_names)
