"""From a run, or from a name, to a verified ``.tflite`` with its card.

What fails leaves nothing behind.
"""

import dataclasses
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from larq_igp.architectures import Spec, get_spec
from larq_igp.data import Dataset, Preprocessing, eval_arrays, load_dataset
from larq_igp.deploy.audit import Audit, audit
from larq_igp.deploy.card import card_path, write_card
from larq_igp.deploy.convert import convert
from larq_igp.deploy.errors import ConversionError
from larq_igp.deploy.verify import Verification, verify
from larq_igp.errors import UserError
from larq_igp.files import atomic_path
from larq_igp.keras2 import tf
from larq_igp.models import build
from larq_igp.training.recipe import check_seed
from larq_igp.training.run.directory import open_run

FEW_IMAGES, MANY_IMAGES = 24, 256
SMALL_SIDE = 64


@dataclass(frozen=True)
class Subject:
    """What is converted, and what its card will say.

    Attributes:
        model: with its weights.
        name: of the network in the registry.
        spec: of the network.
        options: arguments of ``larq_igp.build`` beside the specification: ``bits``, ``pad_values``,
            ``stem``.
        preprocessing: from stored image to input.
        class_names: in the order of the outputs.
        dataset: that it was trained on; None for random weights.
        accuracy: top-1 of the Keras model on the test split, or None.
        images_of: a data set whose test images serve to verify.
    """

    model: "tf.keras.Model"
    name: str
    spec: Spec
    options: dict[str, Any]
    preprocessing: Preprocessing
    class_names: tuple[str, ...]
    dataset: str | None
    accuracy: float | None
    images_of: Dataset


@dataclass(frozen=True)
class Export:
    """What was written, and what is known of it."""

    path: Path
    card: Path
    seconds: float
    audit: Audit
    verification: Verification
    dataset: str

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "file": str(self.path),
            "card": str(self.card),
            "bytes": self.audit.file_bytes,
            "conversion_seconds": round(self.seconds, 3),
            "verified_on": self.dataset,
            "audit": self.audit.to_dict(),
            "verification": self.verification.to_dict(),
        }


def subject_from_run(
    folder: str | Path, *, weights: str = "best", data_dir: str | None = None
) -> Subject:
    """Return a trained network.

    Raises:
        UserError: if the run or its data set cannot be read.
    """
    run = open_run(folder)
    recipe, metrics = run.recipe, run.metrics()
    is_measured = metrics is not None and weights == "best"
    return Subject(
        model=run.load_model(weights),
        name=recipe.network,
        spec=recipe.spec,
        options={"bits": recipe.bits, "pad_values": recipe.pad_values, "stem": recipe.stem},
        preprocessing=run.preprocessing,
        class_names=run.class_names,
        dataset=recipe.dataset,
        accuracy=metrics["top1"] if is_measured else None,
        images_of=load_dataset(recipe.dataset, data_dir=data_dir or recipe.data_dir),
    )


def subject_from_name(
    name: str,
    *,
    parameters: dict[str, Any],
    input_shape: tuple[int, int, int] | None,
    num_classes: int | None,
    seed: int,
    **options,
) -> Subject:
    """Return a named network with random initial weights, for measuring what does not depend on
    them.

    Raises:
        UserError: if the name or a parameter is not allowed.
    """
    digits = load_dataset("digits")
    check_seed(seed)
    tf.keras.utils.set_random_seed(seed)
    model = build(
        name,
        input_shape=input_shape,
        num_classes=1000 if num_classes is None else num_classes,
        **options,
        **parameters,
    )
    return Subject(
        model=model,
        name=name,
        spec=get_spec(name, **parameters),
        options=options,
        preprocessing=Preprocessing(model.input_shape[1:], digits.mean, digits.deviation),
        class_names=tuple(str(number) for number in range(model.output_shape[-1])),
        dataset=None,
        accuracy=None,
        images_of=digits,
    )


def verification_images(subject: Subject, count: int | None) -> np.ndarray:
    """Return the first test images as inputs ``(N, H, W, C)``; by default 256 of up to 64 px, 24 of
    larger ones.
    """
    default = (
        MANY_IMAGES if max(subject.preprocessing.input_shape[:2]) <= SMALL_SIDE else FEW_IMAGES
    )
    return next(
        eval_arrays(subject.images_of, "test", subject.preprocessing, batch_size=count or default)
    )[0]


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
    subject: Subject,
    path: str | Path,
    *,
    float_model: bool = False,
    images: int | None = None,
    threads: int = 1,
) -> Export:
    """Convert, audit, verify, and only then write the file and its card.

    Args:
        subject: the network.
        path: of the ``.tflite``; its card gets the same name with ``.json``.
        float_model: convert with TensorFlow Lite whatever the quantizers are.
        images: how many to verify on.
        threads: to verify with.

    Raises:
        ConversionError: if the network cannot be converted, the converter degraded it, or the file
            computes something else.
        UserError: if the file cannot be written.
    """
    path = check_output(path)
    start = time.perf_counter()
    flatbuffer = convert(subject.model, float_model=float_model)
    seconds = time.perf_counter() - start
    findings = audit(subject.model, flatbuffer, float_model=float_model)
    check = verify(subject.model, flatbuffer, verification_images(subject, images), threads=threads)
    if not check.passed:
        hints = " ".join(findings.warnings)
        raise ConversionError(
            "the converted file does not compute what Keras computes, and was not written: "
            f"{check.reason} {hints}".rstrip()
        )
    card = card_path(path)
    with atomic_path(path) as file:
        file.write_bytes(flatbuffer)
        written = write_card(
            file,
            variant=subject.name,
            parameters={**dataclasses.asdict(subject.spec), **subject.options},
            bits=subject.options["bits"],
            input_shape=subject.preprocessing.input_shape,
            preprocessing=subject.preprocessing.to_json(),
            class_names=subject.class_names,
            dataset=subject.dataset,
            accuracy=subject.accuracy,
            audit=findings,
            verification=check,
        )
        written.replace(card)
    return Export(path, card, seconds, findings, check, subject.images_of.name)
