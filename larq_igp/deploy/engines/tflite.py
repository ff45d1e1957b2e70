"""TensorFlow Lite, as part of TensorFlow."""

import warnings
from typing import Any

import numpy as np

from larq_igp.deploy.engines.engine import LocalEngine
from larq_igp.packages import BY_MODULE


class TFLiteEngine(LocalEngine):
    """TensorFlow's own TensorFlow Lite with XNNPACK; for files without 1-bit operators."""

    name = "tflite"
    package = BY_MODULE["tensorflow"]
    runs_binary = False

    @classmethod
    def import_package(cls) -> Any:
        """Import TensorFlow."""
        from larq_igp.keras2 import tf

        return tf.lite.Interpreter

    def _load(self, interpreter: Any, content: bytes) -> None:
        with warnings.catch_warnings():
            # TensorFlow recommends its successor; this class works in all supported releases.
            warnings.simplefilter("ignore")
            self._interpreter = interpreter(model_content=content, num_threads=self.threads)
        self._interpreter.allocate_tensors()
        self._inputs = [each["index"] for each in self._interpreter.get_input_details()]
        self._outputs = [each["index"] for each in self._interpreter.get_output_details()]
        self._set(self._zeros)

    def _set(self, inputs: list[np.ndarray]) -> None:
        for index, value in zip(self._inputs, inputs, strict=True):
            self._interpreter.set_tensor(index, value)

    def _run(self, inputs: list[np.ndarray]) -> list[np.ndarray]:
        """Run once; return copies of all outputs."""
        self._set(inputs)
        self._interpreter.invoke()
        return [self._interpreter.get_tensor(index) for index in self._outputs]

    def _invoke(self) -> None:
        """Run once on the current inputs."""
        self._interpreter.invoke()
