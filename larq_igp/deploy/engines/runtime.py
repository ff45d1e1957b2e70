"""larq-igp-runtime, the engine in ``runtime/``."""

from typing import Any

import numpy as np

from larq_igp.deploy.engines.engine import LocalEngine
from larq_igp.deploy.structure import installed_check
from larq_igp.packages import BY_MODULE


class RuntimeEngine(LocalEngine):
    """larq-igp-runtime for 1-bit operators, and LiteRT with XNNPACK for float operators."""

    name = "larq_igp_runtime"
    package = BY_MODULE["larq_igp_runtime"]

    @classmethod
    def import_package(cls) -> Any:
        """Import the package, and make sure that its shared library was built."""
        from larq_igp_runtime import Interpreter, delegate_path

        delegate_path()
        return Interpreter

    def _load(self, interpreter: Any, content: bytes) -> None:
        # The file was checked before, and that check decided about unknown operators.
        options = {"unknown_operators": True} if installed_check() else {}
        self._interpreter = interpreter(content, num_threads=self.threads, **options)
        self.run(self._zeros)  # so that timed calls read defined numbers

    def _run(self, inputs: list[np.ndarray]) -> list[np.ndarray]:
        """Run once; return copies of all outputs."""
        outputs = self._interpreter.predict(inputs)
        return outputs if isinstance(outputs, list) else [outputs]

    def _invoke(self) -> None:
        """Run once on the current inputs."""
        self._interpreter.invoke()
