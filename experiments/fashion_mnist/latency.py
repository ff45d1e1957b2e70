"""File size and latency of the residual networks of the main pair at 1, 2 and 32 bits.

At 1 bit a file is converted as usual. No engine here has kernels for 2 bits, so these networks
become float files, as those at 32 bits are. Weights are random: neither depends on them.
"""

import os
from collections.abc import Callable
from pathlib import Path

from benchmarks.latency_table3 import (
    LITERT,
    Row,
    in_turns,
    latency_columns,
    opened,
    origin_columns,
    write_rows,
)
from experiments.fashion_mnist.networks import CLASSES, IGP_RESNETS, INPUT_SHAPE, NETWORKS, STEM

LATENCIES = Path(__file__).parents[1] / "results" / "fashion_mnist_latency.csv"
MEASURED = ("bireal", *IGP_RESNETS)
"""Bi-Real, and every network that may become the other of the main pair."""
BITS = (1, 2, 32)
RUNTIME = "larq_igp_runtime"
ENGINES = {1: (RUNTIME, "lce_indirect"), 2: (LITERT,), 32: (LITERT,)}
RUNS = 1000
COLUMNS = (
    "network", "bits", "engine", "file_bytes", "latency_ms_median", "latency_ms_p10",
    "latency_ms_p90", "latency_ms_min", "runs", "rounds", "load_average", "cpu", "cores",
    "machine", "litert", "larq_compute_engine", "tensorflow", "larq_igp", "date",
)  # fmt: skip


def make_file(name: str, bits: int) -> bytes:
    """Build a network with random weights and convert it.

    Args:
        name: in ``NETWORKS``.
        bits: of weights and activations.
    """
    from larq_igp.deploy.convert import convert
    from larq_igp.keras2 import tf
    from larq_igp.models import build

    tf.keras.backend.clear_session()
    tf.keras.utils.set_random_seed(0)
    model = build(
        NETWORKS[name].spec, input_shape=INPUT_SHAPE, num_classes=CLASSES, bits=bits, stem=STEM
    )
    return convert(model, float_model=bits != 1)


def measure(runs: int = RUNS, make: Callable[[str, int], bytes] = make_file) -> list[Row]:
    """Time all files in turns in one process, with one thread each.

    Args:
        runs: of each file and engine.
        make: returns the file of a network at a width in bits.

    Returns:
        a row for each network, width in bits and engine.
    """
    kinds = [(name, bits, engine) for name in MEASURED for bits in BITS for engine in ENGINES[bits]]
    files = {(name, bits): make(name, bits) for name in MEASURED for bits in BITS}
    calls = [opened(files[name, bits], engine, threads=1) for name, bits, engine in kinds]
    load = os.getloadavg()[0]
    return [
        {"network": name, "bits": bits, "engine": engine, "file_bytes": len(files[name, bits])}
        | latency_columns(times)
        | origin_columns(load)
        for (name, bits, engine), times in zip(kinds, in_turns(calls, runs), strict=True)
    ]


def write(path: Path, runs: int = RUNS) -> None:
    """Measure, and write the CSV."""
    write_rows(path, measure(runs), COLUMNS)


def fastest(rows: list[Row], name: str, bits: int) -> Row | None:
    """Return the row of the engine that runs a network fastest, if it has been measured."""
    own = [row for row in rows if (row["network"], int(row["bits"])) == (name, bits)]
    return min(own, key=lambda row: float(row["latency_ms_median"]), default=None)
