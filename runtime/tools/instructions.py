"""Counts the aarch64 instructions of three networks and writes the committed budget.

    python tools/instructions.py [--write] [--wheel WHEEL] [--root DIRECTORY]

Needs qemu-user, a C compiler, larq-igp, larq-zoo and larq-compute-engine (to make the files), and
the aarch64 wheel from `make wheels`.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

RUNTIME = Path(__file__).resolve().parents[1]
BUDGET = RUNTIME / "tests" / "golden" / "instructions.json"
DEFAULT_ROOT = Path(
    os.environ.get("LARQ_IGP_RUNTIME_AARCH64_ROOT", Path.home() / ".cache/larq-igp-runtime/aarch64")
)


def zoo_bireal() -> bytes:
    """Bi-Real ResNet18 of larq-zoo, 64 channels, 224 pixels, floats in."""
    import larq_compute_engine
    import larq_zoo

    return larq_compute_engine.convert_keras_model(larq_zoo.literature.BiRealNet(weights=None))


def takes_bytes(name: str) -> Callable[[], bytes]:
    """A network of larq-igp at 224 pixels, the pixels in."""

    def convert() -> bytes:
        import larq_igp
        from larq_igp.data import Preprocessing
        from larq_igp.deploy.convert import convert
        from larq_igp.deploy.device.pixels import take_pixels

        imagenet = Preprocessing((224, 224, 3), (123.675, 116.28, 103.53), (58.395, 57.12, 57.375))
        return take_pixels(convert(larq_igp.build(name)), imagenet)

    return convert


NETWORKS = {
    "bireal_resnet18_224": zoo_bireal,
    "bireal_resnet18_64_bytes": takes_bytes("bireal_resnet18_64"),
    "igp_resnet37_41_bytes": takes_bytes("igp_resnet37_41"),
    "igp_densenet51_53_bytes": takes_bytes("igp_densenet51_53"),
}


def write_network(name: str, path: Path) -> Path:
    """Writes one of them; random weights cost what trained ones do."""
    os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
    path.write_bytes(NETWORKS[name]())
    return path


def main() -> int:
    """Counts, prints, and with --write commits to the number."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="write the committed budget")
    parser.add_argument("--wheel", type=Path, default=None, help="default: the one in dist/")
    parser.add_argument(
        "--root", type=Path, default=DEFAULT_ROOT, help="aarch64 system, made if need be"
    )
    args = parser.parse_args()
    sys.path.insert(0, str(RUNTIME / "tools"))
    from emulator import LITERT, Emulator

    wheel = args.wheel or next((RUNTIME / "dist").glob("*manylinux2014_aarch64.whl"), None)
    if wheel is None:
        print("error: no aarch64 wheel in dist/: run `make wheels` first.", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as scratch:
        emulator = Emulator(args.root, wheel, Path(scratch))
        counted = {
            name: emulator.instructions(write_network(name, Path(scratch) / f"{name}.tflite"))
            for name in NETWORKS
        }
    print(f"instructions of one inference ({emulator.cpu}, ai-edge-litert {LITERT})")
    for name, of in counted.items():
        print(f"{name}: {of['all'] / 1e6:.1f} M, {of['engine'] / 1e6:.1f} M of them in the engine")
    if args.write:
        budget = {"cpu": emulator.cpu, "litert": LITERT, **counted}
        BUDGET.write_text(json.dumps(budget, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
