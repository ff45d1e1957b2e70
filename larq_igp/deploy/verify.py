"""Does a ``.tflite`` compute what its Keras model computes?

Keras and an engine round differently in float32. That does not matter unless a value lies within
rounding of the threshold of a sign: then the sign flips, all sums that read it change by 2, and the
image's output changes visibly. In a deep network this happens to most images, so comparing outputs
cannot tell a right file from a wrong one. Comparing layers can: from the *same inputs*, each layer
computes the same up to rounding.

A file passes if all of this holds:

- Every Keras layer is run on the file's values of its inputs. The file must have the result, up to
  rounding (``verification.rounding``), computed from the same tensors (``verification.walk``). An
  engine that keeps all intermediate results provides the file's values.
- Every binary convolution agrees bit for bit: its weights, the signs that it reads, strides,
  dilation and padding, and the sums that the engine computes. What follows the sums (multiplier,
  bias and activation, or thresholds) is compared for *every* sum that may occur, not only for those
  of the images (``verification.constants``).
- The engine's output is the same whether or not it keeps all intermediate results. This checks the
  operators that it fuses.
- If a file normalises pixels or has 8-bit weights, the network without these parts is compared as
  above (``device.plain``), and the parts are compared separately (``verification.device_file``).

The differences between the outputs for whole images and Keras' are reported, but do not decide.

Constants of float operators are compared only through their results for the images. So a float
operator passes if it is wrong only for values that do not occur, such as a missing ReLU after
values that are all positive. Errors within rounding pass as well: in a float sum of hundreds of
terms, rounding is more than a thousandth of a small bias.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from larq_igp.deploy.device.plain import plain_file
from larq_igp.deploy.engines import ENGINES, engines_for, open_engine
from larq_igp.deploy.errors import EngineError
from larq_igp.deploy.flatbuffer import TFLiteFile, read_tflite
from larq_igp.deploy.lce_kernels import read_model
from larq_igp.deploy.verification.device_file import check_device_file
from larq_igp.deploy.verification.fault import Fault
from larq_igp.deploy.verification.file_tensors import bytes_per_image, read_tensors
from larq_igp.deploy.verification.rounding import UNITS
from larq_igp.deploy.verification.walk import Walk
from larq_igp.keras2 import tf

JUDGES = {True: ("lce", "larq_igp_runtime"), False: ("tflite",)}
"""Engines that verify files with 1-bit operators (True) and without (False)."""
MOVED = 1e-4
"""An image has moved if an output differs by more than this share of its largest one. Rounding
alone causes a fifth of it, the smallest flip of a sign ten times as much.
"""
MOST_IMAGES = 8
MOST_BYTES = 2**28
"""Largest number of images that are compared layer by layer, and largest size of their results:
every image has thousands of values of each channel.
"""
BATCH = 32

Normalise = Callable[[np.ndarray], np.ndarray]
"""Turns images as a file takes them into inputs of its Keras model."""


@dataclass(frozen=True, kw_only=True)
class Verification:
    """Result of verifying a file with one engine.

    Attributes:
        engine: name of the engine.
        version: version of the engine's package; None if unknown.
        passed: whether the file is right; False also if the engine is not installed.
        reason: the result in words.
        binary_convolutions: number of them that were compared exactly.
        results: number of other results of layers that were compared up to rounding.
        largest_rounding: largest difference of these, in units in the last place of the terms.
        examples: number of images whose outputs were compared; the next three fields are about
            them.
        max_abs_diff: largest difference of any output.
        top1_agreement: share of images with the same largest output, from 0 to 1.
        moved: share of images with an output that differs by more than ``MOVED``.
    """

    engine: str
    version: str | None = None
    passed: bool
    reason: str
    binary_convolutions: int = 0
    results: int = 0
    largest_rounding: float | None = None
    examples: int = 0
    max_abs_diff: float | None = None
    top1_agreement: float | None = None
    moved: float | None = None

    def to_dict(self) -> dict:
        """Return the findings for JSON."""
        return asdict(self)


def verify(
    model: "tf.keras.Model",
    flatbuffer: bytes,
    images: np.ndarray,
    *,
    normalise: Normalise | None = None,
    engine: str | None = None,
    threads: int = 1,
) -> Verification:
    """Compare a file with its Keras model, layer by layer from the same inputs.

    Args:
        model: the Keras model, which is left as it is.
        flatbuffer: the content of the ``.tflite``.
        images: ``(N, H, W, C)`` as the file takes them: normalised as for the model, or pixels.
            Layers are compared on the first few, outputs on all.
        normalise: turns images into inputs of the model; None if they are the same.
        engine: name of the engine; None for the first installed one of those that verify.
        threads: number of threads that the engine may use.

    Raises:
        ValueError: if there are no images or their shape is wrong.
        ConversionError: if the model's graph cannot be read.
        TFLiteFileError: if the file is damaged.
        EngineError: if the engine cannot run it, or none is installed.
    """
    file = read_tflite(flatbuffer)
    if engine is None:
        installed = engines_for(flatbuffer)
        engine = next((name for name in JUDGES[file.is_binary] if name in installed), installed[0])
    inputs = _inputs(model, images, normalise)
    return _verify(
        model, predict_all(model, inputs.normalised), flatbuffer, inputs, engine, threads
    )


def verify_with_all(
    model: "tf.keras.Model",
    flatbuffer: bytes,
    images: np.ndarray,
    *,
    normalise: Normalise | None = None,
    expected: np.ndarray | None = None,
    threads: int = 1,
) -> tuple[Verification, ...]:
    """Compare a file with its Keras model with every engine that verifies; see ``verify``.

    Args:
        model: see ``verify``.
        flatbuffer: see ``verify``.
        images: see ``verify``.
        normalise: see ``verify``.
        expected: outputs to compare those of the file with; None for the model's.
        threads: see ``verify``.

    Returns:
        One verification for each engine, also for one that is not installed or cannot run the file.

    Raises:
        EngineError: if none is installed.
    """
    file = read_tflite(flatbuffer)
    engines_for(flatbuffer)  # raises if none is installed
    inputs = _inputs(model, images, normalise)
    expected = predict_all(model, inputs.normalised) if expected is None else expected
    found = []
    for name in JUDGES[file.is_binary]:
        why_not = ENGINES[name].refusal(file)
        if why_not is None:
            try:
                found.append(_verify(model, expected, flatbuffer, inputs, name, threads))
                continue
            except EngineError as error:
                why_not = str(error)
        found.append(Verification(engine=name, passed=False, reason=why_not))
    return tuple(found)


@dataclass(frozen=True)
class _Inputs:
    """Images as a file takes them, and as its model takes them."""

    images: np.ndarray
    normalised: np.ndarray
    normalise: Normalise


def _inputs(model: "tf.keras.Model", images: np.ndarray, normalise: Normalise | None) -> _Inputs:
    images, shape = np.asarray(images), model.input_shape[1:]
    if not len(images):
        raise ValueError("verification needs at least one image.")
    if images.shape[1:] != shape:
        wanted = ", ".join(map(str, ("N", *shape)))
        raise ValueError(f"the model takes images of shape ({wanted}); got {images.shape}.")
    if normalise is None:
        images = images.astype(np.float32)
    normalise = normalise or (lambda each: each)
    return _Inputs(images, normalise(images), normalise)


def _verify(
    model: "tf.keras.Model",
    expected: np.ndarray,
    flatbuffer: bytes,
    inputs: _Inputs,
    engine: str,
    threads: int,
) -> Verification:
    plain = plain_file(flatbuffer)
    count = _image_count(read_tflite(plain))
    options: dict[str, Any] = {"engine": engine, "threads": threads}
    found = _run(flatbuffer, inputs.images, **options)
    tensors = read_tensors(plain, inputs.normalised[:count], **options)
    walk, parts = Walk(read_model(model), tensors), []
    try:
        walk.run()
        whole = (
            found[:count]
            if plain is flatbuffer
            else _run(plain, inputs.normalised[:count], **options)
        )
        _require_same(whole, tensors.values[tensors.file.outputs[0]])
        if plain is not flatbuffer:
            parts = check_device_file(
                flatbuffer, inputs.images[:count], inputs.normalise, **options
            )
        fault = None
    except Fault as error:
        fault = str(error)
    binary = walk.binary_convolutions
    results = sum(known.is_found for known in walk.known.values()) - binary
    return Verification(
        engine=engine,
        version=ENGINES[engine].version(),
        passed=fault is None,
        reason=fault or _agreement(binary, results, walk.farthest, parts),
        binary_convolutions=binary,
        results=results,
        largest_rounding=round(walk.farthest, 2),
        examples=len(inputs.images),
        max_abs_diff=float(np.max(np.abs(expected - found))),
        top1_agreement=float(np.mean(expected.argmax(-1) == found.argmax(-1))),
        moved=float(np.mean(_moved(expected, found))),
    )


def _run(content: bytes, images: np.ndarray, *, engine: str, threads: int) -> np.ndarray:
    opened = open_engine(content, threads=threads, engine=engine, unknown_operators=True)
    return opened.predict(images)


def _image_count(file: TFLiteFile) -> int:
    return max(1, min(MOST_IMAGES, MOST_BYTES // bytes_per_image(file)))


def predict_all(model: "tf.keras.Model", images: np.ndarray) -> np.ndarray:
    """Return a model's outputs for images that are its inputs."""
    starts = range(0, len(images), BATCH)
    return np.concatenate(
        [model(images[start : start + BATCH], training=False).numpy() for start in starts]
    )


def _moved(expected: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Tell which images moved, ``(N,)``; NaN counts as moved."""
    flat = expected.reshape(len(expected), -1)
    differences = np.abs(flat - found.reshape(flat.shape)).max(axis=1)
    return ~(differences <= MOVED * np.abs(flat).max(axis=1))


def _require_same(whole: np.ndarray, kept: np.ndarray) -> None:
    """Check that an engine computes the same when it does not keep intermediate results.

    So far the results of all engines are equal bit for bit. An engine that fuses operators may
    round differently, which may flip signs of some images.

    Raises:
        Fault: if most images move.
    """
    if np.mean(_moved(kept, whole)) > 0.5:
        raise Fault("the engine computes something else when it does not keep all results.")


def _agreement(binary: int, results: int, farthest: float, parts: list[str]) -> str:
    exactly = f"{binary} binary convolutions agree bit for bit and " if binary else ""
    also = f" The file {' and '.join(parts)}." if parts else ""
    return (
        f"from the same inputs, {exactly}{results} other results to {farthest:.1f} units in the "
        f"last place, where rounding may take {UNITS:g}.{also}"
    )
