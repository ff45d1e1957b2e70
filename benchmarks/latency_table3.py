"""Time all networks of the paper's Table 3 at 224 px, and what a user would pick instead.

    python benchmarks/latency_table3.py

measures at batch 1 on this host:

- each of the eleven networks at 1 bit: this project's runtime, Larq Compute Engine's interpreter
  with its default kernels, and with its best for a host (indirect kernels, XNNPACK);
- each of them at 32 bits and quantized to int8, in stock LiteRT with XNNPACK;
- Keras' MobileNetV2 (1.0 and 0.35) and MobileNetV3-Small, likewise in float and int8;
- all of this with one thread and with two.

**Weights are random**: time does not depend on them, and nothing here is an accuracy. Errors are
those that the paper, TensorFlow's models and TensorFlow Lite publish, each with its source.

All that is measured of one network takes turns in one process. Its rows are added to the CSV
together, so the program continues where it was stopped. ``load_average`` says how busy the machine
was before: above some 0.2 for each core, measure again.
"""

import argparse
import csv
import io
import os
import platform
import statistics
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from larq_igp.architectures import get_spec
from larq_igp.architectures.accounting import closed_form
from larq_igp.deploy.benchmark import NS_PER_MS, percentile, time_calls
from larq_igp.deploy.convert import convert
from larq_igp.deploy.engines import open_engine
from larq_igp.deploy.host import describe_host
from larq_igp.files import write_atomically
from larq_igp.keras2 import tf
from larq_igp.models import build
from larq_igp.paper.table3 import TABLE3
from larq_igp.versions import installed_version

SHAPE, CLASSES = (224, 224, 3), 1000
BINARY_ENGINES = ("larq_igp_runtime", "lce", "lce_indirect")
LITERT = "litert"
THREADS = (1, 2)
FORMS = ("binary", "float", "int8")
ROUNDS, WARMUP = 5, 3
CALIBRATION_IMAGES = 4
PAPER = "the paper, Table 3"
SLIM = "tensorflow/models, research/slim/nets/mobilenet/README.md"
HOSTED = "tensorflow/tensorflow, tensorflow/lite/g3doc/guide/hosted_models.md"
COLUMNS = (
    "network", "form", "engine", "threads", "latency_ms_median", "latency_ms_p10",
    "latency_ms_p90", "latency_ms_min", "runs", "rounds", "file_bytes", "storage_bits", "flops",
    "float_macs", "binary_macs", "top1_error", "top5_error", "error_source", "load_average", "cpu",
    "cores", "machine", "litert", "larq_compute_engine", "tensorflow", "larq_igp", "date",
)  # fmt: skip

Row = dict[str, Any]


@dataclass(frozen=True)
class MobileNet:
    """One of Keras' networks and what is published about it.

    Attributes:
        build: returns it with random weights.
        macs: multiply-adds (``SLIM``).
        errors: top-1 and top-5 error in per cent and their source, by form; None is not published.
    """

    build: Callable[[], "tf.keras.Model"]
    macs: int
    errors: dict[str, tuple[str, str, str]]


def _mobilenet_v2(alpha: float) -> Callable[[], "tf.keras.Model"]:
    return lambda: tf.keras.applications.MobileNetV2(SHAPE, alpha=alpha, weights=None)


MOBILENETS = {
    "mobilenet_v2_1.0": MobileNet(
        _mobilenet_v2(1.0),
        300_000_000,
        {"float": ("28.2", "9.0", SLIM), "int8": ("29.2", "10.1", HOSTED)},
    ),
    "mobilenet_v2_0.35": MobileNet(
        _mobilenet_v2(0.35), 59_000_000, {"float": ("39.7", "17.1", SLIM)}
    ),
    "mobilenet_v3_small": MobileNet(
        lambda: tf.keras.applications.MobileNetV3Small(SHAPE, weights=None),
        66_000_000,
        {"float": ("32.5", "", SLIM), "int8": ("35.1", "", SLIM)},
    ),
}


def to_int8(model: "tf.keras.Model") -> bytes:
    """Quantize a network to int8, inputs and outputs too, by TensorFlow Lite's converter.

    The ranges of activations come from random images, as the weights are random too.
    """
    generator = np.random.default_rng(0)

    def images() -> Iterator[list[np.ndarray]]:
        for _ in range(CALIBRATION_IMAGES):
            yield [generator.uniform(-1, 1, (1, *SHAPE)).astype(np.float32)]

    signature = tf.TensorSpec((1, *SHAPE), tf.float32)
    function = tf.function(lambda x: model(x, training=False)).get_concrete_function(signature)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function], model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = images
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    return converter.convert()


def make_file(network: str, form: str) -> bytes:
    """Build a network with random weights and convert it."""
    tf.keras.backend.clear_session()
    tf.keras.utils.set_random_seed(0)
    bits = 1 if form == "binary" else 32
    is_keras = network in MOBILENETS
    model = MOBILENETS[network].build() if is_keras else build(network, bits=bits)
    return to_int8(model) if form == "int8" else convert(model)


def forms_of(network: str) -> tuple[str, ...]:
    """Return the forms in which a network is measured."""
    return FORMS[1:] if network in MOBILENETS else FORMS


def open_litert(content: bytes, threads: int) -> Callable[[], object]:
    """Return a call that runs a file once in stock LiteRT; XNNPACK is its default."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=content, num_threads=threads)
    interpreter.allocate_tensors()
    (entry,) = interpreter.get_input_details()
    interpreter.set_tensor(entry["index"], np.zeros(entry["shape"], entry["dtype"]))
    return interpreter.invoke


def opened(content: bytes, engine: str, threads: int) -> Callable[[], object]:
    """Return a call that runs a file once."""
    if engine == LITERT:
        return open_litert(content, threads)
    return open_engine(content, threads=threads, engine=engine).invoke


def published(network: str, form: str) -> tuple[str, str, str]:
    """Return top-1 and top-5 error in per cent and their source; empty if none is published."""
    if network in MOBILENETS:
        return MOBILENETS[network].errors.get(form, ("", "", ""))
    row = TABLE3[network]
    return (row.top1_error, row.top5_error, PAPER) if form == "binary" else ("", "", "")


def costs(network: str, form: str) -> Row:
    """Return storage and operations; of the float and int8 forms, multiply-adds are FLOPs."""
    if network in MOBILENETS:
        macs = MOBILENETS[network].macs
        return {"storage_bits": "", "flops": macs, "float_macs": macs, "binary_macs": 0}
    counts = closed_form(get_spec(network), bits=1 if form == "binary" else 32)
    storage = counts.storage_bits // 4 if form == "int8" else counts.storage_bits
    return {
        "storage_bits": storage,
        "flops": counts.flops,
        "float_macs": counts.float_macs,
        "binary_macs": counts.binary_macs,
    }


def in_turns(calls: Sequence[Callable[[], object]], runs: int) -> list[list[int]]:
    """Return the nanoseconds of at least ``runs`` calls of each, in turns of ``ROUNDS`` rounds."""
    times: list[list[int]] = [[] for _ in calls]
    for turn in range(ROUNDS):
        order = list(zip(times, calls, strict=True))
        for mine, call in order if turn % 2 == 0 else reversed(order):
            mine += time_calls(call, runs=-(-runs // ROUNDS), warmup=WARMUP)
    return times


def latency_columns(times: list[int]) -> Row:
    """Return what a row says of the nanoseconds of some calls."""
    latency = {
        "median": statistics.median(times),
        "p10": percentile(times, 10),
        "p90": percentile(times, 90),
        "min": min(times),
    }
    return {f"latency_ms_{name}": round(ns / NS_PER_MS, 4) for name, ns in latency.items()} | {
        "runs": len(times),
        "rounds": ROUNDS,
    }


def origin_columns(load: float) -> Row:
    """Return what a row says of the host, the versions and the day.

    Args:
        load: the host's load average before the measurement.
    """
    host = describe_host()
    return {
        "load_average": round(load, 2),
        "cpu": host.cpu,
        "cores": host.cores,
        "machine": host.machine,
        "litert": installed_version("ai-edge-litert"),
        "larq_compute_engine": installed_version("larq-compute-engine"),
        "tensorflow": installed_version("tensorflow"),
        "larq_igp": installed_version("larq-igp"),
        "date": date.today().isoformat(),
    }


def measure(network: str, files: dict[str, bytes], runs: int) -> list[Row]:
    """Time every form of a network in its engines and return a row for each."""
    load = os.getloadavg()[0]
    kinds = [
        (form, engine, threads)
        for form in files
        for engine in (BINARY_ENGINES if form == "binary" else (LITERT,))
        for threads in THREADS
    ]
    calls = [opened(files[form], engine, threads) for form, engine, threads in kinds]
    rows = []
    for (form, engine, threads), times in zip(kinds, in_turns(calls, runs), strict=True):
        errors = published(network, form)
        rows.append(
            {"network": network, "form": form, "engine": engine, "threads": threads}
            | latency_columns(times)
            | {"file_bytes": len(files[form])}
            | costs(network, form)
            | dict(zip(("top1_error", "top5_error", "error_source"), errors, strict=True))
            | origin_columns(load)
        )
    return rows


def read_rows(path: Path) -> list[Row]:
    """Return the rows that are there already."""
    if not path.is_file():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def write_rows(path: Path, rows: list[Row], columns: Sequence[str] = COLUMNS) -> None:
    """Write all rows, or none."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_atomically(path, text.getvalue().encode())


def files_of(network: str, folder: Path) -> dict[str, bytes]:
    """Return the files of a network by form; what is not in the folder is converted first."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {}
    for form in forms_of(network):
        path = folder / f"{network}-{form}.tflite"
        if not path.is_file():
            print(f"{network}, {form}: converting", file=sys.stderr, flush=True)
            write_atomically(path, make_file(network, form))
        files[form] = path.read_bytes()
    return files


def main(typed: list[str] | None = None) -> None:
    """Measure what has no rows yet."""
    default = Path(__file__).parent / "results" / f"latency_table3-{platform.machine()}.csv"
    networks = (*TABLE3, *MOBILENETS)
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=50, help="of each file, engine and threads")
    parser.add_argument("--network", choices=networks, action="append", help="only this one")
    parser.add_argument("--files", type=Path, default=Path("build/latency_table3"))
    parser.add_argument("--output", type=Path, default=default, help="the CSV")
    arguments = parser.parse_args(typed)
    for network in arguments.network or networks:
        rows = read_rows(arguments.output)
        if any(row["network"] == network for row in rows):
            continue
        found = measure(network, files_of(network, arguments.files), arguments.runs)
        write_rows(arguments.output, [*rows, *found])
        for row in found:
            print(
                f"{network:24} {row['form']:7} {row['engine']:17} {row['threads']} "
                f"{row['latency_ms_median']:9.3f} ms ({row['latency_ms_p10']:.3f} to "
                f"{row['latency_ms_p90']:.3f})",
                flush=True,
            )


if __name__ == "__main__":
    main()
