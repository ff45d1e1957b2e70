"""Larq Compute Engine, with its default kernels and with its fastest ones on a host."""

from typing import Any

import numpy as np

from larq_igp.deploy.engines.engine import LocalEngine
from larq_igp.deploy.flatbuffer import TFLiteFile
from larq_igp.packages import BY_MODULE, why_lce_cannot_run


class LCEEngine(LocalEngine):
    """Larq Compute Engine's interpreter with its default kernels.

    A file with grouped convolutions, which these cannot compute, gets the indirect kernels.
    """

    name = "lce"
    package = BY_MODULE["larq_compute_engine"]
    indirect_bgemm = xnnpack = False

    def __init__(self, content: bytes, file: TFLiteFile, threads: int):
        """Choose kernels that can compute the file, and load it."""
        self.indirect_bgemm = self.indirect_bgemm or file.has_groups
        super().__init__(content, file, threads)

    @classmethod
    def import_package(cls) -> Any:
        """Import Larq Compute Engine's interpreter alone, without its converter."""
        from larq_compute_engine.tflite.python import interpreter_wrapper_lite

        return interpreter_wrapper_lite.LiteInterpreter

    @classmethod
    def refusal(cls, file: TFLiteFile) -> str | None:
        """Say why this engine cannot run a file here, and what to do; None if it can."""
        why = why_lce_cannot_run() if cls.version() else None
        return f"{why}." if why else super().refusal(file)

    def _load(self, interpreter: Any, content: bytes) -> None:
        reference_kernels = False
        self._interpreter = interpreter(
            content, self.threads, reference_kernels, self.indirect_bgemm, self.xnnpack
        )

    def _run(self, inputs: list[np.ndarray]) -> list[np.ndarray]:
        """Run once; return copies of all outputs."""
        return self._interpreter.predict([_plain(value) for value in inputs])

    def _invoke(self) -> None:
        """Run once on zeros. This interpreter copies its input in at every call, which takes
        microseconds.
        """
        self._interpreter.predict([_plain(value) for value in self._zeros])


class LCEIndirectEngine(LCEEngine):
    """Larq Compute Engine with its fastest kernels on a host: indirect 1-bit kernels, and XNNPACK
    for float operators.
    """

    name = "lce_indirect"
    indirect_bgemm = xnnpack = True


def _plain(value: np.ndarray) -> np.ndarray:
    """Return an array with NumPy's own dtype object.

    The interpreter compares dtypes by identity, and an unpickled array has another object.
    """
    return np.ascontiguousarray(value).view(value.dtype.type)
