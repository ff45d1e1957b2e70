"""What fields of a recipe must be to each other, and to the network. The check of each field by
itself is its type, in ``recipe.py``.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from larq_igp.architectures.options import check_input_shape
from larq_igp.architectures.quantizers import check_quantizers
from larq_igp.errors import UserError
from larq_igp.training.recipe.fields import require

if TYPE_CHECKING:
    from larq_igp.training.recipe.recipe import Recipe

LARQ_ZOO_TAKES_NO = (
    "bits",
    "input_quantizer",
    "kernel_quantizer",
    "clip_value",
    "weight_clip",
    "stem",
    "parameters",
)


def check(recipe: "Recipe") -> None:
    """Check a recipe.

    Raises:
        UserError: the first that is wrong; its ``fields`` say which.
    """
    _check_schedule(recipe)
    _check_optimizer(recipe)
    _check_images(recipe)
    _check_start(recipe)
    _check_network(recipe)


@contextmanager
def _said_of(*fields: str) -> Iterator[None]:
    """Name the fields that an error of the architectures is about."""
    try:
        yield
    except UserError as error:
        error.fields = fields
        raise


def _check_schedule(recipe: "Recipe") -> None:
    edges, schedule = recipe.boundaries, recipe.schedule
    require(
        recipe.warmup_epochs < recipe.epochs,
        f"warmup_epochs must be fewer than the {recipe.epochs} epochs of the run; got "
        f"{recipe.warmup_epochs}.",
        "warmup_epochs",
        "epochs",
    )
    if schedule != "steps":
        require(
            not edges,
            f"boundaries are for the schedule steps; this one is {schedule}.",
            "boundaries",
            "schedule",
        )
        return
    starts = (recipe.warmup_epochs, *edges)
    rise = all(before < after for before, after in zip(starts, (*edges, math.inf), strict=True))
    require(
        bool(edges) and rise,
        "boundaries of the schedule steps must be epochs that rise, after the warm-up; "
        f"got {edges}.",
        "boundaries",
        "warmup_epochs",
    )
    require(
        edges[-1] < recipe.epochs,
        f"boundaries must lie before the end of the run, after {recipe.epochs} epochs; got "
        f"{edges[-1]}.",
        "boundaries",
        "epochs",
    )


def _check_optimizer(recipe: "Recipe") -> None:
    require(
        recipe.optimizer in ("adamw", "sgd") or not recipe.weight_decay,
        f"weight_decay is for adamw and sgd; the optimizer is {recipe.optimizer}.",
        "weight_decay",
        "optimizer",
    )
    require(
        recipe.optimizer != "bop" or not recipe.ema,
        "ema averages latent weights, and bop has none: choose another optimizer, or leave out "
        "ema.",
        "ema",
        "optimizer",
    )
    flips = recipe.bits == 1 and recipe.kernel_quantizer in (None, "ste_sign")
    require(
        recipe.optimizer != "bop" or flips,
        "bop flips weights that are -1 or +1: it needs a network of 1 bit whose "
        "kernel_quantizer is ste_sign.",
        "optimizer",
        "bits",
        "kernel_quantizer",
    )


def _check_images(recipe: "Recipe") -> None:
    require(
        recipe.centre_crop is None or recipe.geometry in (None, "crop"),
        f"centre_crop is for the geometry crop; this one is {recipe.geometry}.",
        "centre_crop",
        "geometry",
    )


def _check_start(recipe: "Recipe") -> None:
    if recipe.first_stage_epochs:
        require(
            recipe.bits != 32 and recipe.kernel_quantizer != "float",
            "first_stage_epochs prepares weights that are quantized later: it needs bits 1 or "
            "2 and a kernel quantizer.",
            "first_stage_epochs",
            "bits",
            "kernel_quantizer",
        )
    starts = ("first_stage_epochs", "initial_weights", "body_weights")
    given = [name for name in starts if getattr(recipe, name)]
    require(len(given) < 2, f"{' and '.join(given)} exclude each other: give one.", *given)
    require(
        not (recipe.freeze_epochs and recipe.optimizer == "bop"),
        "freeze_epochs trains the classifier alone, which bop does not: choose another optimizer.",
        "freeze_epochs",
        "optimizer",
    )
    require(
        recipe.freeze_epochs < recipe.epochs,
        f"freeze_epochs must be fewer than the {recipe.epochs} epochs of the run; got "
        f"{recipe.freeze_epochs}.",
        "freeze_epochs",
        "epochs",
    )
    require(
        recipe.teacher != "twin" or recipe.bits != 32,
        "teacher = twin is the network at 32 bits, which this one is already: name a run.",
        "teacher",
        "bits",
    )


def _check_network(recipe: "Recipe") -> None:
    for name in ("input_quantizer", "kernel_quantizer"):
        given = {"input_quantizer": None, "kernel_quantizer": None, name: getattr(recipe, name)}
        with _said_of(name, "bits"):
            check_quantizers(recipe.bits, **given)
    if recipe.input_shape is not None:
        with _said_of("input_shape"):
            check_input_shape(recipe.input_shape)
    if recipe.is_larq_zoo:
        _check_larq_zoo(recipe)
        return
    parameters = [f"parameters.{name}" for name in recipe.parameters]
    try:
        _ = recipe.spec
    except UserError as error:  # its sentence starts with the parameter that it is about
        first = f"parameters.{str(error).split()[0]}"
        error.fields = (first,) if first in parameters else ("network", *parameters)
        raise


def _check_larq_zoo(recipe: "Recipe") -> None:
    fields = recipe.fields()
    changed = [name for name in LARQ_ZOO_TAKES_NO if getattr(recipe, name) != fields[name].default]
    require(
        not changed,
        f"{recipe.network} comes as larq-zoo made it: {', '.join(changed)} cannot be chosen for "
        "it.",
        *changed,
    )
    for name, words, given in (
        ("teacher", "teacher = twin", recipe.teacher == "twin"),
        ("first_stage_epochs", "first_stage_epochs", recipe.first_stage_epochs),
        ("body_weights", "body_weights", recipe.body_weights),
    ):
        require(
            not given,
            f"{words} is for this package's networks; {recipe.network} has no other form.",
            name,
        )
