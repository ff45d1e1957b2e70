"""Time the parts of a few of Table 3's networks at 224 px: where a binary network spends its time.

    python benchmarks/latency_parts.py

cuts each network off behind its stem, before and behind each float convolution between its stages,
and behind the last binary layer. All are converted with random weights and timed in turns in one
process, by this project's runtime with one thread; a part takes what two cuts differ by. Beside the
networks of the paper stand others that spend less: of full 32-channel words, and with a stem that
has no pooling.
"""

import argparse
import csv
import io
import platform
import statistics
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import larq_igp
from benchmarks.latency_table3 import SHAPE, in_turns
from larq_igp.architectures.accounting import closed_form
from larq_igp.architectures.zoo import get_spec, network_text
from larq_igp.deploy.benchmark import NS_PER_MS
from larq_igp.deploy.convert import convert
from larq_igp.deploy.engines import open_engine
from larq_igp.deploy.host import describe_host
from larq_igp.files import write_atomically
from larq_igp.keras2 import tf
from larq_igp.models import build

ENGINE = "larq_igp_runtime"
NETWORKS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("bireal_resnet18_64", {}),
    ("igp_resnet37_41", {}),
    ("igp_resnet37_41", {"filters": 32}),
    ("igp_resnet37_41", {"filters": 64}),
    ("igp_resnet37_41", {"filters": 64, "stem": "strided"}),
    ("binary_densenet51_32", {}),
    ("igp_densenet51_53", {}),
)
PARTS = ("stem", "float convolutions", "binary stages", "head")
COLUMNS = (
    "network", "part", "latency_ms", "share", "total_ms_median", "total_ms_p10", "total_ms_p90",
    "runs", "float_macs", "binary_macs", "cpu", "machine", "larq_igp", "date",
)  # fmt: skip


def entrance(convolution: "tf.keras.layers.Layer") -> Any:
    """Return the tensor that enters a float convolution, and the pooling, BatchNorm and activation
    before it.
    """
    layer = convolution
    before = (
        tf.keras.layers.MaxPooling2D,
        tf.keras.layers.AveragePooling2D,
        tf.keras.layers.BatchNormalization,
        tf.keras.layers.ReLU,
        tf.keras.layers.Activation,
    )
    while isinstance(source := layer.input._keras_history.layer, before):
        layer = source
    return layer.input


def exit_of(convolution: "tf.keras.layers.Layer") -> Any:
    """Return the tensor behind a float convolution and the BatchNorm that is folded into it."""
    follow = [node.outbound_layer for node in convolution.outbound_nodes]
    if len(follow) == 1 and isinstance(follow[0], tf.keras.layers.BatchNormalization):
        return follow[0].output
    return convolution.output


def cuts(model: "tf.keras.Model") -> Iterator[tuple[str, Any]]:
    """Yield the parts of a network in order, each with the tensor behind it."""
    floats = [each for each in model.layers if type(each) is tf.keras.layers.Conv2D]
    stem = [each for each in model.layers if each.name.startswith("stem_")]
    yield "stem", stem[-1].output
    for convolution in floats:
        if convolution not in stem:
            yield "binary stages", entrance(convolution)
            yield "float convolutions", exit_of(convolution)
    heads = [each for each in model.layers if each.name.startswith("head_")]
    yield "binary stages", heads[0].input
    yield "head", model.output


def measure(name: str, parameters: dict[str, Any], runs: int) -> list[dict[str, Any]]:
    """Time all cuts of a network in turns and return a row for each kind of part."""
    tf.keras.backend.clear_session()
    tf.keras.utils.set_random_seed(0)
    model = build(name, input_shape=SHAPE, **parameters)
    behind = list(cuts(model))
    calls = [
        open_engine(
            convert(tf.keras.Model(model.input, tensor)), engine=ENGINE, unknown_operators=True
        ).invoke
        for _, tensor in behind
    ]
    times = in_turns(calls, runs)
    medians = [statistics.median(each) / NS_PER_MS for each in times]
    spent = dict.fromkeys(PARTS, 0.0)
    for (part, _), until, before in zip(behind, medians, [0.0, *medians[:-1]], strict=True):
        spent[part] += until - before
    deciles = statistics.quantiles((ns / NS_PER_MS for ns in times[-1]), n=10)
    stem = parameters.get("stem", "auto")
    replaced = {field: value for field, value in parameters.items() if field != "stem"}
    counts = closed_form(get_spec(name, **replaced), stem=stem)
    host = describe_host()
    return [
        {
            "network": network_text(name, parameters),
            "part": part,
            "latency_ms": round(latency, 4),
            "share": round(latency / medians[-1], 3),
            "total_ms_median": round(medians[-1], 4),
            "total_ms_p10": round(deciles[0], 4),
            "total_ms_p90": round(deciles[-1], 4),
            "runs": runs,
            "float_macs": counts.float_macs,
            "binary_macs": counts.binary_macs,
            "cpu": host.cpu,
            "machine": host.machine,
            "larq_igp": larq_igp.__version__,
            "date": date.today().isoformat(),
        }
        for part, latency in spent.items()
    ]


def main(typed: list[str] | None = None) -> None:
    """Measure all networks and write the CSV."""
    default = Path(__file__).parent / "results" / f"latency_parts-{platform.machine()}.csv"
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=50, help="of each cut")
    parser.add_argument("--output", type=Path, default=default, help="the CSV")
    arguments = parser.parse_args(typed)
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for name, parameters in NETWORKS:
        found = measure(name, parameters, arguments.runs)
        writer.writerows(found)
        spent = ", ".join(f"{row['part']} {row['latency_ms']:.2f}" for row in found)
        total = found[0]["total_ms_median"]
        print(f"{found[0]['network']}: {total:.2f} ms; {spent}", file=sys.stderr, flush=True)
    write_atomically(arguments.output, text.getvalue().encode())


if __name__ == "__main__":
    main()
