"""Time a training step: ours against larq-zoo's, 1 bit against 32, padding with 1 against padding
with 0.

Everything is compared in one process, in turns, on one batch that lies in memory, with Adam. Wall
time is what a user waits; the seconds that the processor spent are less disturbed by what else the
machine does. Ratios are of medians, each to the first of its group.

    python benchmarks/training_step.py --repeats 20

writes ``benchmarks/results/training_step-<machine>-tf<version>.csv``.
"""

import argparse
import csv
import platform
import statistics
import sys
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np

from larq_igp.deploy.host import describe_host
from larq_igp.keras2 import tf
from larq_igp.training.recipe import Recipe
from larq_igp.training.run.network import build_network
from larq_igp.versions import installed_version

IMAGENET, SMALL = (112, 112, 3), (28, 28, 1)
COLUMNS = (
    "group",
    "variant",
    "input_shape",
    "batch",
    "repeats",
    "wall_ms_median",
    "wall_ms_min",
    "wall_ms_max",
    "cpu_ms_median",
    "cpu_ms_min",
    "wall_ratio",
    "cpu_ratio",
    "cpu",
    "cores",
    "larq",
    "tensorflow",
    "date",
)

Build = Callable[[], "tf.keras.Model"]


def ours(network: str, shape: tuple, classes: int, **fields) -> Build:
    """Return a builder of a recipe's network."""
    return lambda: build_network(Recipe(network=network, **fields), shape, classes)


def groups() -> dict[str, tuple[tuple, int, dict[str, Build]]]:
    """Return the comparisons: input shape, batch size, and builders by name."""
    big, tiny = "bireal_resnet18_64", "igp_resnet_tiny"
    return {
        "against larq-zoo": (
            IMAGENET,
            16,
            {
                "larq_zoo:BiRealNet": ours("larq_zoo:BiRealNet", IMAGENET, 1000),
                f"{big}, pads 0, its quantizers": ours(
                    big,
                    IMAGENET,
                    1000,
                    pad_values=0,
                    stem="imagenet",
                    input_quantizer="approx_sign",
                    kernel_quantizer="magnitude_aware_sign",
                ),
                f"{big}, pads 0": ours(big, IMAGENET, 1000, pad_values=0, stem="imagenet"),
                f"{big}, pads 1": ours(big, IMAGENET, 1000, pad_values=1, stem="imagenet"),
            },
        ),
        "1 bit against 32": (
            SMALL,
            64,
            {
                f"{tiny}, 32 bits": ours(tiny, SMALL, 10, bits=32),
                f"{tiny}, 1 bit, pads 0": ours(tiny, SMALL, 10, pad_values=0),
                f"{tiny}, 1 bit, pads 1": ours(tiny, SMALL, 10, pad_values=1),
                f"{tiny}, 1 bit, pads 1, again": ours(
                    tiny, SMALL, 10, pad_values=1
                ),  # how far equal things differ
            },
        ),
    }


def make_step(build: Build, shape: tuple, batch: int) -> Callable[[], object]:
    """Return a function that takes one step on a batch in memory."""
    model = build()
    generator = np.random.default_rng(0)
    images = tf.constant(generator.standard_normal((batch, *shape), np.float32))
    labels = tf.constant(generator.integers(0, model.output_shape[-1], batch))
    model.compile(tf.keras.optimizers.Adam(1e-3), tf.keras.losses.SparseCategoricalCrossentropy())
    step = model.make_train_function()
    batches = iter(tf.data.Dataset.from_tensors((images, labels)).repeat().prefetch(2))
    return lambda: float(step(batches)["loss"])


def compare(group: str, repeats: int) -> list[dict]:
    """Time the variants of a group, ``repeats`` times in turns, and return a row for each."""
    shape, batch, builders = groups()[group]
    steps = {}
    for name, build in builders.items():
        steps[name] = make_step(build, shape, batch)
        for _ in range(3):  # traces, then settles
            steps[name]()
    wall: dict[str, list[float]] = {name: [] for name in steps}
    cpu: dict[str, list[float]] = {name: [] for name in steps}
    for repeat in range(repeats):
        for name in list(steps) if repeat % 2 == 0 else list(reversed(steps)):
            start, spent = time.perf_counter(), time.process_time()
            steps[name]()
            wall[name].append(1000 * (time.perf_counter() - start))
            cpu[name].append(1000 * (time.process_time() - spent))
    first, host = next(iter(steps)), describe_host()
    rows = []
    for name in steps:
        medians = [statistics.median(values[name]) for values in (wall, cpu)]
        rows.append(
            {
                "group": group,
                "variant": name,
                "input_shape": "x".join(map(str, shape)),
                "batch": batch,
                "repeats": repeats,
                "wall_ms_median": round(medians[0], 1),
                "wall_ms_min": round(min(wall[name]), 1),
                "wall_ms_max": round(max(wall[name]), 1),
                "cpu_ms_median": round(medians[1], 1),
                "cpu_ms_min": round(min(cpu[name]), 1),
                "wall_ratio": round(medians[0] / statistics.median(wall[first]), 3),
                "cpu_ratio": round(medians[1] / statistics.median(cpu[first]), 3),
                "cpu": host.cpu,
                "cores": host.cores,
                "larq": installed_version("larq"),
                "tensorflow": tf.__version__,
                "date": date.today().isoformat(),
            }
        )
    return rows


def main() -> None:
    """Measure every group, print and write the rows."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument(
        "--group", choices=list(groups()), action="append", help="Only this one; again for more."
    )
    parser.add_argument("--output", type=Path, help="CSV to write.")
    arguments = parser.parse_args()
    rows = []
    for group in arguments.group or groups():
        for row in compare(group, arguments.repeats):
            rows.append(row)
            print(
                f"{group}: {row['variant']:50} wall {row['wall_ms_median']:8.1f} ms "
                f"({row['wall_ratio']:.3f}), "
                f"cpu {row['cpu_ms_median']:8.1f} ms ({row['cpu_ratio']:.3f}), from "
                f"{row['wall_ms_min']:.1f}",
                file=sys.stderr,
                flush=True,
            )
    name = f"training_step-{platform.machine()}-tf{tf.__version__}.csv"
    path = arguments.output or Path(__file__).parent / "results" / name
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
