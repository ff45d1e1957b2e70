"""The recipe of a training run: typed, checked, and saved next to its weights."""

import dataclasses
from dataclasses import MISSING, dataclass
from functools import partial
from typing import Any, Literal

from larq_igp.architectures import Spec, get_spec
from larq_igp.architectures.options import choose_stem, default_pad_values
from larq_igp.architectures.zoo import network_text
from larq_igp.errors import UserError
from larq_igp.training.recipe.checks import check
from larq_igp.training.recipe.fields import (
    GROUPS,
    NOT_NEGATIVE,
    POSITIVE,
    Field,
    fields_of,
    require,
    stated,
)
from larq_igp.training.recipe.images import OfImages
from larq_igp.training.recipe.older import upgraded, with_transitions, within

TWIN = "twin"
LARQ_ZOO = "larq_zoo:"
BOP = {"optimizer": ("bop",)}
of_network, of_data, of_training, of_start = (
    partial(stated, group) for group in GROUPS if group != "images"
)


class NewerRecipeError(UserError):
    """A recipe has fields that this version does not know."""


@dataclass(frozen=True, kw_only=True)
class Recipe(OfImages):
    """Everything that determines the result of a run. Durations are epochs.

    Each field says what it is; ``docs/recipes.md`` has them in a table.
    """

    network: str = of_network(
        MISSING,
        "Name of a network, or larq_zoo: and a model of larq-zoo, like larq_zoo:BinaryDenseNet28.",
    )
    parameters: dict[str, Any] = of_network(  # noqa: RUF009  a field, made for each recipe
        dict, "Fields of the network's specification that are replaced."
    )
    bits: Literal[1, 2, 32] = of_network(
        1, "Width of weights and activations between stem and head.", unit="bits"
    )
    pad_values: Literal[0, 1] | None = of_network(
        None, "Padding of quantized convolutions; none is 1 at 1 bit, else 0."
    )
    stem: Literal["auto", "imagenet", "small", "strided"] = of_network(
        "auto",
        "auto: small (3x3/1) for images up to 64 px, imagenet (7x7/2, pooling) above; "
        "strided: 3x3/2.",
    )
    input_quantizer: str | None = of_network(
        None, "Quantizer of activations; none is the first for these bits."
    )
    kernel_quantizer: str | None = of_network(
        None, "Quantizer of weights; none is the first for these bits."
    )
    clip_value: float = of_network(
        1.0, "Above it ste_sign and magnitude_aware_sign pass no gradient.", **POSITIVE
    )
    weight_clip: float = of_network(
        1.0, "Latent weights of quantized kernels stay within plus and minus this.", **POSITIVE
    )

    dataset: str = of_data(
        "digits", "Data set: digits, fashion_mnist, cifar10, cifar100, imagenet2012 or folder."
    )
    data_dir: str | None = of_data(None, "Folder of the data set's files; none is its usual place.")
    corrupt: Literal["refuse", "skip"] = of_data(
        "refuse", "With corrupt images: refuse the data set, or skip them."
    )
    input_shape: tuple[int, int, int] | None = of_data(
        None, "Height, width and channels of the input; none is the data set's own.", unit="px"
    )

    epochs: int = of_training(30, "Passes over the training images.", unit="epochs", ge=1)
    batch_size: int = of_training(64, "Images in a step.", unit="images", ge=1)
    optimizer: Literal["adam", "adamw", "sgd", "bop"] = of_training(
        "adam", "bop (arXiv 1906.02107): Bop on binary kernels, Adam on the rest."
    )
    learning_rate: float = of_training(4e-3, "The highest; with bop that of Adam.", **POSITIVE)
    momentum: float = of_training(0.9, "Of sgd.", used_by={"optimizer": ("sgd",)}, ge=0.0, lt=1.0)
    weight_decay: float = of_training(
        0.0,
        "Decoupled (arXiv 1711.05101), of adamw and sgd; only on full-precision kernels.",
        **NOT_NEGATIVE,
    )
    bop_threshold: float = of_training(
        1e-8, "How large the averaged gradient must be to flip a weight.", used_by=BOP, **POSITIVE
    )
    bop_gamma: float = of_training(
        1e-4, "Rate of bop's moving average of gradients.", used_by=BOP, **POSITIVE
    )
    schedule: Literal["constant", "linear", "cosine", "steps"] = of_training(
        "cosine", "Of the learning rate; linear and cosine end at zero."
    )
    warmup_epochs: int = of_training(
        0, "First epochs, in which the learning rate rises.", unit="epochs", ge=0
    )
    boundaries: tuple[int, ...] = of_training(
        (), "Of schedule steps: where the rate is multiplied by factor.", unit="epochs"
    )
    factor: float = of_training(0.1, "Of steps.", used_by={"schedule": ("steps",)}, **POSITIVE)
    label_smoothing: float = of_training(
        0.0, "Share of the target that is spread over all classes.", ge=0.0, lt=1.0
    )
    class_weights: Literal["balanced"] | None = of_training(
        None, "balanced: weights the losses so that every class counts equally."
    )
    early_stopping: int = of_training(
        0, "Epochs without better validation after which training ends; 0 is off.", ge=0
    )
    ema: float = of_training(
        0.0,
        "Decay of a moving average of the weights over steps, like 0.99; the average is validated, "
        "saved and deployed; 0 is off.",
        ge=0.0,
        lt=1.0,
    )
    precision: Literal["float32", "mixed_float16", "mixed_bfloat16"] = of_training(
        "float32", "Of the arithmetic in training; weights are always float32."
    )
    synchronized_batchnorm: bool = of_training(
        False, "BatchNorm uses the statistics of the whole batch, over all replicas."
    )
    seed: int = of_training(0, "Of initial weights, order and augmentation.", ge=0, le=2**31 - 1)

    teacher: str | None = of_start(
        None,
        "Distil (arXiv 1503.02531) from this run directory, or from twin, the network at 32 bits, "
        "trained first.",
    )
    distillation_weight: float = of_start(
        0.5,
        "Alpha of (1 - alpha) CE + alpha T^2 KL(teacher_T || student_T).",
        used_by={"teacher": ()},
        ge=0.0,
        le=1.0,
    )
    temperature: float = of_start(
        1.0, "T of the distillation.", used_by={"teacher": ()}, **POSITIVE
    )
    first_stage_epochs: int = of_start(
        0,
        "Epochs of a first stage with binary activations and real weights (arXiv 1904.05868); this "
        "run starts from its best weights.",
        unit="epochs",
        ge=0,
    )
    initial_weights: str | None = of_start(None, "Weights file or run directory to start from.")
    body_weights: str | None = of_start(
        None,
        "Weights file or run directory of the same network, with any classes, to start from; the "
        "classifier is new. Also --from.",
    )
    freeze_epochs: int = of_start(
        0,
        "First epochs, in which only the classifier is trained.",
        unit="epochs",
        used_by={"body_weights": ()},
        ge=0,
    )

    def __post_init__(self) -> None:
        """Convert each value to the type of its field, and check what can be checked without data.

        Raises:
            RecipeError: naming the field, the value got and what is allowed.
            UnknownNetworkError: if the network does not exist.
            SpecError: if the input's shape, a quantizer or a parameter of the network is not
                allowed.
        """
        for name, each in self.fields().items():
            object.__setattr__(self, name, each.convert(getattr(self, name)))
        parameters = {  # files have lists where specifications have tuples
            name: tuple(value) if isinstance(value, list) else value
            for name, value in self.parameters.items()
        }
        object.__setattr__(self, "parameters", parameters)
        check(self)

    @classmethod
    def fields(cls) -> dict[str, Field]:
        """Return the fields by name."""
        fields = fields_of(cls)  # type: ignore[arg-type]  # mypy takes the class for unhashable
        return dict(sorted(fields.items(), key=lambda item: GROUPS.index(item[1].group)))

    @property
    def is_larq_zoo(self) -> bool:
        """Whether the network is larq-zoo's, whose topology this package does not describe."""
        return self.network.startswith(LARQ_ZOO)

    @property
    def network_text(self) -> str:
        """What the network is called: its name, with what is replaced."""
        return network_text(self.network, self.parameters)

    def resolved(self, input_shape: tuple[int, int, int]) -> "Recipe":
        """Return the recipe with every default that could change later written out.

        Args:
            input_shape: of the data set, for a recipe that names none.
        """
        shape = self.input_shape or input_shape
        if self.is_larq_zoo:
            return dataclasses.replace(self, input_shape=shape)
        pad_values = default_pad_values(self.bits) if self.pad_values is None else self.pad_values
        values: dict[str, Any] = {
            "parameters": with_transitions(self.parameters, self.spec),
            "input_shape": shape,
            "stem": choose_stem(self.stem, *shape[:2]),
            "pad_values": pad_values,
        }
        return dataclasses.replace(self, **values)

    @property
    def spec(self) -> Spec:
        """The specification of the network, parameters replaced.

        Raises:
            RecipeError: for a network of larq-zoo, which has none.
        """
        require(
            not self.is_larq_zoo,
            f"{self.network} is a model of larq-zoo: its topology is not described here.",
            "network",
        )
        return get_spec(self.network, **self.parameters)

    def build_options(self) -> dict[str, Any]:
        """Return the keyword arguments of ``larq_igp.build`` that a recipe decides, data aside."""
        names = [name for name, each in self.fields().items() if each.group == "network"]
        options = {name: getattr(self, name) for name in names[2:]}  # network, parameters
        return {**options, **self.parameters}

    def teacher_recipe(self) -> "Recipe":
        """Return the recipe of this network's 32-bit twin: without quantizers and without a
        teacher.
        """
        return dataclasses.replace(
            self,
            bits=32,
            pad_values=None,
            input_quantizer=None,
            kernel_quantizer=None,
            optimizer="adam" if self.optimizer == "bop" else self.optimizer,
            teacher=None,
            first_stage_epochs=0,
            initial_weights=None,
            body_weights=None,
            freeze_epochs=0,
        )

    def first_stage(self) -> "Recipe":
        """Return the recipe of the first of two stages: quantized activations, weights in full
        precision.
        """
        return dataclasses.replace(
            self,
            **within(self.first_stage_epochs, self.schedule, self.boundaries),
            kernel_quantizer="float",
            optimizer="adam" if self.optimizer == "bop" else self.optimizer,
            epochs=self.first_stage_epochs,
            warmup_epochs=min(self.warmup_epochs, self.first_stage_epochs - 1),
            first_stage_epochs=0,
        )

    def to_json(self) -> dict[str, Any]:
        """Return a dict of plain values."""
        values = dataclasses.asdict(self)
        return {name: values[name] for name in self.fields()}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Recipe":
        """Return the recipe of a run, which this version or an older one wrote.

        Fields that did not exist then have their defaults, which stand for what was done then.

        Raises:
            NewerRecipeError: if it has fields that this version does not know.
            RecipeError: if a value is missing or not allowed.
        """
        newer = [name for name in data if name not in cls.fields()]
        if newer:
            raise NewerRecipeError(
                f"the recipe was written by a newer version of larq-igp: this one does not know "
                f"{', '.join(newer)}."
            )
        require("network" in data, "not a recipe: network is missing.", "network")
        return cls(**upgraded(data, cls.fields()))
