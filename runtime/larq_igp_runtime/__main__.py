"""`python -m larq_igp_runtime FILE [PHOTO...]`: names what is on photos, or times the file."""

import argparse
import faulthandler
import json
import os
import statistics
import sys
import time
from pathlib import Path

import numpy as np

from larq_igp_runtime import Interpreter, ModelInfo, TensorInfo, machine
from larq_igp_runtime.engine import ISA_VARIABLE, ISAS


def parser() -> argparse.ArgumentParser:
    """The command line."""
    result = argparse.ArgumentParser(
        prog="python -m larq_igp_runtime",
        description="Names what is on photos with a .tflite file of larq-igp, "
        "or without photos times the "
        "file: any of Larq Compute Engine's.",
    )
    result.add_argument("file", help="the .tflite file")
    result.add_argument("photos", nargs="*", help="images to classify; the card FILE.json says how")
    result.add_argument(
        "--top", type=_positive, default=1, help="classes to name for each photo (default 1)"
    )
    result.add_argument(
        "--input", metavar="NPY", help="input batch as a .npy file (default: random numbers)"
    )
    result.add_argument("--output", metavar="NPY", help="write the output to this .npy file")
    result.add_argument(
        "--threads", type=_positive, default=1, help="threads per inference (default 1)"
    )
    result.add_argument("--runs", type=_positive, default=50, help="timed inferences (default 50)")
    result.add_argument(
        "--warmup", type=_positive, default=5, help="inferences before the first timed one"
    )
    result.add_argument(
        "--info",
        action="store_true",
        help="do not run it: print which operators the engine takes over, and why not others",
    )
    result.add_argument(
        "--profile", action="store_true", help="also print the time of every step of the engine"
    )
    result.add_argument(
        "--instruction-set",
        metavar="NAME",
        help=f"whose kernels run: {', '.join(ISAS)}; default: {ISA_VARIABLE}, else the best",
    )
    result.add_argument("--no-fuse", action="store_true", help="run every operator by itself")
    result.add_argument("--json", action="store_true", help="print one JSON object instead of text")
    return result


def main(arguments: list[str] | None = None) -> int:
    """Runs the command; bad input is one sentence on stderr and exit code 2."""
    args = parser().parse_intermixed_args(arguments)
    try:
        if args.photos:
            _refuse(args, "photos", "input", "output", "info", "profile", "no_fuse")
            return _name(args)
        if args.info:
            _refuse(args, "--info", "input", "output", "profile")
            info = _interpreter(args).info()
            print(json.dumps(info.as_dict()) if args.json else f"{args.file}: {info.as_text()}")
            return 0
        report, output = run(args)
        if args.output is not None:
            _save(args.output, output)
    except (ValueError, OSError, ImportError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(json.dumps(report, default=ModelInfo.as_dict) if args.json else as_text(report))
    return 0


def _refuse(args: argparse.Namespace, use: str, *options: str) -> None:
    """Refuses options that mean nothing for a use of the command."""
    for option in options:
        if getattr(args, option) not in (None, False):
            name = option.replace("_", "-")
            raise ValueError(f"--{name} is not for {use}: leave one of them out.")


def _interpreter(args: argparse.Namespace) -> Interpreter:
    return Interpreter(
        args.file,
        num_threads=args.threads,
        fuse=not args.no_fuse,
        instruction_set=args.instruction_set,
        profile=args.profile,
    )


def _name(args: argparse.Namespace) -> int:
    """Prints a line for each photo; a photo that cannot be read gives an error, and exit code 2."""
    from larq_igp_runtime.photos import Classifier

    classifier, failed = Classifier(args.file, args.threads, args.instruction_set), False
    for photo in args.photos:
        try:
            classes = classifier.classify(photo)
        except ValueError as error:
            print(f"error: {error}", file=sys.stderr)
            failed = True
            continue
        best = classes[: args.top]
        if args.json:
            print(
                json.dumps(
                    {"photo": photo, "classes": [{"name": n, "probability": p} for n, p in best]}
                )
            )
        else:
            named = ", ".join(f"{name} {100 * probability:.1f} %" for name, probability in best)
            print(named if len(args.photos) == 1 else f"{photo}: {named}")
    return 2 if failed else 0


def run(args: argparse.Namespace) -> tuple[dict, np.ndarray]:
    """Loads, predicts and times; returns the report and the first output."""
    start = time.perf_counter()
    interpreter = _interpreter(args)
    load_ms = (time.perf_counter() - start) * 1e3
    batch = (
        _load_batch(args.input)
        if args.input is not None
        else [_random(info) for info in interpreter.inputs]
    )
    times, before = [], machine.state()
    for _ in range(args.warmup + args.runs):
        start = time.perf_counter()
        outputs = interpreter.predict(batch)
        times.append((time.perf_counter() - start) * 1e3)
    timed = sorted(times[args.warmup :])
    first = outputs[0] if isinstance(outputs, list) else outputs
    report = {
        "file": str(args.file),
        "bytes": Path(args.file).stat().st_size,
        "inputs": [_described(info) for info in interpreter.inputs],
        "outputs": [_described(info) for info in interpreter.outputs],
        "threads": args.threads,
        "runs": args.runs,
        "load_ms": round(load_ms, 3),
        "first_ms": round(times[0], 3),
        "median_ms": round(statistics.median(timed), 4),
        "min_ms": round(timed[0], 4),
        "p10_ms": round(_percentile(timed, 10), 4),
        "p90_ms": round(_percentile(timed, 90), 4),
        "max_ms": round(timed[-1], 4),
        "machine": machine.describe(),
        "before": before,
        "after": machine.state(),
        "peak_memory_bytes": machine.peak_memory_bytes(),
    }
    if args.profile:
        report["profile"] = interpreter.info()
    return report, first


def _percentile(ordered: list[float], percent: int) -> float:
    """The nearest rank: the first of which `percent` % of the values are not larger."""
    return ordered[-(-percent * len(ordered) // 100) - 1]


def as_text(report: dict) -> str:
    """The report for a reader."""
    return "\n".join(
        [
            f"{report['file']}  {report['bytes'] / 1000:.0f} kB",
            *(
                f"  input   {info['name']}  {info['dtype']}  {info['shape']}"
                for info in report["inputs"]
            ),
            *(
                f"  output  {info['name']}  {info['dtype']}  {info['shape']}"
                for info in report["outputs"]
            ),
            f"  load {report['load_ms']:.1f} ms, first inference {report['first_ms']:.1f} ms",
            f"  median {report['median_ms']:.3f} ms, min {report['min_ms']:.3f} ms, "
            f"p90 {report['p90_ms']:.3f} ms (n = {report['runs']}, threads = {report['threads']})",
            *([report["profile"].as_text(report["median_ms"])] if "profile" in report else []),
        ]
    )


def _load_batch(path: str) -> np.ndarray:
    try:
        with open(path, "rb") as file:
            return np.lib.format.read_array(file, allow_pickle=False)
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, EOFError) as error:
        raise ValueError(f"{path} is not a .npy file of numbers.") from error


def _save(path: str, output: np.ndarray) -> None:
    try:
        with open(path, "wb") as file:
            np.save(file, output)
    except OSError as error:
        raise ValueError(f"{path} cannot be written: {error.strerror}.") from error


def _random(info: TensorInfo) -> np.ndarray:
    """Numbers of a fixed seed over the input's whole range."""
    rng = np.random.default_rng(0)
    if info.dtype == bool:
        return rng.integers(0, 2, info.shape).astype(bool)
    if np.issubdtype(info.dtype, np.integer):
        limits = np.iinfo(info.dtype)
        return rng.integers(limits.min, limits.max, info.shape, dtype=info.dtype, endpoint=True)
    return rng.uniform(-1, 1, info.shape).astype(info.dtype)


def _described(info: TensorInfo) -> dict:
    return {"name": info.name, "shape": list(info.shape), "dtype": str(info.dtype)}


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1")
    return int(text)


def _quiet_libraries() -> None:
    """Keeps LiteRT's messages at each start out of standard error; Python can still write to it."""
    own, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    sys.stderr = os.fdopen(own, "w", buffering=1, errors="backslashreplace")
    faulthandler.enable(sys.stderr)


if __name__ == "__main__":
    _quiet_libraries()
    sys.exit(main())
