"""From nothing to a timed binary network, the way a user would type it: `make demo`.

    python experiments/demo.py [EPOCHS]

Claim: IGP-ResNet (3 stages, 2 columns, 16 filters, 1 bit) reaches at least 98 % on the 360 test
images of scikit-learn's digits, and its ``.tflite`` gives the same answers as Keras.

Every step is a command of ``larq-igp``; this file only runs them and prints their answers as one
table.
"""

import json
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from larq_igp.training.cluster.launch import LARQ_IGP

NETWORK = "igp_resnet_tiny"
RUN = Path("runs/demo")
FILE = Path("tflite_models/demo.tflite")
PAGE = RUN / "report.html"
EPOCHS = int(sys.argv[1]) if len(sys.argv) > 1 else 40


def larq_igp(*arguments: object) -> Any:
    """Run a command with ``--json``, show it and what it logs, and return its document; stop if it
    fails.
    """
    words = [str(argument) for argument in arguments]
    print(f"\n$ larq-igp {shlex.join(words)}", flush=True)
    start = time.perf_counter()
    finished = subprocess.run([*LARQ_IGP, *words, "--json"], stdout=subprocess.PIPE, check=False)
    if finished.returncode:
        sys.exit(finished.returncode)
    print(f"({time.perf_counter() - start:.0f} s)", flush=True)
    return json.loads(finished.stdout)


def main() -> None:
    """Train, convert, evaluate, benchmark and report, and print one table."""
    shutil.rmtree(RUN, ignore_errors=True)
    FILE.parent.mkdir(exist_ok=True)

    summary = larq_igp("summary", NETWORK, "--input-shape", "32,32,3", "--num-classes", 10)
    trained = larq_igp("train", NETWORK, "--epochs", EPOCHS, "--run-dir", RUN, "--quiet")
    converted = larq_igp("convert", RUN, "-o", FILE)
    on_device = larq_igp("evaluate", FILE)
    timings = larq_igp("benchmark", FILE)
    larq_igp("report", RUN, "-o", PAGE)

    verification = next(each for each in converted["verifications"] if each["passed"])
    rows = [
        ("network", f"{NETWORK}, depth {summary['depth']}, 1 bit"),
        (
            "storage",
            f"{summary['storage_bits'] / 8 / 1000:.1f} kB of kernels, "
            f"{converted['bytes'] / 1000:.1f} kB .tflite",
        ),
        ("test accuracy, Keras", f"{trained['top1']:.2%} of {trained['examples']} images"),
        (
            "test accuracy, .tflite",
            f"{on_device['top1']:.2%} of {on_device['examples']} images, by {on_device['engine']}",
        ),
        (
            "same answer as Keras",
            f"{verification['top1_agreement']:.2%} of {verification['examples']} images",
        ),
        ("largest difference", f"{verification['max_abs_diff']:.1e} in probability"),
    ]
    rows += [
        (
            f"latency, {timing['role']}",
            f"{timing['latency_ms_median']:.3f} ms on this host, {timing['engine']}, "
            f"{timing['threads']} thread",
        )
        for timing in timings
    ]
    print(f"\n{'':-<78}")
    for name, value in rows:
        print(f"{name:30}{value}")
    print(f"{'':-<78}\nrun directory: {RUN}, file: {FILE}, card: {FILE.with_suffix('.json')}")
    print(f"charts, to open in a browser: {PAGE}")


if __name__ == "__main__":
    main()
