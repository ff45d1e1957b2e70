"""The interface of an engine, an interpreter that has loaded a file."""

from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from larq_igp.deploy.errors import EngineError
from larq_igp.deploy.flatbuffer import TFLiteFile
from larq_igp.deploy.timing import time_calls
from larq_igp.packages import Package
from larq_igp.versions import installed_version


class Engine(ABC):
    """An interpreter that has loaded a file.

    Attributes:
        name: name of the engine.
        threads: number of threads that it may use.
        input_shape: ``(B, H, W, C)``; the batch B of a file is usually 1.
        input_dtype: type of the input's elements.
        output_shape: shape of the output, ``(B, classes)``.
    """

    name: str

    def __init__(self, file: TFLiteFile, threads: int):
        """Read the shapes of input and output."""
        self.threads = threads
        inputs = [file.tensors[index] for index in file.inputs]
        self.input_shape, self.input_dtype = inputs[0].shape, inputs[0].dtype
        self.output_shape = file.tensors[file.outputs[0]].shape
        self._zeros = [np.zeros(tensor.shape, tensor.dtype) for tensor in inputs]

    @abstractmethod
    def run(self, inputs: list[np.ndarray]) -> list[np.ndarray]:
        """Run once; return copies of all outputs, in the order of the file."""

    @abstractmethod
    def invoke(self) -> None:
        """Run once on the current inputs: the call to time."""

    def times_ns(self, *, runs: int, warmup: int) -> list[int]:
        """Return the nanoseconds of ``runs`` invocations, after ``warmup`` untimed ones."""
        return time_calls(self.invoke, runs=runs, warmup=warmup)

    def predict(self, batch: np.ndarray) -> np.ndarray:
        """Return the first output ``(N, ...)`` for images ``(N, H, W, C)``.

        Images are run in batches of the file's size; zeros fill up the last batch.

        Raises:
            ValueError: if the images have another shape or type than the file takes.
            EngineError: if the file returns another number of results than images, or fails.
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
        size = self.input_shape[0]
        if self.output_shape[0] != size:
            raise EngineError(
                f"the file takes {size} images at once, but the number of results is "
                f"{self.output_shape[0]}."
            )
        filled = np.concatenate([batch, self._zeros[0][: -len(batch) % size]])
        outputs = [self.run([piece])[0] for piece in np.split(filled, len(filled) // size)]
        return np.concatenate(outputs)[: len(batch)]


class LocalEngine(Engine):
    """An engine in this process.

    Attributes:
        package: the package that contains it.
        runs_binary: whether it has Larq Compute Engine's 1-bit operators.
    """

    package: Package
    runs_binary = True

    def __init__(self, content: bytes, file: TFLiteFile, threads: int):
        """Load the file and allocate its tensors.

        Raises:
            EngineError: if the package is not usable here, or cannot load the file.
        """
        refusal = self.refusal(file)
        if refusal:
            raise EngineError(f"engine {self.name!r} {refusal}")
        super().__init__(file, threads)
        try:
            self._load(self.import_package(), content)
        except (RuntimeError, ValueError) as error:  # ModelError of the runtime is a ValueError
            raise self._failure("load", error) from error

    @classmethod
    @abstractmethod
    def import_package(cls) -> Any:
        """Import the package and return the class of its interpreter."""

    @abstractmethod
    def _load(self, interpreter: Any, content: bytes) -> None:
        """Load the file into an interpreter of this class."""

    @abstractmethod
    def _run(self, inputs: list[np.ndarray]) -> list[np.ndarray]:
        """Run once; return copies of all outputs."""

    @abstractmethod
    def _invoke(self) -> None:
        """Run once on the current inputs."""

    def run(self, inputs: list[np.ndarray]) -> list[np.ndarray]:
        """Run once; return copies of all outputs.

        Raises:
            EngineError: if the interpreter fails.
        """
        try:
            return self._run(inputs)
        except (RuntimeError, ValueError) as error:
            raise self._failure("run", error) from error

    def invoke(self) -> None:
        """Run once on the current inputs; errors as in ``run``."""
        try:
            self._invoke()
        except (RuntimeError, ValueError) as error:
            raise self._failure("run", error) from error

    def _failure(self, what: str, error: Exception) -> EngineError:
        said = " ".join(str(error).split()).rstrip(". ")
        return EngineError(f"engine {self.name!r} cannot {what} the file: {said}.")

    @classmethod
    def version(cls) -> str | None:
        """Return the version of the package; None if it is not installed."""
        return installed_version(cls.package.name)

    @classmethod
    def refusal(cls, file: TFLiteFile) -> str | None:
        """Say why this engine cannot run a file here, and what to do; None if it can."""
        if file.is_binary and not cls.runs_binary:
            return (
                "has none of Larq Compute Engine's 1-bit operators, and this file needs them: use "
                "'lce'."
            )
        try:
            cls.import_package()
        except (ImportError, OSError) as error:
            is_missing = isinstance(error, ModuleNotFoundError) and cls.version() is None
            state = "" if is_missing else f" in working order ({' '.join(str(error).split())})"
            return f"needs {cls.package.name}{state}: {cls.package.how_to_get}."
        return None
