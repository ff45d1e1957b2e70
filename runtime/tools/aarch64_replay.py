"""Runs on the emulated machine: repeats what another machine computed, and compares.

aarch64_replay.py FOLDER            every FOLDER/*.npz with `model`, `x`, `y` (and `names`)
aarch64_replay.py --count N MODEL   N inferences, to be counted; prints where the engine's code lies
"""

import json
import sys
from pathlib import Path

import numpy as np

from larq_igp_runtime import Interpreter


def replay(folder: Path) -> dict:
    """Largest relative difference over all cases; integer outputs must be the same."""
    report = {"cases": 0, "integers": 0, "identical": 0, "largest": 0.0, "worst": None, "wrong": []}
    for path in sorted(folder.glob("*.npz")):
        case = np.load(path)
        expected = case["y"]
        got = Interpreter(case["model"].tobytes()).predict(case["x"])
        report["cases"] += 1
        if got.shape != expected.shape or got.dtype != expected.dtype:
            report["wrong"].append(path.stem)
        elif np.array_equal(got, expected):
            report["identical"] += 1
            report["integers"] += int(np.issubdtype(got.dtype, np.integer))
        elif np.issubdtype(got.dtype, np.integer):
            report["integers"] += 1
            report["wrong"].append(path.stem)
        else:
            difference = float(np.abs(got - expected).max() / np.abs(expected).max())
            if difference > report["largest"]:
                report["largest"], report["worst"] = difference, path.stem
    return report


def main(arguments: list[str]) -> None:
    """One of the two forms above."""
    if arguments[0] == "--count":
        interpreter = Interpreter(arguments[2])
        x = np.zeros(interpreter.inputs[0].shape, interpreter.inputs[0].dtype)
        for _ in range(int(arguments[1])):
            interpreter.predict(x)
        for line in Path("/proc/self/maps").read_text().splitlines():
            if line.endswith("liblarq_igp_runtime.so"):
                print(line.split()[0])
    else:
        print(json.dumps(replay(Path(arguments[0]))))


if __name__ == "__main__":
    main(sys.argv[1:])
