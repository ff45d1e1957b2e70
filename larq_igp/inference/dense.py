"""Choose whether weights of matrix products and 1x1 convolutions get 8 bits."""

from dataclasses import replace
from typing import Any

from larq_igp.data import Dataset
from larq_igp.deploy.about import About
from larq_igp.deploy.card import DenseChoice
from larq_igp.deploy.device.dense import can_be_int8
from larq_igp.deploy.device.make import FLOAT, INT8, Device, made
from larq_igp.deploy.engines import open_engine
from larq_igp.deploy.lce_kernels import read_model
from larq_igp.errors import UserError
from larq_igp.keras2 import tf
from larq_igp.training.fit.measure import measure

WIDTHS = {"int8": INT8, "float": FLOAT}
MOST_LOST = 0.001
"""Loss of top-1, as a share, from which 8-bit weights are not chosen by default."""
FEWEST_IMAGES = 1000
"""Smallest validation split that can measure such a loss: one of its images is no more than that.
"""


def choose_dense(
    model: "tf.keras.Model",
    dense: str | None,
    data: Dataset | None,
    about: About,
    device: Device,
    threads: int,
    **options: Any,
) -> DenseChoice:
    """Return the width of dense weights, and why.

    Args:
        model: the network.
        dense: ``int8`` or ``float``; None to decide by accuracy.
        data: data set of a trained network, whose validation images decide; None for random
            weights.
        about: description of the network.
        device: the other options of the file.
        threads: number of threads that the engine may use.
        **options: options of the conversion.

    Raises:
        UserError: if ``dense`` is neither, or the network cannot be converted.
    """
    if dense not in (None, *WIDTHS):
        raise UserError(f"dense must be int8 or float, not {dense!r}.")
    if dense is not None:
        return DenseChoice(bits=WIDTHS[dense], reason="by choice")
    if not any(map(can_be_int8, read_model(model).layers().values())):
        return DenseChoice(bits=FLOAT, reason="no layer can have less")
    if data is None:
        return DenseChoice(bits=FLOAT, reason="there are no validation images to decide")
    examples = data.split("validation").examples
    if examples < FEWEST_IMAGES:
        reason = f"{examples} validation images are too few to tell {100 * MOST_LOST:.1f} points"
        return DenseChoice(bits=FLOAT, reason=reason)
    preprocessing = about.preprocessing
    preprocessing = preprocessing.as_pixels() if device.takes_pixels else preprocessing
    top1 = {}
    for bits in (FLOAT, INT8):
        with made(model, replace(device, dense_bits=bits), about, **options) as file:
            engine = open_engine(file.content, threads=threads, unknown_operators=True)
        measured = measure(engine.predict, data, "validation", preprocessing)
        top1[bits] = measured["top1"]
    is_kept = top1[FLOAT] - top1[INT8] < MOST_LOST
    return DenseChoice(
        bits=INT8 if is_kept else FLOAT,
        reason=f"8 bits change top-1 by {100 * (top1[INT8] - top1[FLOAT]):+.2f} points on "
        "validation images",
        float_top1=top1[FLOAT],
        int8_top1=top1[INT8],
        examples=measured["examples"],
    )
