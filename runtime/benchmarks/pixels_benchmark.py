"""Times the first convolution of a network on bytes against floats, in turns in one process.

    LARQ_IGP_RUNTIME_ISA=avx2 python pixels_benchmark.py

The file takes a uint8 image of 224x224x3, normalises it, and pools a 7x7/2 convolution.
"""

import os
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from test_image import SAME
from test_pixels import Pixels

from larq_igp_runtime import Interpreter

ROUNDS, RUNS = 9, 40


def fastest(interpreter: Interpreter) -> float:
    """Milliseconds of the fastest of some runs: the machine may be busy."""
    times = []
    for _ in range(RUNS):
        start = time.perf_counter()
        interpreter.invoke()
        times.append((time.perf_counter() - start) * 1e3)
    return min(times)


def main() -> None:
    load = os.getloadavg()[0]
    for filters in (64, 41):
        image = Pixels(
            size=(224, 224),
            channels=3,
            filters=filters,
            kernel=(7, 7),
            stride=(2, 2),
            pool=(3, 2, SAME),
        )
        content = image.graph.file([image.outputs[-1]])
        both = [Interpreter(content), Interpreter(content, pixels=False)]
        for interpreter in both:
            interpreter.predict(image.x)
        rounds = [[fastest(interpreter) for interpreter in both] for _ in range(ROUNDS)]
        ratios = sorted(pixels / floats for pixels, floats in rounds)
        print(
            f"{os.environ.get('LARQ_IGP_RUNTIME_ISA', 'best')}, {filters} filters: bytes take "
            f"{statistics.median(ratios):.3f} of floats "
            f"({ratios[0]:.3f} to {ratios[-1]:.3f}, load {load:.0f})"
        )


if __name__ == "__main__":
    main()
