"""Where the engine's shared library is, and which instruction set it is told to use."""

import os
from pathlib import Path

#: Values of `LARQ_IGP_RUNTIME_ISA`; unset, the engine takes the best that the processor has.
ISAS = ("portable", "avx2", "avx512", "avx512_plain", "neon")
ISA_VARIABLE = "LARQ_IGP_RUNTIME_ISA"

_LIBRARY = Path(__file__).resolve().parent / "liblarq_igp_runtime.so"


def delegate_path() -> str:
    """Path of the external delegate, for `load_delegate` in Python or its equivalent elsewhere.

    Raises:
        FileNotFoundError: the package was not installed, so nothing compiled the library.
    """
    if not _LIBRARY.is_file():
        raise FileNotFoundError(
            f"The engine {_LIBRARY} is missing: install the package "
            "(pip install ./runtime in a checkout), "
            "which compiles it, and start Python elsewhere than in the folder of these sources."
        )
    return str(_LIBRARY)


def check_isa() -> None:
    """Checks `LARQ_IGP_RUNTIME_ISA` before the engine sees it.

    Raises:
        ValueError: the variable holds a name that is not in `ISAS`.
    """
    wanted = os.environ.get(ISA_VARIABLE, "")
    if wanted and wanted not in ISAS:
        raise ValueError(
            f"{ISA_VARIABLE} is {wanted!r}; choose one of {', '.join(ISAS)}, or unset it."
        )
