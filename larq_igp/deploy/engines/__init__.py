"""The interpreters that run a ``.tflite`` on this machine, all with the same interface."""

from pathlib import Path

from larq_igp.deploy.engines.child import Child, ChildEngine
from larq_igp.deploy.engines.engine import Engine, LocalEngine
from larq_igp.deploy.engines.lce import LCEEngine, LCEIndirectEngine
from larq_igp.deploy.engines.runtime import RuntimeEngine
from larq_igp.deploy.engines.tflite import TFLiteEngine
from larq_igp.deploy.errors import EngineError
from larq_igp.deploy.flatbuffer import TFLiteFile, read_bytes, read_content, read_tflite
from larq_igp.deploy.structure import check_structure

__all__ = [
    "ENGINES",
    "MOST_THREADS",
    "Child",
    "Engine",
    "LocalEngine",
    "engines_for",
    "load_engine",
    "open_engine",
]

MOST_THREADS = 256
"""Largest number of threads that can be requested."""

ENGINES: dict[str, type[LocalEngine]] = {
    engine.name: engine for engine in (TFLiteEngine, RuntimeEngine, LCEIndirectEngine, LCEEngine)
}
"""Name of an engine -> its class. The first one that can run a file is that file's default."""


def engines_for(source: str | Path | bytes) -> tuple[str, ...]:
    """Return the names of the installed engines for a file, the default one first.

    A file with 1-bit operators needs an engine that has them. TensorFlow Lite runs all others: it
    is the best for float operators.

    Raises:
        TFLiteFileError: if the file is missing or damaged.
        EngineError: if no engine for it is installed; it says how to get one.
    """
    return _engines_for(read_tflite(source))


def _engines_for(file: TFLiteFile) -> tuple[str, ...]:
    if not file.is_binary:
        return (TFLiteEngine.name,)
    binary = [engine for engine in ENGINES.values() if engine.runs_binary]
    refusals = {engine.name: engine.refusal(file) for engine in binary}
    usable = tuple(name for name, refusal in refusals.items() if refusal is None)
    if not usable:
        reasons = dict.fromkeys(refusal.rstrip(".") for refusal in refusals.values() if refusal)
        raise EngineError(
            f"no engine here can run a file with 1-bit operators: one {'; another '.join(reasons)}."
        )
    return usable


def open_engine(
    source: str | Path | bytes,
    *,
    threads: int = 1,
    engine: str | None = None,
    child: Child | None = None,
    unknown_operators: bool = False,
    name: str = "the model",
) -> Engine:
    """Open a ``.tflite`` for inference.

    Args:
        source: a path, or the content of the file.
        threads: number of threads that the engine may use.
        engine: a name in ``ENGINES``; by default the first of ``engines_for``.
        child: child process to run a file of unknown origin in; by default this process runs it.
        unknown_operators: whether operators that the check does not know may run.
        name: name of the file in messages, if its content is given.

    Raises:
        TFLiteFileError: if the file is missing or damaged.
        EngineError: if the engine is unknown, not installed, or cannot run the file.
    """
    content = read_bytes(source)
    where = name if isinstance(source, bytes | bytearray) else str(source)
    check_structure(content, where, unknown_operators=unknown_operators)
    file = read_content(content, where)
    if len(file.inputs) != 1 or len(file.outputs) != 1:
        counts = f"{len(file.inputs)} inputs and {len(file.outputs)} outputs"
        raise EngineError(f"the file has {counts}; it must have one of each.")
    return load_engine(content, file, threads=threads, engine=engine, child=child)


def load_engine(
    content: bytes,
    file: TFLiteFile,
    *,
    threads: int = 1,
    engine: str | None = None,
    child: Child | None = None,
) -> Engine:
    """Load a file that is already read and checked, with any number of inputs and outputs; see
    ``open_engine``.
    """
    if not 1 <= threads <= MOST_THREADS:
        raise EngineError(f"threads must be at least 1 and at most {MOST_THREADS}; got {threads}.")
    name = engine or _engines_for(file)[0]
    if name not in ENGINES:
        raise EngineError(f"no engine is named {name!r}; there are {', '.join(ENGINES)}.")
    if child is None:
        return ENGINES[name](content, file, threads)
    refusal = ENGINES[name].refusal(file)
    if refusal:
        raise EngineError(f"engine {name!r} {refusal}")
    return ChildEngine(name, content, file, threads, child)
