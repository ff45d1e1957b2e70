"""The one place that imports TensorFlow: with Keras 2, or with a clear error.

Larq subclasses Keras 2 layers. From TensorFlow 2.16 on, ``tf.keras`` is Keras 3 unless
``TF_USE_LEGACY_KERAS=1`` stands in the environment before TensorFlow is imported.
``import larq_igp`` sets it; this module checks that it took effect.

    from larq_igp.keras2 import tf
"""

import importlib.util
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from larq_igp.errors import UserError
from larq_igp.packages import BY_MODULE

SUBMODULE = "tensorflow.keras"
"""Loaded by ``from tensorflow.keras import ...``; the attribute ``tf.keras`` is separate."""
WANTED = ("1", "true", "True")
"""What ``TF_USE_LEGACY_KERAS`` says for Keras 2."""


@contextmanager
def _quiet_standard_error() -> Iterator[None]:
    """Hold back what C++ writes to standard error, and show it only if TensorFlow cannot be
    imported.

    TensorFlow greets a machine without a GPU with a dozen lines that no log level silences, ahead
    of the one sentence that matters.
    """
    if os.environ.get("TF_CPP_MIN_LOG_LEVEL") == "0":  # somebody wants to see it
        yield
        return
    sys.stderr.flush()
    saved = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except ImportError:
            held.seek(0)
            sys.stderr.write(held.read().decode(errors="replace"))
            raise
        finally:
            os.dup2(saved, 2)
            os.close(saved)


with _quiet_standard_error():
    import tensorflow as tf


class Keras3Error(UserError, ImportError):
    """TensorFlow was imported with Keras 3 before larq-igp could ask for Keras 2."""


def _select_keras2() -> None:
    """Turn a TensorFlow that was imported before this package to Keras 2, while no Keras is in use.

    ``tf.keras`` is loaded when it is first used, and then as the environment says. What
    ``from tensorflow.keras import ...`` finds is decided when TensorFlow is imported.
    """
    if os.environ.get("TF_USE_LEGACY_KERAS") not in WANTED or SUBMODULE in sys.modules:
        return
    package = importlib.util.find_spec("tf_keras.api._v2")
    for folder in (package and package.submodule_search_locations) or ():
        if folder not in tf.__path__:
            tf.__path__.insert(0, folder)


def _require_keras2() -> None:
    asked_for = os.environ.get("TF_USE_LEGACY_KERAS") in WANTED
    if asked_for and not BY_MODULE["tf_keras"].is_installed:
        raise Keras3Error(BY_MODULE["tf_keras"].absence)
    # tf-keras has no version on these modules
    loaded = [getattr(each, "__version__", "2") for each in (sys.modules.get(SUBMODULE), tf.keras)]
    version = max(loaded)
    if version.startswith("3."):
        raise Keras3Error(
            f"Keras {version} is already active, but Larq needs Keras 2: import larq_igp before "
            "tensorflow, or set the environment variable TF_USE_LEGACY_KERAS=1 before TensorFlow "
            "is imported. In a notebook, restart the kernel first."
        )


_select_keras2()
_require_keras2()

__all__ = ["Keras3Error", "tf"]
