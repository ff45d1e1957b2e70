"""Time larq-igp's writer against plain ``larq_compute_engine.convert_keras_model``, and check that
the files are equal.

Both convert the same model in the same process, in turns. Equal means: the same operators, and the
same output, bit for bit. The largest memory is that of a process of its own for each converter,
which imports, builds the model and converts; beside it stands that before the conversion.

    python benchmarks/conversion.py --repeats 5

writes ``benchmarks/results/conversion-<machine>-lce<version>-tf<version>.csv`` and ends with an
error if a ratio of medians exceeds ``--limit``.
"""

import argparse
import csv
import platform
import re
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path

import numpy as np

import larq_igp
from larq_igp.deploy.convert import convert
from larq_igp.deploy.engines import open_engine
from larq_igp.deploy.flatbuffer import read_tflite
from larq_igp.deploy.host import describe_host
from larq_igp.keras2 import tf
from larq_igp.versions import installed_version

NETWORKS = ("bireal_resnet18_64", "igp_resnet37_41")
INPUT_SHAPE = (224, 224, 3)
LIMIT = 0.2
COLUMNS = (
    "network",
    "converter",
    "repeats",
    "seconds_median",
    "seconds_min",
    "seconds_max",
    "ratio_of_medians",
    "seconds_all",
    "peak_mb",
    "peak_mb_before",
    "operators",
    "file_bytes",
    "largest_difference",
    "cpu",
    "cores",
    "larq_compute_engine",
    "tensorflow",
    "date",
)


def timed(call: Callable[[], bytes]) -> tuple[float, bytes]:
    """Return the seconds that a call took, and its result."""
    start = time.perf_counter()
    result = call()
    return time.perf_counter() - start, result


def largest_difference(ours: bytes, plain: bytes) -> float:
    """Return how far the outputs for one random image are apart, in Larq Compute Engine.

    Raises:
        AssertionError: if the operators differ.
    """
    histograms = [read_tflite(content).histogram() for content in (ours, plain)]
    assert histograms[0] == histograms[1], f"operators differ: {histograms}"
    image = np.random.default_rng(0).standard_normal((1, *INPUT_SHAPE), np.float32)
    found, expected = (open_engine(each, engine="lce").predict(image) for each in (ours, plain))
    return float(np.max(np.abs(found - expected)))


def peak_megabytes(network: str, converter: str) -> tuple[float, float]:
    """Return the largest memory of a process before and after it converts a network, in 10^6 bytes.

    Raises:
        subprocess.CalledProcessError: if the process fails.
    """
    script = f"from conversion import measure_memory; measure_memory({network!r}, {converter!r})"
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=Path(__file__).parent,
        check=True,
        capture_output=True,
        text=True,
    )
    before, after = map(float, done.stdout.split()[-2:])
    return before, after


def measure_memory(network: str, converter: str) -> None:
    """Convert a network, and print the largest memory of this process before and after."""

    def peak() -> float:
        """Of this program: ``ru_maxrss`` of a process begins with that of the one it was forked
        from.
        """
        status = Path("/proc/self/status").read_text()
        (kilobytes,) = re.findall(r"VmHWM:\s+(\d+) kB", status)
        return int(kilobytes) * 1024 / 1e6

    model = larq_igp.build(network, input_shape=INPUT_SHAPE)
    before = peak()
    converters()[converter](model)
    print(f"{before:.0f} {peak():.0f}")


def converters() -> dict[str, Callable]:
    """Return both converters by name."""
    import larq_compute_engine as lce

    return {
        "larq_igp": partial(convert, converter="own"),
        "larq_compute_engine": lce.convert_keras_model,
    }


def spread_statistics(model: "tf.keras.Model") -> None:
    """Give BatchNorm random statistics; else random weights answer the same to all images."""
    generator = np.random.default_rng(0)
    for layer in model.layers:
        if isinstance(layer, tf.keras.layers.BatchNormalization):
            weights = layer.get_weights()
            layer.set_weights(
                [values + generator.uniform(0, 0.3, values.shape) for values in weights]
            )


def compare(network: str, repeats: int) -> list[dict]:
    """Convert one network with both, ``repeats`` times in turns, and return a row for each
    converter.
    """
    model = larq_igp.build(network, input_shape=INPUT_SHAPE)
    spread_statistics(model)
    calls = converters()
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for repeat in range(repeats):
        order = list(calls) if repeat % 2 == 0 else list(reversed(calls))
        files = {}
        for name in order:
            elapsed, files[name] = timed(partial(calls[name], model))
            seconds[name].append(elapsed)
            print(
                f"{network} {name} {repeat + 1}/{repeats}: {elapsed:.2f} s",
                file=sys.stderr,
                flush=True,
            )
        difference = largest_difference(files["larq_igp"], files["larq_compute_engine"])
    ratio = statistics.median(seconds["larq_igp"]) / statistics.median(
        seconds["larq_compute_engine"]
    )
    return [row(network, name, seconds[name], ratio, files[name], difference) for name in calls]


def row(
    network: str,
    converter: str,
    seconds: list[float],
    ratio: float,
    content: bytes,
    difference: float,
) -> dict:
    """Return what the CSV says of one converter and network."""
    host = describe_host()
    before, peak = peak_megabytes(network, converter)
    return {
        "network": network,
        "converter": converter,
        "repeats": len(seconds),
        "seconds_median": round(statistics.median(seconds), 3),
        "seconds_min": round(min(seconds), 3),
        "seconds_max": round(max(seconds), 3),
        "ratio_of_medians": round(ratio, 4),
        "seconds_all": " ".join(f"{value:.3f}" for value in seconds),
        "peak_mb": peak,
        "peak_mb_before": before,
        "operators": sum(read_tflite(content).histogram().values()),
        "file_bytes": len(content),
        "largest_difference": difference,
        "cpu": host.cpu,
        "cores": host.cores,
        "larq_compute_engine": installed_version("larq-compute-engine"),
        "tensorflow": tf.__version__,
        "date": date.today().isoformat(),
    }


def default_output() -> Path:
    """Return where the results go:

    the name says what was measured, on what, with which versions.
    """
    versions = f"lce{installed_version('larq-compute-engine')}-tf{tf.__version__}"
    return Path(__file__).parent / "results" / f"conversion-{platform.machine()}-{versions}.csv"


def main() -> None:
    """Compare all networks, write the CSV, print it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--networks", nargs="+", default=NETWORKS)
    parser.add_argument(
        "--limit", type=float, default=LIMIT, help="largest ratio of medians, ours to plain"
    )
    parser.add_argument("-o", "--output", type=Path, default=None)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")  # of the converter compared with
    rows = [each for network in arguments.networks for each in compare(network, arguments.repeats)]
    path = arguments.output or default_output()
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    for each in rows:
        print(
            f"{each['network']:20} {each['converter']:20} median {each['seconds_median']:7.2f} s "
            f"({each['seconds_min']:.2f} to {each['seconds_max']:.2f}, n={each['repeats']}), "
            f"ratio {each['ratio_of_medians']:.3f}, {each['peak_mb']:.0f} MB, "
            f"{each['operators']} operators, difference {each['largest_difference']:g}"
        )
    too_slow = sorted(
        {each["network"] for each in rows if each["ratio_of_medians"] > arguments.limit}
    )
    if too_slow:
        sys.exit(f"slower than {arguments.limit} of plain conversion: {', '.join(too_slow)}")


if __name__ == "__main__":
    main()
