"""Convert a subject to a ``.tflite``, with its card and the images that verify it."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from larq_igp.data import Dataset, Preprocessing, eval_arrays, load_dataset
from larq_igp.deploy.about import About
from larq_igp.deploy.card import Measurement, add_measurements
from larq_igp.deploy.compare import compare
from larq_igp.deploy.convert import convert
from larq_igp.deploy.device.make import INT8, Device
from larq_igp.deploy.device.scores import with_scores
from larq_igp.deploy.engines import ENGINES, engines_for
from larq_igp.deploy.export import Export, check_output
from larq_igp.deploy.export import export as export_model
from larq_igp.deploy.flatbuffer import read_tflite
from larq_igp.deploy.verify import JUDGES
from larq_igp.errors import UserError
from larq_igp.inference.dense import choose_dense
from larq_igp.inference.evaluate import evaluate, opened
from larq_igp.inference.opening import open_subject
from larq_igp.inference.subject import Subject
from larq_igp.training.recipe.command import command_of

FEW_IMAGES, MANY_IMAGES = 24, 256
SMALL_SIDE = 64


def described(subject: Subject) -> dict[str, Any] | None:
    """Return what identifies a network in timings, as plain values; None without a card."""
    if subject.recipe is None:
        return None
    return {
        "variant": subject.name,
        "parameters": _parameters(subject),
        "bits": subject.bits,
        "input_shape": list(subject.input_shape),
        "dataset": subject.data.dataset if subject.data else None,
        "accuracy": subject.accuracy,
    }


def _parameters(subject: Subject) -> dict[str, Any] | None:
    """Return the fields of the specification and the options of ``larq_igp.build``."""
    if subject.recipe is None or subject.spec is None:
        return None
    recipe = subject.recipe.resolved(subject.input_shape)
    options = {name: getattr(recipe, name) for name in ("bits", "pad_values", "stem")}
    return asdict(subject.spec) | options


def _about(subject: Subject, preprocessing: Preprocessing) -> About:
    """Return what the card of a subject's ``.tflite`` states."""
    trained = subject.recipe if subject.is_trained else None
    return About(
        network=subject.name,
        bits=subject.bits,
        preprocessing=preprocessing,
        preprocessing_is_known=subject.preprocessing is not None or not subject.is_of_others,
        parameters=_parameters(subject),
        class_names=subject.class_names if subject.is_trained else (),
        dataset=subject.data.dataset if subject.data else None,
        accuracy=subject.accuracy,
        data=subject.data.to_json() if subject.data else None,
        data_dir=trained.data_dir if trained else None,
        corrupt=trained.corrupt if trained else None,
        command=command_of(trained) if trained else None,
        seed=trained.seed if trained else None,
    )


def export(
    source: str | Path | Subject,
    path: str | Path,
    *,
    weights: str | None = None,
    data_dir: str | None = None,
    float_model: bool = False,
    converter: str = "auto",
    input: str | None = None,
    dense: str | None = None,
    scores: str | None = None,
    images: int | None = None,
    threads: int = 1,
    measure: bool = False,
) -> Export:
    """Convert a network, audit and verify the result, and write it with its card.

    Args:
        source: a source for ``open_subject``, or a subject.
        path: path of the ``.tflite``; its card gets the same name with ``.json``.
        weights: ``best`` or ``last``, for a run.
        data_dir: folder of the run's data set, if it moved.
        float_model: convert with TensorFlow Lite whatever the quantizers are.
        converter: ``own``, ``lce``, or ``auto``: the first of these that can convert the network.
        input: ``uint8`` for pixels from 0 to 255, which the file normalises itself; ``float`` for
            normalised images. None is ``uint8`` for a network that was trained here.
        dense: weights of matrix products and 1x1 convolutions: ``int8`` or ``float``. None is
            ``int8`` for a trained network that loses less than 0.1 points of top-1 by it on the
            validation images.
        scores: what the file returns, ``probabilities`` or ``logits``; None for what the network
            returns.
        images: number of images to verify on; None is 256 up to 64 px, else 24.
        threads: number of threads to verify with.
        measure: whether to measure the file on all test images with each engine that verifies it,
            and write the accuracies on its card; always done for a trained network with ``int8``
            weights.

    Raises:
        ConversionError: if the network cannot be converted, or the file does not compute the same.
        UserError: if the network or its data cannot be opened, or the file cannot be written.
    """
    check_output(path)
    subject = opened(source, weights)
    if subject.kind == "tflite":
        raise UserError(f"{subject.source} is a .tflite file already: there is nothing to convert.")
    if measure and not subject.is_trained:
        is_random = subject.keras is None and subject.weights_file is None
        reason = "its weights are random" if is_random else "its data set is not known"
        raise UserError(f"leave out --measure for {subject.source}: {reason}.")
    if data_dir is not None and subject.kind == "keras":
        raise UserError(f"leave out --data-dir for {subject.source}: its data set is not known.")
    takes_pixels = _takes_pixels(subject, input)
    model = with_scores(subject.model(), scores)
    data = _verified_on(subject, data_dir)
    preprocessing = subject.preprocessing_of(data)
    device = Device(takes_pixels=takes_pixels, scores=scores)
    options: dict[str, Any] = {"float_model": float_model, "converter": converter}
    about = _about(subject, preprocessing)
    choice = choose_dense(
        model, dense, data if subject.is_trained else None, about, device, threads, **options
    )
    fed = preprocessing.as_pixels() if takes_pixels else preprocessing
    exported = export_model(
        model,
        path,
        about=about,
        images=_first_images(data, fed, images),
        images_of=data.name,
        threads=threads,
        device=replace(device, dense_bits=choice.bits),
        choice=choice,
        **options,
    )
    if measure or (subject.is_trained and choice.bits == INT8):
        add_measurements(path, measurements(path, data_dir=data_dir, threads=threads))
    return exported


def _takes_pixels(subject: Subject, input: str | None) -> bool:
    """Tell whether a file is to take pixels.

    Raises:
        UserError: if it is not known how they are normalised.
    """
    if input not in (None, "uint8", "float"):
        raise UserError(f"input must be uint8 or float, not {input!r}.")
    if input == "uint8" and subject.is_of_others and subject.preprocessing is None:
        hint = "" if subject.keras is None else "; a Rescaling or Normalization layer first says it"
        raise UserError(
            f"leave out --input uint8 for {subject.source}: how its images are normalised is not "
            f"known{hint}."
        )
    return subject.is_trained if input is None else input == "uint8"


def measurements(
    path: str | Path, *, data_dir: str | None = None, threads: int = 1
) -> list[Measurement]:
    """Return the accuracy of a ``.tflite`` on the test images with each engine that verifies.

    Args:
        path: path of a file with a card.
        data_dir: folder of the data set, if it is not in its usual place.
        threads: number of threads that the engines may use.

    Raises:
        UserError: if the file, its card or its data cannot be read, or no engine can run it.
    """
    subject = open_subject(path)
    installed = engines_for(path)
    found = []
    for engine in JUDGES[read_tflite(path).is_binary]:
        if engine in installed:
            metrics = evaluate(subject, data_dir=data_dir, engine=engine, threads=threads)
            version = ENGINES[engine].version()
            found.append(
                Measurement(
                    engine=engine,
                    version=version,
                    top1=metrics["top1"],
                    examples=metrics["examples"],
                )
            )
    return found


def timed(subject: Subject, *, twin: bool, **options: Any) -> list[dict[str, Any]]:
    """Return the timings of a subject, which is converted in memory if it is not a ``.tflite``.

    Args:
        subject: the network.
        twin: whether its 32-bit twin, if it has one, is timed too.
        **options: options of ``larq_igp.deploy.compare.compare``.

    Raises:
        UserError: if it cannot be converted, or no engine can run it.
    """
    of_twin = (lambda: convert(subject.twin())) if twin and subject.has_twin else None
    return compare(
        _content(subject),
        file=subject.source,
        network=described(subject),
        twin=of_twin,
        is_foreign=subject.kind == "tflite",
        **options,
    )


def _content(subject: Subject) -> bytes:
    """Return the content of a subject's ``.tflite``, from its file or converted in memory."""
    if subject.kind == "tflite":
        return subject.content
    return convert(subject.model())


def _verified_on(subject: Subject, data_dir: str | None) -> Dataset:
    """Return the data set to verify on: the digits for random weights, as they are always there."""
    if not subject.is_trained:
        return load_dataset("digits")
    return subject.load_data(data_dir=data_dir)


def _first_images(data: Dataset, preprocessing: Preprocessing, count: int | None) -> np.ndarray:
    is_small = max(preprocessing.input_shape[:2]) <= SMALL_SIDE
    count = count or (MANY_IMAGES if is_small else FEW_IMAGES)
    return next(eval_arrays(data, "test", preprocessing, batch_size=count))[0]
