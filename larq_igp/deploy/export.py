"""Export a Keras model to a verified ``.tflite`` with its card.

An export that fails leaves no files behind.
"""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from larq_igp.deploy.about import About
from larq_igp.deploy.audit import Audit, audit
from larq_igp.deploy.card import DenseChoice, Made, card_path, write_card
from larq_igp.deploy.convert import Converted, lce_is_installed
from larq_igp.deploy.device.make import Device, made
from larq_igp.deploy.device.scores import scores_of, with_scores
from larq_igp.deploy.errors import ConversionError
from larq_igp.deploy.verify import Verification, predict_all, verify_with_all
from larq_igp.errors import UserError
from larq_igp.files import atomic_path
from larq_igp.keras2 import tf

AS_IT_IS = Device()


@dataclass(frozen=True)
class Export:
    """The written files, and the findings about them."""

    path: Path
    card: Path
    seconds: float
    audit: Audit
    verifications: tuple[Verification, ...]
    dataset: str
    converter: str
    scores: str
    choice: DenseChoice | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "file": str(self.path),
            "card": str(self.card),
            "bytes": self.audit.file_bytes,
            "converter": self.converter,
            "scores": self.scores,
            "dense_choice": None if self.choice is None else asdict(self.choice),
            "conversion_seconds": round(self.seconds, 3),
            "verified_on": self.dataset,
            "audit": self.audit.to_dict(),
            "verifications": [each.to_dict() for each in self.verifications],
        }


def check_output(path: str | Path) -> Path:
    """Refuse an output that cannot be written, before the work is done.

    Raises:
        UserError: if it does not end in ``.tflite``, its folder is missing, or it or its card is a
            folder.
    """
    path = Path(path)
    if path.suffix != ".tflite":
        raise UserError(f"{path} must end in .tflite; its card gets the same name with .json.")
    if not path.parent.is_dir():
        raise UserError(f"{path} cannot be written: the folder {path.parent} does not exist.")
    for file in (path, card_path(path)):
        if file.is_dir():
            raise UserError(f"{file} cannot be written: it is a folder.")
    return path


def export(
    model: "tf.keras.Model",
    path: str | Path,
    *,
    about: About,
    images: np.ndarray,
    images_of: str,
    float_model: bool = False,
    converter: str = "auto",
    threads: int = 1,
    device: Device = AS_IT_IS,
    choice: DenseChoice | None = None,
) -> Export:
    """Convert, audit and verify a model, and only then write the file and its card.

    Args:
        model: the network, with its weights.
        path: path of the ``.tflite``; its card gets the same name with ``.json``.
        about: what the card will state.
        images: images to verify on, ``(N, H, W, C)``: pixels if the file takes pixels, else
            normalised.
        images_of: name of their data set.
        float_model: convert with TensorFlow Lite whatever the quantizers are.
        converter: see ``convert``; ``auto`` also takes Larq Compute Engine if the first file is
            wrong.
        threads: number of threads to verify with.
        device: options of the file for a device.
        choice: why the dense weights have their width, for the card.

    Raises:
        ConversionError: if the network cannot be converted, or the file does not compute the same.
        UserError: if the file cannot be written.
    """
    path = check_output(path)
    if not model.weights:
        raise ConversionError(f"{model.name!r} has no weights: there is no network to convert.")
    model = with_scores(model, device.scores)
    normalise = _normalise(about) if device.takes_pixels else None
    expected = predict_all(model, images if normalise is None else normalise(images))

    def attempt(converter: str) -> _Tried:
        start = time.perf_counter()
        with made(model, device, about, float_model=float_model, converter=converter) as file:
            seconds = time.perf_counter() - start
            findings = audit(model, file.content, float_model=float_model)
            checks = verify_with_all(
                model, file.content, images, normalise=normalise, expected=expected, threads=threads
            )
        return _Tried(file, seconds, findings, checks)

    tried = attempt(converter)
    is_wrong = tried.converted.converter == "own" and not tried.is_right
    if is_wrong and converter == "auto" and lce_is_installed():
        tried = attempt("lce")
    findings, checks = tried.audit, tried.checks
    if not tried.is_right:
        compared = [check for check in checks if check.examples]
        reasons = dict.fromkeys(check.reason for check in compared or checks)
        raise ConversionError(
            "the converted file does not compute what Keras computes, and was not written: "
            f"{' '.join([*reasons, *findings.warnings])}"
        )
    card = card_path(path)
    with atomic_path(path) as file:
        file.write_bytes(tried.converted.content)
        how = Made(
            converter=tried.converted.converter, scores=scores_of(model), dense_choice=choice
        )
        written = write_card(file, about, audit=findings, verifications=checks, made=how)
        written.replace(card)
    by = tried.converted.converter
    return Export(
        path, card, tried.seconds, findings, checks, images_of, by, scores_of(model), choice
    )


@dataclass(frozen=True)
class _Tried:
    """A converted file that is not written yet, and the findings about it."""

    converted: Converted
    seconds: float
    audit: Audit
    checks: tuple[Verification, ...]

    @property
    def is_right(self) -> bool:
        return any(check.passed for check in self.checks)


def _normalise(about: About) -> Callable[[np.ndarray], np.ndarray]:
    return lambda pixels: about.preprocessing.normalise(tf.constant(pixels)).numpy()
