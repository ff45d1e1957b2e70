"""Times models with one to eight threads while other processes keep the machine busy.

    python busy_benchmark.py bireal18_64.tflite --busy 4 --output results/busy-x86_64.csv

Every configuration is a process of its own that waits for its turn, as in `model_benchmark.py`: in
each round every configuration runs for a fifth of a second, so what else the machine does falls on
all alike. Beside the files given, a small model of four residual blocks, 14x14x64, is timed.
`--library NAME=PATH`, more than once, compares builds of the engine; `stock=` is the interpreter
without it, which cannot run LCE's operators.
"""

import argparse
import csv
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from model_benchmark import cpu_name

COLUMNS = (
    "model",
    "library",
    "threads",
    "busy",
    "n",
    "ms_median",
    "ms_mean",
    "ms_p90",
    "times_one",
    "cpu",
)


def small_model() -> bytes:
    """Four residual blocks, written without a converter."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
    from binary_conv import Case, Conv
    from tflite_file import Graph

    graph, shape = Graph(), (1, 14, 14, 64)
    x = graph.input(shape)
    for block in range(4):
        bits = graph.node("LceQuantize", [x], graph.tensor((*shape[:3], 2), "int32"))
        case = Case(Conv(size=shape[1:3], channels_in=64, channels_out=64, seed=block))
        x = graph.add(case.append_to(graph, bits), x)
    return graph.file([x])


def serve(library: str, file: str, threads: str) -> None:
    """Answers every line `seconds` with the milliseconds of each run in that time."""
    import time

    import numpy as np
    from ai_edge_litert.interpreter import Interpreter, load_delegate

    delegates = [load_delegate(library)] if library else []
    litert = Interpreter(file, experimental_delegates=delegates, num_threads=int(threads))
    litert.allocate_tensors()
    x = litert.get_input_details()[0]
    litert.set_tensor(
        x["index"], np.random.default_rng(0).normal(size=x["shape"]).astype(x["dtype"])
    )
    litert.invoke()
    print("ready", flush=True)
    for line in sys.stdin:
        times, stop = [], time.perf_counter() + float(line)
        while (begin := time.perf_counter()) < stop:
            litert.invoke()
            times.append((time.perf_counter() - begin) * 1e3)
        print(*(f"{ms:.4f}" for ms in times), flush=True)


def start(library: str, file: str, threads: int) -> subprocess.Popen:
    """A process that has loaded its model and waits for turns."""
    command = [sys.executable, __file__, "--serve", library, file, str(threads)]
    pipes = dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return subprocess.Popen(command, text=True, **pipes)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("models", type=Path, nargs="*")
    parser.add_argument(
        "--library", action="append", metavar="NAME=PATH", help="a build of the engine"
    )
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--busy", type=int, default=4, help="processes that compute all the time")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=0.2, help="of one configuration's turn")
    parser.add_argument("--output", type=Path, help="CSV file to write (default: standard output)")
    args = parser.parse_args()
    if args.library:
        libraries = dict(entry.split("=", 1) for entry in args.library)
    else:
        import larq_igp_runtime

        libraries = {"larq-igp-runtime": larq_igp_runtime.delegate_path()}

    with tempfile.TemporaryDirectory() as folder:
        small = Path(folder, "small.tflite")
        small.write_bytes(small_model())
        rows, workers = [], []
        for file in [small, *args.models]:
            for name, library in libraries.items():
                for threads in args.threads:
                    rows.append(
                        dict(model=file.stem, library=name, threads=threads, busy=args.busy)
                    )
                    workers.append(start(library, str(file), threads))
        ready = [worker.stdout.readline().strip() == "ready" for worker in workers]
        busy = [
            subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(args.busy)
        ]
        times: list[list[float]] = [[] for _ in rows]
        try:
            for _ in range(args.rounds):
                for worker, ok, collected in zip(workers, ready, times, strict=True):
                    if ok:
                        worker.stdin.write(f"{args.seconds}\n")
                        worker.stdin.flush()
                        collected += [float(ms) for ms in worker.stdout.readline().split()]
        finally:
            for process in (*busy, *workers):
                process.kill()
                process.wait()

    mean_of_one = {}
    with open(args.output, "w", newline="") if args.output else sys.stdout as output:
        writer = csv.DictWriter(output, COLUMNS, lineterminator="\n")
        writer.writeheader()
        for row, collected in zip(rows, times, strict=True):
            if not collected:
                print(f"did not run: {row}", file=sys.stderr)
                continue
            collected.sort()
            mean = statistics.mean(collected)
            key = row["model"], row["library"]
            mean_of_one.setdefault(key, mean)
            row |= dict(n=len(collected), ms_median=f"{statistics.median(collected):.3f}")
            row |= dict(ms_mean=f"{mean:.3f}", ms_p90=f"{collected[len(collected) * 9 // 10]:.3f}")
            row |= dict(times_one=f"{mean / mean_of_one[key]:.2f}", cpu=cpu_name())
            writer.writerow(row)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        serve(*sys.argv[2:])
    else:
        main()
