"""Does a ``.tflite`` compute what its Keras model computes?

Both round differently in float32. On the way to a sign that does not matter, unless a value lies
within rounding of
its threshold: then the sign flips, a whole neighbourhood of sums changes by 2, and the image's
output moves by far more than rounding. So the differences of a right file are of two kinds, with
nothing in between: an image without a flip agrees to 2e-5 of its largest output, nearly always to
1e-6; one with a flip differs by 1e-3 to 1. A wrong file (one filter of one layer negated) moved 98
% of all images or more beyond 1e-4, in trained and random networks alike.

The share of images that move is therefore the test, and the network itself says how large it may
be: the share for which *Keras'* output moves when noise as small as rounding is put on its images
and float weights. Measured, with 24 digits at 224 px and 200 at 32 px:

    network                                   file    noise in Keras
    igp_resnet_tiny, 32 px                    0.02    0.04
    igp_resnet37_41, 224 px                   0.33    1.00
    igp_resnet37_41, 224 px, untrained        0.42    0.54
    bireal_resnet34_64, 224 px                0.50    0.79
    bireal_resnet34_64, 224 px, untrained     0.46    0.29
    binary_densenet51_32, 224 px              0.00    0.25
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass

import numpy as np

from larq_igp.deploy.engines import open_engine
from larq_igp.deploy.lce_kernels import is_quantized, read_model
from larq_igp.keras2 import tf

TOLERANCE = 1e-4
"""Of the image's largest output: fivefold the rounding seen, and a tenth of the smallest flip."""
ROUNDING_NOISE = 1e-6
"""Of the largest pixel, and of each weight:

float32 rounds to 6e-8, once in every step of a layer.
"""
NOISE_IMAGES = 256
"""Images that the network's own sensitivity is measured on."""
FLIP_MARGIN = 0.05
"""Share of flips allowed on top of the network's own: noise is not quite rounding."""
MAX_FLIPS = 0.9
"""A wrong file moves more images than this; where a network's own flips come near it, shares decide
nothing.
"""
UNDECIDABLE = 0.8
NOISE_FACTOR = 3.0
"""Where shares decide nothing, differences may be this many times what noise causes."""
BATCH = 32


@dataclass(frozen=True)
class Verification:
    """How a file's outputs compare with Keras'.

    Attributes:
        examples: images compared.
        max_abs_diff: largest difference of any output.
        top1_agreement: share of images with the same largest output, from 0 to 1.
        tolerance: an image moved if an output differs by more than this fraction of its largest
            output.
        moved: share of images that moved.
        moved_allowed: share that may.
        moved_by_noise: share of images whose Keras output moves under noise as small as rounding;
            None for a network without signs, in which nothing flips.
        conclusive: False if the outputs hardly depend on the images, as those of an untrained
            network may.
        passed: whether the file is right.
        reason: the judgement in words.
    """

    examples: int
    max_abs_diff: float
    top1_agreement: float
    tolerance: float
    moved: float
    moved_allowed: float
    moved_by_noise: float | None
    conclusive: bool
    passed: bool
    reason: str

    def to_dict(self) -> dict:
        """Return the findings for JSON."""
        return asdict(self)


def verify(
    model: "tf.keras.Model",
    flatbuffer: bytes,
    images: np.ndarray,
    *,
    threads: int = 1,
    seed: int = 0,
) -> Verification:
    """Compare a file with its Keras model, whose weights are changed for a moment and restored.

    Args:
        model: the Keras model.
        flatbuffer: the content of the ``.tflite``.
        images: ``(N, H, W, C)``, preprocessed as for the model, and real: flips depend on them.
            More than 50 make the judgement sharp.
        threads: for the interpreter.
        seed: of the noise.

    Raises:
        ValueError: if there are no images or their shape is wrong.
        TFLiteFileError: if the file is damaged.
        EngineError: if no installed engine can run it.
    """
    images = np.asarray(images, np.float32)
    if not len(images):
        raise ValueError("verification needs at least one image.")
    found = open_engine(flatbuffer, threads=threads).predict(images)
    expected = _predict(model, images)
    differences = _differences(expected, found)
    moved = float(np.mean(_moved(expected, differences)))
    moved_by_noise, noise_differences = None, None
    if is_quantized(read_model(model)):
        few, outputs = images[:NOISE_IMAGES], expected[:NOISE_IMAGES]
        noise_differences = _differences(
            outputs, _predict_with_noise(model, few, np.random.default_rng(seed))
        )
        moved_by_noise = float(np.mean(_moved(outputs, noise_differences)))
    allowed = moved_allowed(moved_by_noise, min(len(images), NOISE_IMAGES))
    is_undecidable = moved > allowed and moved_by_noise is not None and moved_by_noise > UNDECIDABLE
    passed = moved <= allowed
    if is_undecidable and noise_differences is not None:
        passed = _is_no_worse(differences, noise_differences)
    return Verification(
        examples=len(images),
        max_abs_diff=float(np.max(differences)),
        top1_agreement=float(np.mean(expected.argmax(-1) == found.argmax(-1))),
        tolerance=TOLERANCE,
        moved=moved,
        moved_allowed=allowed,
        moved_by_noise=moved_by_noise,
        conclusive=_depends_on_images(expected),
        passed=bool(passed),
        reason=_reason(moved, allowed, moved_by_noise, is_undecidable, passed),
    )


def moved_allowed(moved_by_noise: float | None, examples: int) -> float:
    """Return the share of images that may move: what noise moves, a margin, and three standard
    errors of both shares.

    Args:
        moved_by_noise: share that noise as small as rounding moves; None where nothing can flip.
        examples: images that it was measured on.
    """
    if moved_by_noise is None:
        return 0.0
    share = min(max(moved_by_noise, 0.02), 0.98)  # none of a few images does not mean none of all
    standard_error = np.sqrt(2 * share * (1 - share) / examples)
    return float(min(moved_by_noise + FLIP_MARGIN + 3 * standard_error, MAX_FLIPS))


def _predict(model: "tf.keras.Model", images: np.ndarray) -> np.ndarray:
    starts = range(0, len(images), BATCH)
    return np.concatenate(
        [model(images[start : start + BATCH], training=False).numpy() for start in starts]
    )


def _predict_with_noise(
    model: "tf.keras.Model", images: np.ndarray, generator: np.random.Generator
) -> np.ndarray:
    """Return what Keras computes if images and float weights are off by rounding."""
    amplitude = ROUNDING_NOISE * np.max(np.abs(images))
    noise = amplitude * generator.standard_normal(images.shape, np.float32)
    with _noise_on_weights(model, generator):
        return _predict(model, (images + noise).astype(np.float32))


@contextmanager
def _noise_on_weights(model: "tf.keras.Model", generator: np.random.Generator) -> Iterator[None]:
    """Put noise on all weights but those of quantized layers, for as long as the context lasts."""
    graph = read_model(model)
    quantized = [k for k in graph.kernels().values() if k.quantizer or k.input_quantizer]
    spared = {id(kernel.owner) for kernel in quantized}
    layers = [each for each in graph.layers().values() if each.weights and id(each) not in spared]
    before = [layer.get_weights() for layer in layers]
    try:
        for layer, weights in zip(layers, before, strict=True):
            layer.set_weights([_with_noise(values, generator) for values in weights])
        yield
    finally:
        for layer, weights in zip(layers, before, strict=True):
            layer.set_weights(weights)


def _with_noise(values: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    if values.dtype != np.float32:  # a counter, or the state of a random generator
        return values
    return values * (1 + ROUNDING_NOISE * generator.standard_normal(values.shape, np.float32))


def _differences(expected: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Return the largest difference of each image, ``(N,)``."""
    return np.abs(expected - found).reshape(len(expected), -1).max(axis=1)


def _moved(expected: np.ndarray, differences: np.ndarray) -> np.ndarray:
    """Tell which images moved, ``(N,)``; NaN counts as moved."""
    largest = np.abs(expected).reshape(len(expected), -1).max(axis=1)
    return ~(differences <= TOLERANCE * largest)


def _is_no_worse(differences: np.ndarray, noise_differences: np.ndarray) -> bool:
    """Where nearly every image moves by noise, ask that the file moves them no further than noise
    does.
    """
    return bool(np.median(differences) <= NOISE_FACTOR * np.median(noise_differences))


def _depends_on_images(expected: np.ndarray) -> bool:
    return len(expected) == 1 or bool(
        np.ptp(expected, axis=0).max() > TOLERANCE * np.abs(expected).max()
    )


def _reason(
    moved: float, allowed: float, moved_by_noise: float | None, is_undecidable: bool, passed: bool
) -> str:
    seen = f"{moved:.1%} of the images differ by more than {TOLERANCE:g} of their largest output"
    if moved_by_noise is None:
        return f"{seen}; nothing can flip in a network without quantizers, so none may."
    own = (
        f"noise as small as rounding ({ROUNDING_NOISE:g}) moves {moved_by_noise:.1%} in Keras "
        "itself, "
        "where a value lands on a sign threshold and flips"
    )
    if is_undecidable:
        verdict = "no further" if passed else "further"
        return (
            f"{seen}; {own}: too many to tell by their number, but the file moves them {verdict} "
            "than noise does."
        )
    return f"{seen}; {own}, so up to {allowed:.1%} may."
