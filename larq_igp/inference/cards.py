"""The network and the data that a card of a ``.tflite`` describes."""

import dataclasses
from typing import Any

from larq_igp.architectures import ZOO
from larq_igp.data import Identity
from larq_igp.deploy.card import Card
from larq_igp.training.recipe import LARQ_ZOO, Recipe


def data_of(card: Card) -> Identity | None:
    """Return what is known about the data that a network was trained on."""
    if card.data is not None:
        return Identity.from_json(card.data)
    if card.dataset is None and not card.class_names:
        return None
    return Identity(dataset=card.dataset, class_names=card.class_names or None)


def recipe_of(card: Card) -> Recipe | None:
    """Return the network of a card as a recipe; None if its network is not known."""
    if card.variant.startswith(LARQ_ZOO):
        return Recipe(network=card.variant)
    if card.variant not in ZOO:
        return None
    known = dataclasses.asdict(ZOO[card.variant])
    given = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in (card.parameters or {}).items()
    }
    replaced = {name: given[name] for name in known if given.get(name, known[name]) != known[name]}
    if replaced and given.get("transition_filters"):  # else they are derived from the rest
        replaced["transition_filters"] = given["transition_filters"]
    options = {name: given[name] for name in ("pad_values", "stem") if given.get(name) is not None}
    values: dict[str, Any] = {
        "network": card.variant,
        "bits": card.bits,
        "parameters": replaced,
        **options,
    }
    return Recipe(**values)
