"""The float twin of a converted network:

the same architecture at 32 bits, what one would run without binarisation.
"""

import dataclasses

from larq_igp.architectures import get_spec
from larq_igp.deploy.card import Card
from larq_igp.deploy.convert import convert
from larq_igp.models import build


def float_twin(card: Card) -> bytes:
    """Build the network of a card at 32 bits, with random weights, and convert it with TensorFlow
    Lite.

    Weights do not change the time that float operators take.

    Raises:
        UserError: if the card names a network or parameters that do not exist.
    """
    known = {field.name for field in dataclasses.fields(get_spec(card.variant))}
    given = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in card.parameters.items()
    }
    parameters = {name: value for name, value in given.items() if name in known}
    network = build(
        card.variant,
        input_shape=card.input_shape,
        num_classes=len(card.class_names),
        stem=given.get("stem", "auto"),
        bits=32,
        **parameters,
    )
    return convert(network)
