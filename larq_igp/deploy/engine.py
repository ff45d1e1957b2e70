"""Run a ``.tflite`` through one of the interpreters of this machine, all behind one small face."""

import importlib.util
from abc import ABC, abstractmethod
from pathlib import Path

import numpy as np

from larq_igp.deploy.errors import EngineError
from larq_igp.deploy.flatbuffer import TFLiteFile, read_bytes, read_tflite

MOST_THREADS = 256
"""More would only exhaust the machine."""


class Engine(ABC):
    """An interpreter with a file in it, for one input and one output at batch 1.

    (``invoke`` alone takes files with several inputs too: single operators are timed so.)

    Attributes:
        name: of the interpreter.
        threads: that it may use.
        input_shape: ``(1, H, W, C)``.
        input_dtype: of the input's elements.
        output_shape: of one result, ``(1, classes)``.
    """

    name: str

    def __init__(self, content: bytes, file: TFLiteFile, threads: int):
        """Take the shapes from the file."""
        refusal = self.refusal(file)
        if refusal:
            raise EngineError(f"engine {self.name!r} {refusal}")
        self.threads = threads
        sources, result = (
            [file.tensors[index] for index in file.inputs],
            file.tensors[file.outputs[0]],
        )
        self.input_shape, self.input_dtype = sources[0].shape, sources[0].dtype
        self.output_shape = result.shape
        self._zeros = [np.zeros(source.shape, source.dtype) for source in sources]

    @classmethod
    @abstractmethod
    def refusal(cls, file: TFLiteFile) -> str | None:
        """Say why this engine cannot run a file here; None if it can."""

    def predict(self, batch: np.ndarray) -> np.ndarray:
        """Return the outputs ``(N, ...)`` for images ``(N, H, W, C)``, one after the other.

        Raises:
            ValueError: if the images have another shape or type than the file takes.
        """
        batch = np.asarray(batch)
        if batch.ndim != len(self.input_shape) or batch.shape[1:] != self.input_shape[1:]:
            expected = ", ".join(str(side) for side in self.input_shape[1:])
            raise ValueError(f"the file takes a batch of shape (N, {expected}); got {batch.shape}.")
        if batch.dtype != self.input_dtype:
            raise ValueError(
                f"the file takes {self.input_dtype.name} elements; got {batch.dtype.name}."
            )
        if not len(batch):
            return np.empty((0, *self.output_shape[1:]), np.float32)
        return np.concatenate([self._run(image[np.newaxis]) for image in batch])

    @abstractmethod
    def _run(self, image: np.ndarray) -> np.ndarray:
        """Return a copy of the output for one image ``(1, H, W, C)``."""

    @abstractmethod
    def invoke(self) -> None:
        """Run once on whatever the input holds: the call to time."""


class TFLiteEngine(Engine):
    """TensorFlow's own TensorFlow Lite with XNNPACK; for files without 1-bit operators."""

    name = "tflite"

    def __init__(self, content: bytes, file: TFLiteFile, threads: int):
        """Load the file and allocate its tensors."""
        super().__init__(content, file, threads)
        try:
            self._interpreter = _tflite_interpreter(content, threads)
            self._interpreter.allocate_tensors()
        except (RuntimeError, ValueError) as error:
            raise EngineError(f"engine {self.name!r} cannot load the file: {error}.") from error
        self._inputs = [details["index"] for details in self._interpreter.get_input_details()]
        self._output = self._interpreter.get_output_details()[0]["index"]
        for index, zeros in zip(self._inputs, self._zeros, strict=True):
            self._interpreter.set_tensor(index, zeros)

    @classmethod
    def refusal(cls, file: TFLiteFile) -> str | None:
        """Refuse files with 1-bit operators."""
        needs = (
            "has none of Larq Compute Engine's 1-bit operators, and this file needs them: use "
            "'lce'."
        )
        return needs if file.is_binary else None

    def _run(self, image: np.ndarray) -> np.ndarray:
        self._interpreter.set_tensor(self._inputs[0], image)
        self._interpreter.invoke()
        return self._interpreter.get_tensor(self._output)

    def invoke(self) -> None:
        """Run once on whatever the input holds."""
        self._interpreter.invoke()


def _tflite_interpreter(content: bytes, threads: int):
    import warnings

    from larq_igp.keras2 import tf

    with (
        warnings.catch_warnings()
    ):  # TensorFlow announces a successor of this class; it serves all releases in range
        warnings.simplefilter("ignore")
        return tf.lite.Interpreter(model_content=content, num_threads=threads)


class LCEEngine(Engine):
    """Larq Compute Engine's interpreter with its default kernels."""

    name = "lce"
    options: dict[str, bool] = {}  # noqa: RUF012  read only

    def __init__(self, content: bytes, file: TFLiteFile, threads: int):
        """Load the file; the interpreter allocates its tensors at once."""
        super().__init__(content, file, threads)
        from larq_compute_engine.tflite.python import interpreter_wrapper_lite as wrapper

        options = {
            "use_reference_bconv": False,
            "use_indirect_bgemm": False,
            "use_xnnpack": False,
        } | self.options
        try:
            self._interpreter = wrapper.LiteInterpreter(content, threads, *options.values())
        except RuntimeError as error:
            raise EngineError(f"engine {self.name!r} cannot load the file: {error}.") from error

    @classmethod
    def refusal(cls, file: TFLiteFile) -> str | None:
        """Refuse every file where Larq Compute Engine is not installed."""
        if importlib.util.find_spec("larq_compute_engine"):
            return None
        return (
            "needs larq-compute-engine: `pip install larq-compute-engine` on Python 3.10-3.12 for "
            "Linux x86-64, "
            "macOS or Windows."
        )

    def _run(self, image: np.ndarray) -> np.ndarray:
        return self._interpreter.predict([np.ascontiguousarray(image)])[0]

    def invoke(self) -> None:
        """Run once on zeros:

        this interpreter copies its input in with every call, which takes microseconds.
        """
        self._interpreter.predict(self._zeros)


class LCEIndirectEngine(LCEEngine):
    """Larq Compute Engine at its best on a host:

    indirect 1-bit kernels, and XNNPACK for the float operators.
    """

    name = "lce_indirect"
    options = {"use_indirect_bgemm": True, "use_xnnpack": True}  # noqa: RUF012  read only


class RuntimeEngine(Engine):
    """This project's own engine, the package in ``runtime/``; float operators go to LiteRT with
    XNNPACK.
    """

    name = "larq_igp_runtime"

    def __init__(self, content: bytes, file: TFLiteFile, threads: int):
        """Load the file and allocate its tensors."""
        super().__init__(content, file, threads)
        from larq_igp_runtime import Interpreter, ModelError

        try:
            self._interpreter = Interpreter(content, num_threads=threads)
            self._interpreter.predict(
                self._zeros
            )  # so that what is timed later has numbers to read
        except ModelError as error:
            raise EngineError(f"engine {self.name!r} cannot load the file: {error}") from error

    @classmethod
    def refusal(cls, file: TFLiteFile) -> str | None:
        """Refuse every file where the package is not installed."""
        if importlib.util.find_spec("larq_igp_runtime"):
            return None
        return "needs larq-igp-runtime: `pip install ./runtime` in a checkout of larq-igp."

    def _run(self, image: np.ndarray) -> np.ndarray:
        return self._interpreter.predict(image)

    def invoke(self) -> None:
        """Run once on whatever the input holds."""
        self._interpreter.invoke()


ENGINES: dict[str, type[Engine]] = {
    engine.name: engine for engine in (TFLiteEngine, RuntimeEngine, LCEIndirectEngine, LCEEngine)
}
"""Name of an engine -> its class. The first one that can run a file is that file's default."""


def engines_for(source: str | Path | bytes) -> tuple[str, ...]:
    """Return the names of the installed engines that a file is for, the default one first.

    Those with 1-bit operators if it has any, else TensorFlow Lite, which runs float operators best.

    Raises:
        TFLiteFileError: if the file is missing or damaged.
    """
    return _engines_for(read_tflite(source))


def _engines_for(file: TFLiteFile) -> tuple[str, ...]:
    if not file.is_binary:
        return (TFLiteEngine.name,)
    return tuple(name for name, engine in ENGINES.items() if engine.refusal(file) is None)


def open_engine(
    source: str | Path | bytes, *, threads: int = 1, engine: str | None = None
) -> Engine:
    """Open a ``.tflite`` for inference.

    Args:
        source: a path, or the content of the file.
        threads: that the engine may use.
        engine: a name in ``ENGINES``; by default the first of ``engines_for``.

    Raises:
        TFLiteFileError: if the file is missing or damaged.
        EngineError: if the engine is unknown, not installed, or cannot run the file.
    """
    content, file = read_bytes(source), read_tflite(source)
    if len(file.inputs) != 1 or len(file.outputs) != 1:
        counts = f"{len(file.inputs)} inputs and {len(file.outputs)} outputs"
        raise EngineError(f"the file has {counts}; one of each can be run.")
    return load_engine(content, file, threads=threads, engine=engine)


def load_engine(
    content: bytes, file: TFLiteFile, *, threads: int = 1, engine: str | None = None
) -> Engine:
    """Load a file that is already read and checked; see ``open_engine``."""
    if not 1 <= threads <= MOST_THREADS:
        raise EngineError(f"threads must be at least 1 and at most {MOST_THREADS}; got {threads}.")
    name = engine or (_engines_for(file) or (LCEEngine.name,))[0]
    if name not in ENGINES:
        raise EngineError(f"no engine is named {name!r}; there are {', '.join(ENGINES)}.")
    return ENGINES[name](content, file, threads)
