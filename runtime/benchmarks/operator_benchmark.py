"""Times single operators and short chains in all their types, for builds of the engine.

    python operator_benchmark.py --library before=a.so --library after=b.so --output
    results/operators.csv

Every model runs once in each build in turns, so what else the machine does falls on all alike.
"""

import argparse
import csv
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from model_benchmark import cpu_name

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from binary_conv import Case, Conv
from tflite_file import Graph

COLUMNS = ("model", "library", "n", "ms_median", "ms_min", "times_float", "cpu")
BYTES = dict(scale=0.75, zero_point=-3)


def quantisation(dtype: str) -> dict:
    """Of a tensor, if its type needs one."""
    return BYTES if dtype == "int8" else {}


def convolutions() -> Iterator[tuple[str, str, bytes]]:
    """(name, what it is compared with, file): LceBconv2d of every output and padding."""
    for pad_values, activation in ((1, 0), (0, 0), (0, 1)):
        padding = "" if pad_values else ", zero padding, RELU" if activation else ", zero padding"
        for output in ("float32", "packed", "int8"):
            conv = Conv(
                (56, 56), 64, 64, pad_values=pad_values, activation=activation, output=output
            )
            if not (output == "packed" and activation):
                yield (
                    f"LceBconv2d 56x56x64 {output}{padding}",
                    "LceBconv2d 56x56x64 float32",
                    Case(conv).file(),
                )


def signs() -> Iterator[tuple[str, str, bytes]]:
    """LceQuantize and LceDequantize of every type."""
    shape, words = (1, 56, 56, 64), (1, 56, 56, 2)
    for dtype in ("float32", "int8", "bool"):
        graph = Graph()
        x = graph.input(shape, dtype, **quantisation(dtype))
        file = graph.file([graph.node("LceQuantize", [x], graph.tensor(words, "int32"))])
        yield f"LceQuantize 56x56x64 {dtype}", "LceQuantize 56x56x64 float32", file
        graph = Graph()
        x, y = graph.input(words, "int32"), graph.tensor(shape, dtype, **quantisation(dtype))
        file = graph.file([graph.node("LceDequantize", [x], y)])
        yield f"LceDequantize 56x56x64 {dtype}", "LceDequantize 56x56x64 float32", file


def chains() -> Iterator[tuple[str, str, bytes]]:
    """Three residual blocks: plain, int8, with BatchNorm before the sign, and ReActNet's."""
    base = "3 residual blocks 28x28x128 float32"
    rng = np.random.default_rng(0)
    for kind in ("float32", "int8", "batchnorm", "reactnet"):
        dtype = "int8" if kind == "int8" else "float32"
        graph, shape = Graph(), (1, 28, 28, 128)
        constant = lambda g=graph: g.constant(rng.normal(size=128).astype(np.float32))  # noqa: E731
        x = graph.input(shape, dtype, **quantisation(dtype))
        for block in range(3):
            y = x
            if kind == "batchnorm":
                y = graph.mul(x, constant())
            if kind in ("batchnorm", "reactnet"):
                y = graph.add(y, constant())
            bits = graph.node("LceQuantize", [y], graph.tensor((*shape[:3], 4), "int32"))
            conv = Conv(shape[1:3], 128, 128, output=dtype, seed=block)
            y = Case(conv).append_to(graph, bits)
            x = graph.node("ADD", [y, x], graph.tensor(shape, dtype, **quantisation(dtype)))
            if kind == "reactnet":
                x = graph.node("PRELU", [graph.add(x, constant()), constant()], graph.tensor(shape))
                x = graph.add(x, constant())
        yield f"3 residual blocks 28x28x128 {kind}", base, graph.file([x])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--library", action="append", metavar="NAME=PATH", help="a build of the engine"
    )
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--output", type=Path, help="CSV file to write (default: standard output)")
    args = parser.parse_args()
    from ai_edge_litert.interpreter import Interpreter, load_delegate

    if args.library:
        libraries = dict(entry.split("=", 1) for entry in args.library)
    else:
        import larq_igp_runtime

        libraries = {"larq-igp-runtime": larq_igp_runtime.delegate_path()}
    runs, bases = {}, {}
    for name, base, content in (*convolutions(), *signs(), *chains()):
        bases[name] = base
        for library, path in libraries.items():
            model = Interpreter(model_content=content, experimental_delegates=[load_delegate(path)])
            model.allocate_tensors()
            details = model.get_input_details()[0]
            x = np.random.default_rng(0).normal(size=details["shape"]) * 50
            model.set_tensor(details["index"], x.astype(details["dtype"]))
            runs[name, library] = (model, [])
    for _ in range(args.rounds):
        for model, times in runs.values():
            for _ in range(3):
                begin = time.perf_counter()
                model.invoke()
                times.append((time.perf_counter() - begin) * 1e3)
    with open(args.output, "w", newline="") if args.output else sys.stdout as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        for (name, library), (_, times) in runs.items():
            ratio = min(times) / min(runs[bases[name], library][1])
            row = dict(model=name, library=library, n=len(times), times_float=f"{ratio:.2f}")
            row |= dict(ms_median=f"{statistics.median(times):.4f}", ms_min=f"{min(times):.4f}")
            writer.writerow(row | dict(cpu=cpu_name()))


if __name__ == "__main__":
    main()
