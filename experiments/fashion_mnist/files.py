"""Converts the best network of each family and keeps the files in ``tflite_models/``."""

from pathlib import Path
from typing import Any

from experiments.fashion_mnist.networks import ABLATIONS, DATASET

FAMILIES = (
    "resnet", "bireal_resnet", "ebireal_resnet", "igp_resnet",
    "binary_densenet", "ebinary_densenet", "igp_densenet",
)  # fmt: skip


def best_runs(rows: list[dict[str, Any]]) -> dict[str, str]:
    """Return the run of each family that validation prefers: 1 bit, any epochs and learning rate.

    Args:
        rows: of the CSV. A family without a finished run is left out.
    """
    best = {}
    for family in FAMILIES:
        candidates = [
            row
            for row in rows
            if row["family"] == family and row["bits"] == "1" and row["network"] not in ABLATIONS
        ]
        if candidates:
            chosen = max(candidates, key=lambda row: float(row["validation_top1"]))
            best[family] = str(chosen["run"])
    return best


def write_files(rows: list[dict[str, Any]], runs: Path, folder: Path) -> list[Path]:
    """Convert the best run of each family, verify it, and measure it on all test images.

    Args:
        rows: of the CSV.
        runs: the folder of the run directories.
        folder: to write to: ``fashion_mnist_FAMILY.tflite``, each with its card.

    Raises:
        UserError: if a run is not there or cannot be converted.
    """
    from larq_igp.inference.conversion import export

    written = []
    for family, run in best_runs(rows).items():
        path = folder / f"{DATASET}_{family}.tflite"
        export(runs / run, path, measure=True)
        written.append(path)
    return written
