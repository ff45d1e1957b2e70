"""larq-igp: 1-bit convolutional networks with short gradient paths.

The package is a pipeline, one folder a step, each usable on its own:

1. ``architectures`` declares networks as data (no TensorFlow),
2. ``models`` builds them as Keras functional models of Larq layers,
3. ``data`` feeds them images,
4. ``training`` trains them: a recipe becomes a run directory,
5. ``deploy`` converts to ``.tflite``, audits, verifies and times,
6. ``inference`` opens a run, a name or a file, evaluates and predicts,
7. ``analysis`` counts storage, multiply-accumulates and memory, and follows gradients.

The functions of this module are those of the command line: ``build``, ``train``, ``evaluate``,
``predict``, ``export``; ``open_subject`` opens the source of a command.

Importing ``larq_igp`` imports no TensorFlow. It does select Keras 2, the one that Larq is written
for, by setting ``TF_USE_LEGACY_KERAS`` for the TensorFlow that is imported later; see
``larq_igp.keras2``.
"""

import importlib
import os

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")

__version__ = "0.1.0"

_LAZY = {
    "build": "larq_igp.models",
    "get_spec": "larq_igp.architectures",
    "list_networks": "larq_igp.architectures",
    "register_family": "larq_igp.models",
    "register_network": "larq_igp.models",
    "count": "larq_igp.analysis",
    "from_arrays": "larq_igp.data",
    "register_dataset": "larq_igp.data",
    "train": "larq_igp.training.train",
    "load": "larq_igp.trained",
    "load_keras_model": "larq_igp.inference.keras_file",
    "open_subject": "larq_igp.inference.opening",
    "evaluate": "larq_igp.inference.evaluate",
    "predict": "larq_igp.inference.predict",
    "convert": "larq_igp.deploy.convert",
    "export": "larq_igp.inference.conversion",
    "verify": "larq_igp.deploy.verify",
    "write_report": "larq_igp.report.write",
}

__all__ = ["__version__", *_LAZY]


def __getattr__(name: str):
    """Import the few top-level functions when they are first used."""
    if name not in _LAZY:
        raise AttributeError(f"module 'larq_igp' has no attribute {name!r}")
    return getattr(importlib.import_module(_LAZY[name]), name)


def __dir__() -> list[str]:
    """List lazy names too, for completion at the prompt."""
    return sorted([*globals(), *_LAZY])
