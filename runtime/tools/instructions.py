"""Counts the aarch64 instructions of Bi-Real ResNet18 and writes or checks the committed budget.

    python tools/instructions.py [--write] [--wheel WHEEL] [--root DIRECTORY]

Needs qemu-user, a C compiler, TensorFlow with larq-zoo and larq-compute-engine (to make the model),
and the aarch64 wheel from `make wheels`.
"""

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path

RUNTIME = Path(__file__).resolve().parents[1]
BUDGET = RUNTIME / "tests" / "golden" / "instructions.json"
DEFAULT_ROOT = Path(
    os.environ.get("LARQ_IGP_RUNTIME_AARCH64_ROOT", Path.home() / ".cache/larq-igp-runtime/aarch64")
)


def bireal_file(path: Path) -> Path:
    """Writes Bi-Real ResNet18, 64 channels, 224 pixels; random weights cost the same."""
    os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
    import larq_compute_engine as lce
    import larq_zoo

    path.write_bytes(lce.convert_keras_model(larq_zoo.literature.BiRealNet(weights=None)))
    return path


def main() -> int:
    """Counts, prints, and with --write commits to the number."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="write the committed budget")
    parser.add_argument("--wheel", type=Path, default=None, help="default: the one in dist/")
    parser.add_argument("--root", type=Path, default=DEFAULT_ROOT, help="aarch64 system, made if need be")
    args = parser.parse_args()
    sys.path.insert(0, str(RUNTIME / "tools"))
    from emulator import LITERT, Emulator

    wheel = args.wheel or next((RUNTIME / "dist").glob("*manylinux2014_aarch64.whl"), None)
    if wheel is None:
        print("error: no aarch64 wheel in dist/: run `make wheels` first.", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as scratch:
        emulator = Emulator(args.root, wheel, Path(scratch))
        counted = emulator.instructions(bireal_file(Path(scratch) / "bireal.tflite"))
    millions = {which: f"{count / 1e6:.1f} M" for which, count in counted.items()}
    print(
        f"{millions['all']} instructions per inference, {millions['engine']} of them in the engine "
        f"({emulator.cpu}, ai-edge-litert {LITERT})"
    )
    if args.write:
        budget = json.loads(BUDGET.read_text())
        budget["bireal_resnet18_224"] = counted
        BUDGET.write_text(json.dumps(budget, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
