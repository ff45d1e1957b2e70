"""Give commands what a stranger could, and count what ends otherwise than with one sentence.

    python benchmarks/attacks [--only WORD] [--csv FILE]

Each command is `larq-igp`, forked from a process that has imported TensorFlow already. It may take
4 GB more than that process, 60 seconds of CPU and 180 in all. A fault is a traceback, a signal, a
command that does not end in time or takes more memory, or one that succeeds though its input is
wrong.
"""

import argparse
import csv
import os
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path

from inputs import ATTACKS, Attack

import larq_igp.inference.predict
import larq_igp.training.train  # noqa: F401
from larq_igp.cli import main
from larq_igp.keras2 import tf  # noqa: F401

MEMORY_BYTES, CPU_SECONDS, SECONDS = 4 << 30, 60, 180
SENTENCE_CHARACTERS = 1000


def run(arguments: list[str], folder: Path) -> tuple[str, str]:
    """Run a command in a process of its own.

    Returns:
        how it ended, ``exit 2``, ``signal 11`` or ``no end``, and the end of what it printed.
    """
    log = folder / "printed"
    process = os.fork()
    if not process:
        _be_the_command(arguments, folder, log)
    deadline = time.monotonic() + SECONDS
    while not (ended := os.waitpid(process, os.WNOHANG))[0]:
        if time.monotonic() > deadline:
            os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)
            return "no end", ""
        time.sleep(0.02)
    code = os.waitstatus_to_exitcode(ended[1])
    printed = log.read_text(errors="replace")
    return (f"exit {code}" if code >= 0 else f"signal {-code}"), printed


def _be_the_command(arguments: list[str], folder: Path, log: Path) -> None:
    code = 1
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * os.sysconf("SC_PAGE_SIZE") + MEMORY_BYTES
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        for stream in (1, 2):
            os.dup2(output, stream)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.chdir(folder)
        main(arguments, prog_name="larq-igp")
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def fault(ended: str, printed: str, attack: Attack, typed: int) -> str:
    """Say what is wrong with how a command ended; '' if nothing is. What was typed, in characters,
    may be repeated.
    """
    *_, last = ["", *printed.strip().splitlines()]
    if "Traceback" in printed:
        return f"traceback: {last[:100]}"
    if printed.startswith("Usage:"):
        return f"the attack is no command: {last[:100]}"
    if ended not in [f"exit {code}" for code in attack.allowed]:
        return f"{ended}: {last[:100]}"
    if ended == "exit 2" and len(last) > SENTENCE_CHARACTERS + typed:
        return f"{len(last):,} characters are no sentence"
    if attack.says not in printed:
        return f"it does not say {attack.says}"
    return ""


def count(only: str) -> dict[str, Counter]:
    """Run the attacks whose name has a word in it, and count tries and faults of each kind."""
    counts: dict[str, Counter] = {}
    with tempfile.TemporaryDirectory() as scratch:
        for number, attack in enumerate(ATTACKS):
            if only not in f"{attack.kind}: {attack.name}":
                continue
            folder = Path(scratch) / str(number)
            folder.mkdir()
            arguments = [str(each) for each in attack.make(folder)]
            length = len(" ".join(arguments))
            found = fault(*run(arguments, folder), attack, length)
            counter = counts.setdefault(attack.kind, Counter())
            counter.update(tries=1, faults=bool(found))
            print(f"{attack.kind}: {attack.name[:60]}: {found or 'no fault'}", file=sys.stderr)
    return counts


def parse() -> argparse.Namespace:
    """Return what was typed."""
    parser = argparse.ArgumentParser(prog="attacks", description=__doc__.partition("\n")[0])
    parser.add_argument("--only", default="", help="attacks whose kind and name contain this")
    parser.add_argument("--csv", type=Path, help="write the counts to this file, too")
    return parser.parse_args()


if __name__ == "__main__":
    typed = parse()
    rows = [(kind, each["tries"], each["faults"]) for kind, each in count(typed.only).items()]
    for kind, tries, faults in rows:
        print(f"{kind:50} {tries:5} tries {faults:5} faults")
    if typed.csv:
        with typed.csv.open("w", newline="") as file:
            csv.writer(file).writerows([("attack", "tries", "faults"), *rows])
    sys.exit(int(any(faults for _, _, faults in rows)))
