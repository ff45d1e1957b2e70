"""Run directories whose networks are not trained, but are there."""

from pathlib import Path

import numpy as np
import pytest

from larq_igp.data import load_dataset
from larq_igp.files import write_json
from larq_igp.training.recipe import Recipe
from larq_igp.training.run.directory import describe_run, write_config
from larq_igp.training.run.layout import weights_path

METRICS = {
    "top1": 0.25,
    "top5": 0.5,
    "loss": 2.0,
    "examples": 360,
    "split": "test",
    "epoch": 1,
    "validation_top1": 0.25,
}


def write_run(folder: Path, **fields) -> Path:
    """Write a run of the digits with the random weights of its seed, as if it had been trained."""
    dataset = load_dataset("digits")
    folder.mkdir()
    run = describe_run(folder, Recipe(**fields).resolved(dataset.input_shape), dataset)
    write_config(run)
    run.build_model().save_weights(str(weights_path(folder, "best")))
    write_json(folder / "metrics.json", METRICS)
    return folder


@pytest.fixture(scope="session")
def zoo_run(tmp_path_factory) -> Path:
    """A run of a model of larq-zoo."""
    folder = tmp_path_factory.mktemp("zoo") / "run"
    return write_run(folder, network="larq_zoo:BiRealNet", input_shape=(64, 64, 3))


@pytest.fixture(scope="session")
def quantizer_run(tmp_path_factory) -> Path:
    """A run whose recipe names quantizers, and pads with 1 as is usual at 1 bit."""
    return write_run(
        tmp_path_factory.mktemp("quantizers") / "run",
        network="igp_resnet_tiny",
        parameters={"filters": 4, "blocks": (1, 1)},
        input_shape=(28, 28, 1),
        input_quantizer="approx_sign",
        kernel_quantizer="magnitude_aware_sign",
    )


@pytest.fixture()
def cifar10_folder(tmp_path) -> Path:
    """Random images in the binary archive of CIFAR-10."""
    folder = tmp_path / "cifar10"
    folder.mkdir()
    records = np.random.default_rng(0).integers(0, 256, (6, 4, 3073), dtype=np.uint8)
    records[..., 0] %= 10
    names = [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]
    for name, rows in zip(names, records, strict=True):
        rows.tofile(folder / f"{name}.bin")
    return folder
