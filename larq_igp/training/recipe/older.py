"""What the recipes of runs mean that an older version wrote."""

from collections.abc import Mapping
from typing import Any

from larq_igp.architectures import ZOO, DenseNetSpec, Spec
from larq_igp.training.recipe.fields import Field


def upgraded(data: dict[str, Any], fields: Mapping[str, Field]) -> dict[str, Any]:
    """Return the values of a recipe as this version would write them."""
    # Version 0.1.0 took a folder for digits, which are in none.
    if data.get("dataset", fields["dataset"].default) == "digits":
        data = data | {"data_dir": None}
    # It took boundaries that never come.
    named = ("epochs", "schedule", "boundaries")
    epochs, schedule, edges = (data.get(name, fields[name].default) for name in named)
    if isinstance(epochs, int) and isinstance(edges, list | tuple):
        data = data | within(epochs, schedule, edges)
    # It kept the widths of a named network's transitions, whatever was replaced.
    parameters = data.get("parameters")
    if parameters and isinstance(parameters, dict) and data["network"] in ZOO:
        widths = with_transitions(parameters, ZOO[data["network"]])
        data = data | {"parameters": widths}
    return data


def with_transitions(parameters: dict[str, Any], spec: Spec) -> dict[str, Any]:
    """Return the parameters of a network with the widths of its transitions among them, which
    follow from the others by a rule that may change; none stay none.
    """
    says = {"transition_filters", "reduction"} & {n for n, v in parameters.items() if v is not None}
    if not parameters or says or not isinstance(spec, DenseNetSpec):
        return parameters
    return {**parameters, "transition_filters": spec.transition_filters}


def within(epochs: int, schedule: str, boundaries: Any) -> dict[str, Any]:
    """Return schedule and boundaries as they are within so many epochs, where boundaries may never
    come.
    """
    if schedule != "steps" or not boundaries:
        return {}
    left = tuple(each for each in boundaries if not isinstance(each, int) or each < epochs)
    return {"schedule": "steps" if left else "constant", "boundaries": left}
