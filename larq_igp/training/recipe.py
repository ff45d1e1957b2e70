"""What a training run is made of: typed, checked, and written beside its weights."""

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from larq_igp.architectures import Spec, get_spec
from larq_igp.architectures.spec import check_input_shape, choose_stem, default_pad_values
from larq_igp.errors import UserError
from larq_igp.training.schedules import SCHEDULES


class RecipeError(UserError, ValueError):
    """A recipe asks for something that cannot be."""


def check_seed(seed: int) -> None:
    """Refuse a seed that TensorFlow or NumPy cannot take.

    Raises:
        RecipeError: saying what is allowed.
    """
    if not 0 <= seed < 2**31:
        raise RecipeError(f"seed must be from 0 to {2**31 - 1}; got {seed}.")


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that decides the result of a run. Durations are epochs.

    Attributes:
        network: a name of the registry.
        parameters: fields of its specification that are replaced.
        bits: width of the convolutions between stem and head.
        pad_values: what stands outside the image; None is 1 at 1 bit and 0 otherwise.
        stem: ``auto``, ``imagenet`` or ``small``.
        dataset: a name of ``larq_igp.data.DATASETS``.
        data_dir: folder of its files; None looks where they usually are.
        input_shape: ``(H, W, C)``; None is the data set's own.
        epochs: passes over the training images.
        batch_size: images in a step.
        learning_rate: of Adam, at its highest.
        schedule: ``constant``, ``linear`` or ``cosine`` (both fall to zero at the end).
        synchronized_batchnorm: whether BatchNorm takes its statistics over the batches of all replicas, or each over its own.
        seed: of initial weights, order and augmentation: on the CPU the same seed gives the same result.
    """

    network: str
    parameters: dict[str, Any] = field(default_factory=dict)
    bits: int = 1
    pad_values: int | None = None
    stem: str = "auto"
    dataset: str = "digits"
    data_dir: str | None = None
    input_shape: tuple[int, int, int] | None = None
    epochs: int = 30
    batch_size: int = 64
    learning_rate: float = 4e-3
    schedule: str = "cosine"
    synchronized_batchnorm: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        """Check what can be checked without data.

        Raises:
            RecipeError: naming the field, the value got and what is allowed.
            UnknownNetworkError: if the network does not exist.
            SpecError: if the input's shape or a parameter of the network is not allowed.
        """
        for name in ("epochs", "batch_size"):
            if getattr(self, name) < 1:
                raise RecipeError(f"{name} must be a positive integer; got {getattr(self, name)}.")
        if not self.learning_rate > 0:
            raise RecipeError(f"learning_rate must be above 0; got {self.learning_rate}.")
        if self.schedule not in SCHEDULES:
            raise RecipeError(f"schedule must be one of {', '.join(SCHEDULES)}; got {self.schedule!r}.")
        check_seed(self.seed)
        if self.input_shape is not None:
            check_input_shape(self.input_shape)
        _ = self.spec

    def resolved(self, input_shape: tuple[int, int, int]) -> "Recipe":
        """Return the recipe with every default that could change later written out.

        Args:
            input_shape: of the data set, for a recipe that names none.
        """
        shape = self.input_shape or input_shape
        pad_values = default_pad_values(self.bits) if self.pad_values is None else self.pad_values
        return dataclasses.replace(
            self, input_shape=shape, stem=choose_stem(self.stem, *shape[:2]), pad_values=pad_values
        )

    @property
    def spec(self) -> Spec:
        """The specification of the network, parameters replaced."""
        return get_spec(self.network, **self.parameters)

    def build_options(self) -> dict[str, Any]:
        """Return the keyword arguments of ``larq_igp.build`` that a recipe decides, data aside."""
        return {"bits": self.bits, "pad_values": self.pad_values, "stem": self.stem, **self.parameters}

    def to_json(self) -> dict[str, Any]:
        """Return a dict of plain values."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Recipe":
        """Return what ``to_json`` wrote.

        Raises:
            RecipeError: if a field is unknown or missing.
        """
        known = {f.name for f in dataclasses.fields(cls)}
        unknown = set(data) - known
        if unknown or "network" not in data:
            raise RecipeError(f"not a recipe: {'unknown field ' + min(unknown) if unknown else 'network is missing'}.")
        values = {**data, "parameters": {k: _tuple(v) for k, v in data.get("parameters", {}).items()}}
        values["input_shape"] = _tuple(data.get("input_shape"))
        return cls(**values)


def _tuple(value: Any) -> Any:
    """JSON has lists where specifications have tuples."""
    return tuple(value) if isinstance(value, list) else value
