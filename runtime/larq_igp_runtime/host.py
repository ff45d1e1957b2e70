"""Finds the stock interpreter that hosts the engine.

Three packages carry the same interpreter under three names. The smallest and newest comes first.
"""

import importlib
from collections.abc import Callable
from typing import Any, NamedTuple

MODULES = (
    "ai_edge_litert.interpreter",
    "tflite_runtime.interpreter",
    "tensorflow.lite.python.interpreter",
)


class Host(NamedTuple):
    """The parts of one interpreter package that are needed here."""

    name: str
    interpreter: Callable[..., Any]
    load_delegate: Callable[..., Any]
    resolver_type: Any


def find_host() -> Host:
    """The first interpreter package that is installed.

    Raises:
        ImportError: none is.
    """
    for name in MODULES:
        try:
            module = importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name and name.startswith(error.name):
                continue
            raise  # installed, but one of its own dependencies is missing
        return Host(
            name.partition(".")[0],
            module.Interpreter,
            module.load_delegate,
            getattr(module, "OpResolverType", None),
        )
    raise ImportError(
        "No LiteRT or TensorFlow Lite interpreter is installed: pip install ai-edge-litert "
        "(or tflite-runtime, or tensorflow)."
    )
