"""The engine's shared library: its path, its abilities, and a delegate from its C interface."""

import ctypes
import functools
import json
import logging
from pathlib import Path

#: Instruction sets that there are kernels for; `instruction_sets()` says which this processor has.
ISAS = ("portable", "avx2", "avx512", "avx512_plain", "neon")
#: The environment variable that chooses one where the option `instruction_set` does not.
ISA_VARIABLE = "LARQ_IGP_RUNTIME_ISA"

_PACKAGE = Path(__file__).resolve().parent
_LIBRARY = _PACKAGE / "liblarq_igp_runtime.so"
_LEVELS = (logging.INFO, logging.WARNING, logging.ERROR)

#: What the engine reports: INFO when it takes over operators of a file, WARNING when it leaves one
#: of Larq Compute Engine's, ERROR when it fails.
logger = logging.getLogger("larq_igp_runtime")
logger.addHandler(logging.NullHandler())


def delegate_path() -> str:
    """Return the path of the external delegate, for `load_delegate` or its equivalent elsewhere.

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


def include_dir() -> str:
    """Return the folder of `larq_igp_runtime.h` (C11) and `larq_igp_runtime.hpp` (C++17)."""
    return str(_PACKAGE / "include")


def cmake_dir() -> str:
    """Return the folder that lets CMake's `find_package(larq_igp_runtime)` find this package.

    Pass it as `-Dlarq_igp_runtime_DIR=`.
    """
    return str(_PACKAGE / "cmake")


def instruction_sets() -> tuple[str, ...]:
    """Return the names in `ISAS` that this processor can run, the best first.

    Raises:
        FileNotFoundError: see `delegate_path`.
    """
    names = _library().larq_igp_instruction_sets()
    found = []
    while names[len(found)] is not None:
        found.append(names[len(found)].decode())
    return tuple(found)


_LogFunction = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p)


class _Options(ctypes.Structure):
    """`LarqIgpOptions` of larq_igp_runtime.h."""

    _fields_ = (
        ("size", ctypes.c_size_t),
        ("num_threads", ctypes.c_int),
        ("instruction_set", ctypes.c_char_p),
        ("fuse", ctypes.c_int),
        ("pixels", ctypes.c_int),
        ("profile", ctypes.c_int),
        ("log", _LogFunction),
        ("log_data", ctypes.c_void_p),
    )


@_LogFunction
def _log(_data: int, severity: int, message: bytes) -> None:
    logger.log(_LEVELS[severity], "%s", message.decode(errors="replace"))


@functools.cache
def _library() -> ctypes.CDLL:
    library = ctypes.CDLL(delegate_path())
    library.larq_igp_create_delegate.argtypes = [
        ctypes.POINTER(_Options),
        ctypes.c_char_p,
        ctypes.c_size_t,
    ]
    library.larq_igp_create_delegate.restype = ctypes.c_void_p
    library.larq_igp_destroy_delegate.argtypes = [ctypes.c_void_p]
    library.larq_igp_destroy_delegate.restype = None
    library.larq_igp_describe.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t]
    library.larq_igp_describe.restype = ctypes.c_size_t
    library.larq_igp_instruction_sets.argtypes = []
    library.larq_igp_instruction_sets.restype = ctypes.POINTER(ctypes.c_char_p)
    return library


def _c_text(value: object) -> bytes:
    """The text of any value, whole: C's ends at a zero."""
    return str(value).encode(errors="replace").replace(b"\0", b"\\0")


class Delegate:
    """A delegate for the host's Python interpreters."""

    def __init__(
        self,
        *,
        instruction_set: str | None = None,
        fuse: bool = True,
        pixels: bool = True,
        profile: bool = False,
    ):
        """Make a delegate that reports to `logger`; arguments are those of `Interpreter`.

        Raises:
            ValueError: the instruction set is unknown, or this processor does not have it.
            FileNotFoundError: see `delegate_path`.
        """
        self._library = _library()
        self._pointer = None
        options = _Options(
            size=ctypes.sizeof(_Options),
            instruction_set=None if instruction_set is None else _c_text(instruction_set),
            fuse=fuse,
            pixels=pixels,
            profile=profile,
            log=_log,
        )
        error = ctypes.create_string_buffer(512)
        self._pointer = self._library.larq_igp_create_delegate(options, error, len(error))
        if not self._pointer:
            raise ValueError(f"{error.value.decode(errors='replace')}.")

    def __del__(self) -> None:
        """Destroy it; the interpreter is gone by then, as it holds a reference."""
        if self._pointer:
            self._library.larq_igp_destroy_delegate(self._pointer)
            self._pointer = None

    def _get_native_delegate_pointer(self) -> int | None:
        """Return its address, which every host's interpreter asks for."""
        return self._pointer

    def describe(self) -> dict:
        """Return the result of `larq_igp_describe` of larq_igp_runtime.h.

        Raises:
            MemoryError: there is no memory for it.
        """
        size = self._library.larq_igp_describe(self._pointer, None, 0)
        text = ctypes.create_string_buffer(size + 1)
        if not size or self._library.larq_igp_describe(self._pointer, text, len(text)) != size:
            raise MemoryError("There is no memory for the engine's description.")
        return json.loads(text.value)
