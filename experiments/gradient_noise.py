"""Does gradient noise grow with the operations on gradient paths? Three networks, several seeds,
before and after training.

    python experiments/gradient_noise.py --seeds 5 -o experiments/results/gradient_noise

writes ``.csv`` (a row for each binary layer) and ``.png``, and prints two things: within each
network, the rank correlation of the signal-to-noise ratio with what its paths predict; between the
networks, the median ratio of their layers.
"""

import argparse
import statistics
import tempfile
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

import larq_igp
from larq_igp.analysis.gradients import correlate, measure_gradients
from larq_igp.architectures import ZOO
from larq_igp.data import load_dataset, train_arrays
from larq_igp.files import write_atomically
from larq_igp.report.palette import look_of
from larq_igp.report.static import save
from larq_igp.report.style import COLUMN, SMALL, new_figure, scale_by_logarithm, styled
from larq_igp.training.fit.tables import csv_bytes
from larq_igp.training.fit.train import train
from larq_igp.training.recipe import Recipe
from larq_igp.training.run.directory import open_run

NETWORKS = {
    "resnet18_8": ("resnet18_64", {"filters": 8}),
    "bireal_resnet18_8": ("bireal_resnet18_64", {"filters": 8}),
    "igp_resnet21_7": ("igp_resnet21_53", {"filters": 7}),
}
"""Narrow relatives of the paper's networks:

7 is to 8 as 53 is to 64, so that storage is about the same.
"""
STATES = ("initial", "trained")
PREDICTORS = ("N_2nd", "N_3rd", "mean_length")
BATCHES, BATCH_SIZE = 16, 64


def measured(network: str, seed: int, epochs: int, folder: Path) -> list[dict]:
    """Train a network and measure its layers at its first and at its last weights:

    a row for each layer and state.
    """
    name, parameters = NETWORKS[network]
    run_dir = folder / f"{network}-{seed}"
    train(
        Recipe(network=name, parameters=parameters, dataset="digits", epochs=epochs, seed=seed),
        run_dir,
        verbose=0,
    )
    run = open_run(run_dir)
    digits = load_dataset("digits")
    batches = list(
        train_arrays(digits, run.preprocessing, batch_size=BATCH_SIZE, seed=seed, batches=BATCHES)
    )
    larq_igp.keras2.tf.keras.utils.set_random_seed(seed)
    rows = []
    for state, model in zip(STATES, (run.build_model(), run.load_model("last")), strict=True):
        report = measure_gradients(model, batches)
        rho = {
            f"rho_{c.predictor}": c.rho
            for c in correlate(report.layers)
            if c.measured == "signal_to_noise"
        }
        for layer in report.layers:
            costs = dict(zip(("N_1st", "N_2nd", "N_3rd"), layer.costs, strict=False))
            row = {"network": network, "seed": seed, "state": state, "layer": layer.layer}
            rows.append(
                row
                | {"signal_to_noise": layer.signal_to_noise, "mean_length": layer.mean_length}
                | {name: costs.get(name) for name in ("N_1st", "N_2nd", "N_3rd")}
                | {f"rho_{name}": rho[f"rho_{name}"] for name in PREDICTORS}
            )
    return rows


def spread(values: list[float]) -> str:
    """Return median and range."""
    return f"{statistics.median(values):+.2f} ({min(values):+.2f} to {max(values):+.2f})"


def summary(rows: list[dict]) -> str:
    """Return what came out, in Markdown."""
    header = ["network", "state", "median SNR", *[f"rho with {name}" for name in PREDICTORS]]
    lines = ["| " + " | ".join(header) + " |", "| --- | --- |" + " ---: |" * (len(header) - 2)]
    for network in NETWORKS:
        for state in STATES:
            mine = [row for row in rows if (row["network"], row["state"]) == (network, state)]
            seeds = sorted({row["seed"] for row in mine})
            snr = [
                statistics.median(row["signal_to_noise"] for row in mine if row["seed"] == seed)
                for seed in seeds
            ]
            cells = [
                network,
                state,
                f"{statistics.median(snr):.3f} ({min(snr):.3f} to {max(snr):.3f})",
            ]
            for name in PREDICTORS:
                rho = [
                    next(row[f"rho_{name}"] for row in mine if row["seed"] == seed)
                    for seed in seeds
                ]
                cells.append("constant" if None in rho else spread(rho))
            lines.append("| " + " | ".join(cells) + " |")
    for state in STATES:
        told = []
        for name in PREDICTORS:
            pairs = [
                (row[name], row["signal_to_noise"])
                for row in rows
                if row["state"] == state and row[name] is not None
            ]
            told.append(f"{name} {spearmanr(*zip(*pairs, strict=True)).statistic:+.2f}")
        lines.append(
            f"\nAll layers of all networks and seeds together, {state}: rho with {', '.join(told)}."
        )
    return "\n".join(lines)


def figure(rows: list[dict]):
    """Draw the signal-to-noise ratio against the mean length of a layer's paths, one colour a
    network.
    """
    drawn, axes = new_figure(len(STATES), width=COLUMN, height=2.6)
    for ax, state in zip(axes, STATES, strict=True):
        for network, (base, _) in NETWORKS.items():
            mine = [row for row in rows if (row["network"], row["state"]) == (network, state)]
            xs, ys = ([row[key] for row in mine] for key in ("mean_length", "signal_to_noise"))
            look = look_of(ZOO[base].family)
            ax.scatter(
                xs, np.maximum(ys, 1e-3), s=10, alpha=0.6, label=network, color=look.colour,
                marker=look.marker,
            )  # fmt: skip
        scale_by_logarithm(ax.yaxis)
        ax.set_title(f"{state} weights", fontsize=SMALL)
        ax.set_xlabel("mean length of the paths to the loss")
    axes[0].set_ylabel("signal-to-noise ratio")
    axes[0].legend()
    return drawn


def main() -> None:
    """Run the experiment."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=5, help="how many, from 0")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("-o", "--output", type=Path, required=True, help="without suffix")
    arguments = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for network in NETWORKS:
            for seed in range(arguments.seeds):
                rows += measured(network, seed, arguments.epochs, Path(folder))
                print(f"{network}, seed {seed}: measured", flush=True)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(f"{arguments.output}.csv", csv_bytes(rows, list(rows[0])))
    with styled("gradient_noise"):
        save(figure(rows), f"{arguments.output}.png")
    print(summary(rows))


if __name__ == "__main__":
    main()
