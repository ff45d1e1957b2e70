"""Makes a virtual environment with one interpreter package and this runtime, to test against it.

    python tools/host_venv.py DIRECTORY ai-edge-litert==1.0.1 [WHEEL]

Prints the environment's Python. Without a wheel the runtime is compiled from this folder.
"""

import subprocess
import sys
import venv
from pathlib import Path

RUNTIME = Path(__file__).resolve().parents[1]
# Compiled against NumPy 1: these crash or refuse under NumPy 2.
NUMPY_1 = ("ai-edge-litert==1.0", "tflite-runtime")


def make(directory: Path, host: str, wheel: Path | None = None) -> Path:
    """Creates the environment and returns its Python."""
    python = directory / "bin" / "python"
    if not python.exists():
        venv.create(directory, with_pip=True)
    numpy = "numpy<2" if host.startswith(NUMPY_1) else "numpy"
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, host, numpy, "pytest>=8", "flatbuffers>=24"], check=True)
    subprocess.run([*pip, "--no-deps", "--force-reinstall", wheel or RUNTIME], check=True)
    return python


def main() -> int:
    """The command above."""
    if len(sys.argv) not in (3, 4):
        print(__doc__, file=sys.stderr)
        return 2
    print(make(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]) if len(sys.argv) > 3 else None))
    return 0


if __name__ == "__main__":
    sys.exit(main())
