"""Does a ``.tflite`` compute what its Keras model computes?

Both round differently in float32. On the way to a sign that does not matter, unless a value lies within rounding of
its threshold: then the sign flips, a whole neighbourhood of sums changes by 2, and the image's output moves by far more
than rounding. So the differences of a right file are of two kinds, with nothing in between. Measured on networks
trained on digits and on random ones:

- images without a flip agree to 2e-5 of the largest output, nearly all to 1e-6;
- images with a flip differ by 1e-3 to 1. At 32 px one image in a hundred has one, at 224 px every second.

A wrong file (one filter of one layer negated) moved 98 % of all images or more beyond 1e-4. The share of images that
move is therefore the test, and the network itself says how large it may be: the share of images for which *Keras'*
output moves when noise as small as rounding is added to the images. At 224 px that was 0.4 and 0.3 where the right
files had 0.4 and 0.5.
"""

from dataclasses import asdict, dataclass

import numpy as np

from larq_igp.deploy.engine import open_engine
from larq_igp.deploy.keras_graph import is_quantized
from larq_igp.keras2 import tf

TOLERANCE = 1e-4
"""Of the image's largest output: fivefold the rounding seen, and a tenth of the smallest flip."""
ROUNDING_NOISE = 1e-6
"""Noise in units of the largest pixel: float32 rounds to 6e-8, and a network rounds in every layer."""
NOISE_IMAGES = 256
"""Images that the network's own sensitivity is measured on."""
FLIP_MARGIN = 0.05
"""Share of flips allowed on top of the network's own: noise on the input is not quite rounding in every layer."""
MAX_FLIPS = 0.9
"""A wrong file moves more images than this; where a network's own flips come near it, shares decide nothing."""
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
        tolerance: an image moved if an output differs by more than this fraction of its largest output.
        moved: share of images that moved.
        moved_allowed: share that may.
        moved_by_noise: share of images whose Keras output moves under noise as small as rounding; None for a network
            without signs, in which nothing flips.
        conclusive: False if the outputs hardly depend on the images, as those of an untrained network may.
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
    model: "tf.keras.Model", flatbuffer: bytes, images: np.ndarray, *, threads: int = 1, seed: int = 0
) -> Verification:
    """Compare a file with its Keras model.

    Args:
        model: the Keras model.
        flatbuffer: the content of the ``.tflite``.
        images: ``(N, H, W, C)``, preprocessed as for the model, and real: flips depend on them. More than 50 make the
            judgement sharp.
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
    if is_quantized(model):
        few, outputs = images[:NOISE_IMAGES], expected[:NOISE_IMAGES]
        noise = np.random.default_rng(seed).standard_normal(few.shape, np.float32)
        amplitude = ROUNDING_NOISE * np.max(np.abs(few), initial=1e-30)
        noise_differences = _differences(outputs, _predict(model, few + noise * amplitude))
        moved_by_noise = float(np.mean(_moved(outputs, noise_differences)))
    allowed = moved_allowed(moved_by_noise, min(len(images), NOISE_IMAGES))
    passed = moved <= allowed and _is_no_worse(differences, noise_differences, moved_by_noise)
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
        reason=_reason(moved, allowed, moved_by_noise, passed),
    )


def moved_allowed(moved_by_noise: float | None, examples: int) -> float:
    """Return the share of images that may move: what noise moves, a margin, and three standard errors of both shares.

    Args:
        moved_by_noise: share that noise as small as rounding moves; None where nothing can flip.
        examples: images that it was measured on.
    """
    if moved_by_noise is None:
        return 0.0
    if moved_by_noise > UNDECIDABLE:
        return 1.0
    share = min(max(moved_by_noise, 0.02), 0.98)  # none of a few images does not mean none of all
    standard_error = np.sqrt(2 * share * (1 - share) / examples)
    return float(min(moved_by_noise + FLIP_MARGIN + 3 * standard_error, MAX_FLIPS))


def _predict(model: "tf.keras.Model", images: np.ndarray) -> np.ndarray:
    starts = range(0, len(images), BATCH)
    return np.concatenate([model(images[start : start + BATCH], training=False).numpy() for start in starts])


def _differences(expected: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Return the largest difference of each image, ``(N,)``."""
    return np.abs(expected - found).reshape(len(expected), -1).max(axis=1)


def _moved(expected: np.ndarray, differences: np.ndarray) -> np.ndarray:
    """Tell which images moved, ``(N,)``; NaN counts as moved."""
    largest = np.abs(expected).reshape(len(expected), -1).max(axis=1)
    return ~(differences <= TOLERANCE * largest)


def _is_no_worse(differences: np.ndarray, noise_differences: np.ndarray | None, moved_by_noise: float | None) -> bool:
    """Where nearly every image moves by noise, ask that the file moves them no further than noise does."""
    if noise_differences is None or moved_by_noise is None or moved_by_noise <= UNDECIDABLE:
        return True
    return bool(np.median(differences) <= NOISE_FACTOR * np.median(noise_differences))


def _depends_on_images(expected: np.ndarray) -> bool:
    return len(expected) == 1 or bool(np.ptp(expected, axis=0).max() > TOLERANCE * np.abs(expected).max())


def _reason(moved: float, allowed: float, moved_by_noise: float | None, passed: bool) -> str:
    seen = f"{moved:.1%} of the images differ by more than {TOLERANCE:g} of their largest output"
    if moved_by_noise is None:
        return f"{seen}; nothing can flip in a network without quantizers, so none may."
    own = (
        f"noise of {ROUNDING_NOISE:g} on the images moves {moved_by_noise:.1%} in Keras itself, "
        "where a value lands on a sign threshold and flips"
    )
    if moved_by_noise > UNDECIDABLE:
        verdict = "no further" if passed else "further"
        return f"{seen}; {own}: too many to tell by their number, but the file moves them {verdict} than noise does."
    return f"{seen}; {own}, so up to {allowed:.1%} may."
