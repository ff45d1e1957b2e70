"""Runs Larq Compute Engine models fast in any stock LiteRT / TensorFlow Lite interpreter.

    from larq_igp_runtime import Interpreter

    scores = Interpreter("model.tflite", num_threads=4).predict(images)

The engine is an external delegate: one shared library that the stock interpreter loads. It takes over
the four operators of Larq Compute Engine (LCE); everything else stays with the interpreter.
`delegate_path()` names the library, for programs that use LiteRT themselves.
"""

from larq_igp_runtime.engine import ISAS, delegate_path
from larq_igp_runtime.interpreter import Interpreter, ModelError, TensorInfo

__all__ = ["ISAS", "Interpreter", "ModelError", "TensorInfo", "delegate_path"]
__version__ = "0.1.0"
