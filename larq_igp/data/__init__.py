"""Images and labels by name of the data set, and how an image becomes a network's input."""

from larq_igp.data.arrays import from_arrays
from larq_igp.data.corrupt import corrupt_images_named
from larq_igp.data.dataset import Dataset, DatasetError, Split
from larq_igp.data.datasets import DATASETS, load_dataset, register_dataset
from larq_igp.data.identity import Identity, require_same_data
from larq_igp.data.pipeline import (
    eval_arrays,
    eval_batches,
    steps_per_epoch,
    train_arrays,
    train_batches,
    train_indices,
)
from larq_igp.data.preprocess import Preprocessing

__all__ = [
    "DATASETS",
    "Dataset",
    "DatasetError",
    "Identity",
    "Preprocessing",
    "Split",
    "corrupt_images_named",
    "eval_arrays",
    "eval_batches",
    "from_arrays",
    "load_dataset",
    "register_dataset",
    "require_same_data",
    "steps_per_epoch",
    "train_arrays",
    "train_batches",
    "train_indices",
]
