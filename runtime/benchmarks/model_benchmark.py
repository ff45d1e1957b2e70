"""Times whole models in this engine, in LCE and in stock LiteRT, side by side in one run.

Every configuration is a process of its own that waits for its turn. In each round every
configuration runs once untimed and then a few times timed; so whatever else the machine does falls
on all of them alike. Give `--lce-python` an interpreter in which `larq_compute_engine` can be
imported, if it is not this one.

    python model_benchmark.py --models DIR --output results/x86_64.csv

DIR holds bireal18_64, igp37_41, igpdense51_53 (converted by LCE) and the twins of Bi-Real without
quantizers, resnet18_64_float and resnet18_64_int8, each `.tflite`. Missing files are left out and
named.
"""

import argparse
import csv
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

BINARY = ("bireal18_64", "igp37_41", "igpdense51_53")
TWINS = ("resnet18_64_float", "resnet18_64_int8")
COLUMNS = (
    "model",
    "configuration",
    "isa",
    "threads",
    "n",
    "ms_median",
    "ms_p10",
    "ms_p90",
    "ms_min",
    "times_bireal",
    "cpu",
)


def configurations(args: argparse.Namespace) -> list[dict[str, str]]:
    """One row per model and way to run it."""
    rows = []
    for model in BINARY:
        for isa in args.isas:
            for threads in args.threads:
                rows.append(
                    dict(model=model, configuration="larq-igp-runtime", isa=isa, threads=threads)
                )
        rows.append(
            dict(
                model=model, configuration="larq-igp-runtime fuse=0", isa=args.isas[0], threads="1"
            )
        )
        rows.append(dict(model=model, configuration="LCE default", isa="", threads="1"))
        rows.append(dict(model=model, configuration="LCE best", isa="", threads="1"))
    rows += [
        dict(model=model, configuration="LiteRT XNNPACK", isa="", threads="1") for model in TWINS
    ]
    if args.only:
        rows = [row for row in rows if args.only in row["configuration"]]
    missing = {
        row["model"] for row in rows if not (args.models / f"{row['model']}.tflite").exists()
    }
    for model in sorted(missing):
        print(f"left out, no such file: {args.models / model}.tflite", file=sys.stderr)
    return [row for row in rows if row["model"] not in missing]


def start(row: dict[str, str], args: argparse.Namespace) -> subprocess.Popen:
    """A process that has loaded its model and waits for turns."""
    python = args.lce_python if row["configuration"].startswith("LCE") else sys.executable
    environment = dict(
        os.environ,
        LARQ_IGP_RUNTIME_ISA=row["isa"],
        TF_CPP_MIN_LOG_LEVEL="3",
        TF_USE_LEGACY_KERAS="1",
    )
    command = [
        python,
        __file__,
        "--serve",
        row["configuration"],
        str(args.models / f"{row['model']}.tflite"),
    ]
    command += [row["threads"], str(args.library or "")]
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment,
    )


def invoker(configuration: str, file: str, threads: int, library: str):
    """A function without arguments that runs the model once."""
    import numpy as np

    if configuration.startswith("LCE"):
        from larq_compute_engine.tflite.python.interpreter import Interpreter

        best = configuration == "LCE best"
        lce = Interpreter(
            Path(file).read_bytes(), threads, use_indirect_bgemm=best, use_xnnpack=best
        )
        x = np.random.default_rng(0).normal(size=(1, *lce.input_shapes[0][1:])).astype(np.float32)
        return lambda: lce.predict(x)

    from ai_edge_litert.interpreter import Interpreter, load_delegate

    delegates = []
    if configuration.startswith("larq-igp-runtime"):
        if not library:
            import larq_igp_runtime

            library = larq_igp_runtime.delegate_path()
        delegates = [load_delegate(library, {"fuse": "0"} if "fuse=0" in configuration else {})]
    litert = Interpreter(file, experimental_delegates=delegates, num_threads=threads)
    litert.allocate_tensors()
    details = litert.get_input_details()[0]
    x = np.random.default_rng(0).normal(size=details["shape"])
    litert.set_tensor(
        details["index"], (x * 50 if details["dtype"] == np.int8 else x).astype(details["dtype"])
    )
    return litert.invoke


def serve(configuration: str, file: str, threads: str, library: str) -> None:
    """Answers every line `count` with the milliseconds of that many runs."""
    invoke = invoker(configuration, file, int(threads), library)
    print("ready", flush=True)
    for line in sys.stdin:
        invoke()
        times = []
        for _ in range(int(line)):
            begin = time.perf_counter()
            invoke()
            times.append((time.perf_counter() - begin) * 1e3)
        print(*(f"{ms:.4f}" for ms in times), flush=True)


def cpu_name() -> str:
    """What the machine calls its processor."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith(("model name", "Model")):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", type=Path, required=True, help="folder of the .tflite files")
    parser.add_argument("--output", type=Path, help="CSV file to write (default: standard output)")
    parser.add_argument(
        "--library", type=Path, help="the delegate (default: of the installed larq_igp_runtime)"
    )
    parser.add_argument(
        "--lce-python", default=sys.executable, help="a Python that has larq_compute_engine"
    )
    parser.add_argument(
        "--isas", nargs="+", default=["avx512", "avx2"], help="instruction sets of the engine"
    )
    parser.add_argument(
        "--threads", nargs="+", default=["1"], help="numbers of threads of the engine"
    )
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--runs", type=int, default=3, help="timed runs per round")
    parser.add_argument("--only", help="only configurations whose name contains this")
    args = parser.parse_args()

    rows = configurations(args)
    workers = [start(row, args) for row in rows]
    ready = [worker.stdout.readline().strip() == "ready" for worker in workers]
    times: list[list[float]] = [[] for _ in rows]
    for _ in range(args.rounds):
        for worker, ok, collected in zip(workers, ready, times, strict=True):
            if ok:
                worker.stdin.write(f"{args.runs}\n")
                worker.stdin.flush()
                collected += [float(ms) for ms in worker.stdout.readline().split()]
    for worker in workers:
        worker.stdin.close()
        worker.wait()

    bireal = {
        (row["configuration"], row["isa"], row["threads"]): statistics.median(collected)
        for row, collected in zip(rows, times, strict=True)
        if row["model"] == "bireal18_64" and collected
    }
    with open(args.output, "w", newline="") if args.output else sys.stdout as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        for row, collected in zip(rows, times, strict=True):
            if not collected:
                print(f"did not run: {row}", file=sys.stderr)
                continue
            collected.sort()
            median = statistics.median(collected)
            base = bireal.get((row["configuration"], row["isa"], row["threads"]))
            row |= dict(
                n=len(collected),
                ms_median=f"{median:.2f}",
                ms_min=f"{collected[0]:.2f}",
                cpu=cpu_name(),
            )
            row |= dict(
                ms_p10=f"{collected[len(collected) // 10]:.2f}",
                ms_p90=f"{collected[len(collected) * 9 // 10]:.2f}",
            )
            row |= dict(times_bireal=f"{median / base:.2f}" if base else "")
            writer.writerow(row)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        serve(*sys.argv[2:])
    else:
        main()
