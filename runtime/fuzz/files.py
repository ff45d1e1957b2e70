"""Damages `.tflite` files and loads and runs them, in processes that may die.

    python files.py --count 50000 net.tflite mobilenet_int8.tflite ...

Case N of a file is always the same damage: bytes, numbers of tables (types, indices, options,
shapes), lengths, or a cut. Every damaged file must end as `ModelError` or run. Other exceptions,
signals, and runs without an end are findings: they are counted, named, and make the exit code 1.
`--only N` runs one case in this process. `--unchecked` leaves out `larq_igp_runtime.check`, to see
what it is good for. `--commands` takes the road of larq-igp's commands: what the check lets pass is
read by `larq_igp.deploy.flatbuffer` and runs in every engine that is installed, `Interpreter` among
them. Memory and time of every process are bounded.
"""

import argparse
import collections
import os
import random
import resource
import select
import struct
import subprocess
import sys
from pathlib import Path

MEMORY = 6 << 30  # of address space; TensorFlow's own libraries take a part
SECONDS = 60  # of processor time, for one case
PATIENCE = 1800  # seconds without any
GOOD = ("ran", "refused", "failed")
OPERATIONS = 10**10  # that a damaged file may ask for


def slots(content: bytes) -> list[tuple[int, str]]:
    """Where the numbers of a file's tables and vectors lie."""
    from larq_igp_runtime import flatbuffer

    found = []

    class Recorder(flatbuffer.Reader):
        def _field(self, at, kind, table):
            if kind in flatbuffer._SCALARS:
                found.append((at, flatbuffer._SCALARS[kind]))
            elif kind[0] == "[" and kind[1:-1] in ("i32", "f32", "i64"):
                form = {"i32": "<i", "f32": "<f", "i64": "<q"}[kind[1:-1]]
                start, size = self._range(at + self._unpack("<I", at), struct.calcsize(form))
                width = struct.calcsize(form)
                # A few of each vector: the scales of many channels are all alike.
                found.extend((start + i * width, form) for i in range(min(size // width, 8)))
            elif kind == "bytes":
                start, size = self._range(at + self._unpack("<I", at), 1)
                if size <= 256:  # options, shapes
                    found.extend((start + i, "<B") for i in range(size))
            return super()._field(at, kind, table)

    Recorder(content).model()
    return found


def damage(content: bytes, places: list[tuple[int, str]], tables: list[int], case: int) -> bytes:
    """Case number `case` of a file."""
    rng = random.Random(case)
    data = bytearray(content)
    keep = len(data)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        kind = rng.random()
        if kind < 0.7:
            at, form = rng.choice(places)
            same = [p for p in rng.sample(places, min(len(places), 30)) if p[1] == form]
            (value,) = struct.unpack_from(form, data, at)
            if form == "<f":
                new = rng.choice(
                    (0.0, -1.0, float("nan"), float("inf"), 1e-38, 1e30, value * 2, value)
                )
            else:
                other = struct.unpack_from(form, data, rng.choice(same)[0])[0] if same else 0
                extremes = (-1, 0, 1, 2, 3, 127, 255, 1 << 15, 1 << 20, (1 << 31) - 1, -(1 << 31))
                choices = (other, other, value + 1, value - 1, value * 2, rng.randrange(64))
                new = rng.choice((*choices, rng.choice(extremes)))
                bits = 8 * struct.calcsize(form)
                new &= (1 << bits) - 1
                if form[1].islower() and new >> (bits - 1):
                    new -= 1 << bits
            struct.pack_into(form, data, at, new)
        elif kind < 0.85:  # near a table: offsets, lists of fields, lengths
            at = min(max(0, rng.choice(tables) + rng.randrange(-16, 16)), len(data) - 1)
            data[at] = rng.choice(
                (0, 1, 4, 255, data[at] ^ 1 << rng.randrange(8), rng.randrange(256))
            )
        elif kind < 0.97:
            data[rng.randrange(len(data))] = rng.randrange(256)
        elif kind < 0.985:
            keep = rng.randrange(len(data))
        else:
            at, size = rng.randrange(len(data)), rng.randrange(1, 64)
            data[at : at + size] = bytes(len(data[at : at + size]))
    return bytes(data[:keep])


def run(content: bytes, unchecked: bool) -> str:
    """What became of one file: "refused" by the check, "failed" as ModelError, "ran", or else."""
    import numpy as np

    from larq_igp_runtime import Interpreter, Limits, ModelError, check, interpreter

    interpreter.check = lambda content, unknown: None  # it comes before, with narrower limits
    try:
        if not unchecked:
            check(content, limits=Limits(1 << 30, OPERATIONS))
    except ModelError:
        return "refused"
    except Exception as error:
        return f"{type(error).__name__} in check: {str(error)[:80]}"
    try:
        model = Interpreter(content)
        model.predict([np.zeros(info.shape, info.dtype) for info in model.inputs])
        return "ran"
    except ModelError:
        return "failed"
    except Exception as error:
        return f"{type(error).__name__}: {str(error)[:80]}"


def run_in_all_engines(content: bytes, unchecked: bool) -> str:
    """Likewise, on the road of larq-igp's commands."""
    from larq_igp.deploy.engines import ENGINES
    from larq_igp.deploy.errors import EngineError, TFLiteFileError
    from larq_igp.deploy.flatbuffer import read_content

    from larq_igp_runtime import Limits, ModelError, check

    try:
        if not unchecked:
            check(content, limits=Limits(1 << 30, OPERATIONS))
        file = read_content(content, "it")
    except (ModelError, TFLiteFileError):
        return "refused"
    except Exception as error:
        return f"{type(error).__name__} in check: {str(error)[:80]}"
    if not file.inputs or not file.outputs:
        return "refused"
    ran = "failed"
    for name, kind in ENGINES.items():
        if kind.refusal(file) is not None:
            continue
        try:
            kind(content, file, 1).invoke()
            ran = "ran"
        except (EngineError, RuntimeError):  # the child answers with its text
            pass
        except Exception as error:
            return f"{type(error).__name__} in {name}: {str(error)[:80]}"
    return ran


ROADS = {"interpreter": run, "commands": run_in_all_engines}


def serve(file: str, first: int, last: int, unchecked: bool, road: str) -> None:
    """Runs cases and prints a line after each."""
    content = Path(file).read_bytes()
    places = slots(content)
    tables = [at for at, _ in places]
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for case in range(first, last):
        result = ROADS[road](damage(content, places, tables, case), unchecked)
        print(f"{case} {result}".replace("\n", " "), flush=True)


def answers(child: subprocess.Popen) -> bool:
    """Waits for a line; false if the process takes too long, whatever else the machine does."""
    spent, waited = None, 0
    while not select.select([child.stdout], [], [], 2)[0]:
        waited += 2
        try:
            fields = Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return False
        now = sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")
        spent = now if spent is None else spent
        if now - spent > SECONDS or waited > PATIENCE:
            return False
    return True


def supervise(
    file: Path, count: int, first: int, unchecked: bool, road: str = "interpreter"
) -> collections.Counter:
    """Runs all cases of a file, in as many processes as that takes."""
    results: collections.Counter = collections.Counter()
    case, last = first, first + count
    while case < last:
        numbers = [str(case), str(last), str(int(unchecked))]
        command = [sys.executable, __file__, "--serve", str(file), *numbers, road]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        begun, buffer = case, b""
        while case < last:
            if b"\n" not in buffer:
                if not answers(child):
                    break
                if not (piece := child.stdout.read1(1 << 16)):
                    break
                buffer += piece
                continue
            line, _, buffer = buffer.partition(b"\n")
            number, _, result = line.decode(errors="replace").partition(" ")
            if not number.isdigit():
                continue
            if result not in GOOD:
                print(f"FINDING {file.name} case {number}: {result}", flush=True)
                result = "exception"
            results[result] += 1
            case = int(number) + 1
        if case < last:
            over = child.poll() is None and b"\n" not in buffer
            try:
                code = child.wait(2)
            except subprocess.TimeoutExpired:
                child.kill()
                code = child.wait()
            what = (
                "timeout"
                if over and code == -9
                else f"signal {-code}"
                if code < 0
                else f"exit {code}"
            )
            print(f"FINDING {file.name} case {case}: {what}", flush=True)
            results[what] += 1
            if begun == case and code > 0:
                sys.exit(f"{file}: the process does not even start")
            case += 1
        child.kill()
        child.wait()
    return results


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--count", type=int, default=1000, help="cases of each file")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--only", type=int, help="one case, in this process")
    parser.add_argument("--unchecked", action="store_true")
    parser.add_argument("--commands", action="store_true")
    args = parser.parse_args()
    road = "commands" if args.commands else "interpreter"
    findings = 0
    for file in args.files:
        if args.only is not None:
            content = file.read_bytes()
            places = slots(content)
            damaged = damage(content, places, [at for at, _ in places], args.only)
            print(ROADS[road](damaged, args.unchecked))
            continue
        results = supervise(file, args.count, args.first, args.unchecked, road)
        findings += sum(n for what, n in results.items() if what not in GOOD)
        totals = ", ".join(f"{n} {what}" for what, n in sorted(results.items()))
        print(f"{file.name}: {sum(results.values())} damaged files: {totals}", flush=True)
    return 1 if findings else 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        serve(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5] == "1", sys.argv[6])
    else:
        sys.exit(main())
