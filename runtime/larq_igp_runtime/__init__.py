"""Runs Larq Compute Engine models fast in any stock LiteRT / TensorFlow Lite interpreter.

    from larq_igp_runtime import Interpreter

    scores = Interpreter("model.tflite", num_threads=4).predict(images)

The engine is an external delegate: one shared library that the stock interpreter loads. It takes
over the four operators of Larq Compute Engine (LCE); everything else stays with the interpreter.
`delegate_path()` names the library, for programs that use LiteRT themselves, `include_dir()` its C
header and `cmake_dir()` what CMake finds it by; `check(content)` refuses damaged files before an
interpreter sees them, which `Interpreter` does by itself. What the engine reports goes to the
logger "larq_igp_runtime" of Python's `logging`.
"""

from larq_igp_runtime.check import Limits, ModelError, check
from larq_igp_runtime.engine import (
    ISAS,
    cmake_dir,
    delegate_path,
    include_dir,
    instruction_sets,
)
from larq_igp_runtime.info import ModelInfo, OperatorInfo, StepInfo
from larq_igp_runtime.interpreter import Interpreter, TensorInfo

__all__ = [
    "ISAS",
    "Interpreter",
    "Limits",
    "ModelError",
    "ModelInfo",
    "OperatorInfo",
    "StepInfo",
    "TensorInfo",
    "check",
    "cmake_dir",
    "delegate_path",
    "include_dir",
    "instruction_sets",
]
__version__ = "0.1.0"
