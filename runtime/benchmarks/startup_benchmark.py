"""Times the first answer: from the start of a Python process to the first result of a model.

    python startup_benchmark.py MODEL.tflite --output results/startup-x86_64.csv

Every run is a fresh process; the first one is not counted, so that all of them find their files in
memory.
"""

import argparse
import csv
import itertools
import statistics
import subprocess
import sys
import time
from pathlib import Path

from model_benchmark import cpu_name

PARTS = ("python", "import", "load", "first inference")
# Clock readings at the end of each part. The clock is the machine's, so they compare with the
# parent's.
CHILD = """
import sys, time
clock = [time.monotonic()]
import numpy, larq_igp_runtime, larq_igp_runtime.host
larq_igp_runtime.host.find_host()
clock.append(time.monotonic())
model = larq_igp_runtime.Interpreter(sys.argv[1], num_threads=int(sys.argv[2]))
clock.append(time.monotonic())
x = model.inputs[0]
model.predict(numpy.zeros(x.shape, x.dtype))
clock.append(time.monotonic())
print(*clock)
"""


def run(model: Path, threads: int) -> list[float]:
    """Milliseconds of the parts, in their order, and of all together."""
    begin = time.monotonic()
    command = [sys.executable, "-c", CHILD, model.resolve(), str(threads)]
    here = Path(__file__).parent  # not the folder of the sources, which Python would import
    result = subprocess.run(command, capture_output=True, text=True, cwd=here)
    if result.returncode:
        sys.exit(result.stderr)
    clock = [begin, *map(float, result.stdout.split())]
    parts = [end - start for start, end in itertools.pairwise(clock)]
    return [1e3 * seconds for seconds in (*parts, clock[-1] - begin)]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", type=Path)
    parser.add_argument("--output", type=Path, help="CSV file to write (default: standard output)")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--runs", type=int, default=15)
    args = parser.parse_args()

    run(args.model, args.threads)
    runs = [run(args.model, args.threads) for _ in range(args.runs)]
    with open(args.output, "w", newline="") if args.output else sys.stdout as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("model", "part", "threads", "n", "ms_median", "ms_min", "ms_max", "cpu"))
        for part, times in zip((*PARTS, "total"), zip(*runs, strict=True), strict=True):
            figures = (f"{f(times):.1f}" for f in (statistics.median, min, max))
            writer.writerow((args.model.stem, part, args.threads, args.runs, *figures, cpu_name()))


if __name__ == "__main__":
    main()
