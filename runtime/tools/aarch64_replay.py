"""Runs on the emulated machine: repeats what another machine computed, and compares.

aarch64_replay.py FOLDER            every FOLDER/*.npz with `model`, `x` and outputs `y0`, `y1`, ...
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
        expected = [case[name] for name in case.files if name.startswith("y")]
        results = Interpreter(case["model"].tobytes()).predict(case["x"])
        results = results if isinstance(results, list) else [results]
        report["cases"] += 1
        report["identical"] += int(all(map(np.array_equal, results, expected)))
        for got, wanted in zip(results, expected, strict=True):
            whole = np.issubdtype(got.dtype, np.integer)
            report["integers"] += int(whole)
            if got.shape != wanted.shape or got.dtype != wanted.dtype:
                report["wrong"].append(path.stem)
            elif whole:
                report["wrong"] += [] if np.array_equal(got, wanted) else [path.stem]
            elif got.dtype != bool:
                difference = float(np.abs(got - wanted).max() / (np.abs(wanted).max() or 1))
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
