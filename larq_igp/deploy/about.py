"""What a card states that is not in the Keras model or the ``.tflite``."""

from dataclasses import dataclass
from typing import Any

from larq_igp.data import Preprocessing


@dataclass(frozen=True, kw_only=True)
class About:
    """What is known about a network besides its Keras model.

    Attributes:
        network: name of the network.
        bits: width of its quantized weights and activations.
        preprocessing: from stored image to input.
        preprocessing_is_known: whether the network was trained with it; if not, its card leaves it
            out.
        parameters: fields of its specification and options of ``larq_igp.build``; None for a
            network that ``larq_igp.build`` cannot build.
        class_names: in the order of the outputs; empty if unknown.
        dataset: name of the data set that the network was trained on; None if untrained.
        accuracy: top-1 of the Keras model on the test images, from 0 to 1; None if not measured.
        data: identity of the data set that it was trained on, as JSON; None if unknown.
        data_dir: folder of that data set's files; None if it was in its usual place.
        corrupt: what was done with corrupt images, ``refuse`` or ``skip``; None if untrained.
        command: the command that trains it; None if untrained.
        seed: seed of that training; None if untrained.
    """

    network: str
    bits: int
    preprocessing: Preprocessing
    preprocessing_is_known: bool = True
    parameters: dict[str, Any] | None = None
    class_names: tuple[str, ...] = ()
    dataset: str | None = None
    accuracy: float | None = None
    data: dict[str, Any] | None = None
    data_dir: str | None = None
    corrupt: str | None = None
    command: str | None = None
    seed: int | None = None
