"""What a training run is made of: typed, checked, and written beside its weights."""

import dataclasses
import math
from dataclasses import dataclass, field
from typing import Any, get_type_hints

from larq_igp.architectures import Spec, get_spec
from larq_igp.architectures.quantizers import check_quantizers
from larq_igp.architectures.spec import check_input_shape, choose_stem, default_pad_values
from larq_igp.architectures.zoo import closest
from larq_igp.errors import UserError
from larq_igp.training.recipe.fields import describe, matches, parse, parse_any, plain

OPTIMIZERS = ("adam", "adamw", "sgd", "bop")
SCHEDULES = ("constant", "linear", "cosine", "steps")
PRECISIONS = ("float32", "mixed_float16", "mixed_bfloat16")
TWIN = "twin"
LARQ_ZOO = "larq_zoo:"


class RecipeError(UserError, ValueError):
    """A recipe asks for something that cannot be."""


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise RecipeError(message)


def check_seed(seed: int) -> None:
    """Refuse a seed that TensorFlow or NumPy cannot take.

    Raises:
        RecipeError: saying what is allowed.
    """
    _require(0 <= seed < 2**31, f"seed must be from 0 to {2**31 - 1}; got {seed}.")


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that decides the result of a run. Durations are epochs.

    Attributes:
        network: a name of the registry, or ``larq_zoo:`` and a model of larq-zoo, like
            ``larq_zoo:BinaryDenseNet28``.
        parameters: fields of its specification that are replaced.
        bits: width of the convolutions between stem and head.
        pad_values: what stands outside the image; None is 1 at 1 bit and 0 otherwise.
        stem: ``auto``, ``imagenet`` or ``small``.
        input_quantizer: of these convolutions, a name of ``quantizers.INPUT_QUANTIZERS``; None is
            the first for the bits.
        kernel_quantizer: likewise, of ``quantizers.KERNEL_QUANTIZERS``.
        clip_value: beyond which the quantizers ``ste_sign`` and ``magnitude_aware_sign`` pass no
            gradient.
        weight_clip: latent weights of quantized kernels are kept in
            ``[-weight_clip, weight_clip]``.
        dataset: a name of ``larq_igp.data.DATASETS``.
        data_dir: folder of its files; None looks where they usually are.
        input_shape: ``(H, W, C)``; None is the data set's own.
        epochs: passes over the training images.
        batch_size: images in a step.
        optimizer: ``adam``, ``adamw``, ``sgd``, or ``bop`` (arXiv 1906.02107): Bop for binary
            kernels, Adam for the rest.
        learning_rate: at its highest; with ``bop`` that of Adam.
        momentum: of ``sgd``.
        weight_decay: decoupled (arXiv 1711.05101), for ``adamw`` and ``sgd``; on kernels in full
            precision alone.
        bop_threshold: of ``bop``: how large the averaged gradient must be to flip a weight.
        bop_gamma: of ``bop``: how fast the average follows.
        schedule: ``constant``; ``linear`` or ``cosine`` (both fall to zero at the end); or
            ``steps``.
        warmup_epochs: over which the learning rate rises to its highest first.
        boundaries: of ``steps``: epochs after which the learning rate is multiplied by ``factor``.
        factor: of ``steps``.
        label_smoothing: share of the target that all classes divide evenly.
        teacher: a run directory to distil from (arXiv 1503.02531), or ``twin``: this network at 32
            bits, trained first by this recipe.
        distillation_weight: alpha of ``(1 - alpha) CE + alpha T^2 KL(teacher_T || student_T)``.
        temperature: T.
        first_stage_epochs: of a first stage with binary activations and real weights (arXiv
            1904.05868), from whose best weights this run starts; 0 is no first stage.
        initial_weights: a weights file or a run directory to start from.
        precision: ``float32``, ``mixed_float16`` or ``mixed_bfloat16``: of the arithmetic in
            training; weights are always float32.
        synchronized_batchnorm: whether BatchNorm takes its statistics over the batches of all
        replicas, or each over its own.
        seed: of initial weights, order and augmentation: on the CPU the same seed gives the same
        result.
    """

    network: str
    parameters: dict[str, Any] = field(default_factory=dict)
    bits: int = 1
    pad_values: int | None = None
    stem: str = "auto"
    input_quantizer: str | None = None
    kernel_quantizer: str | None = None
    clip_value: float = 1.0
    weight_clip: float = 1.0

    dataset: str = "digits"
    data_dir: str | None = None
    input_shape: tuple[int, int, int] | None = None

    epochs: int = 30
    batch_size: int = 64
    optimizer: str = "adam"
    learning_rate: float = 4e-3
    momentum: float = 0.9
    weight_decay: float = 0.0
    bop_threshold: float = 1e-8
    bop_gamma: float = 1e-4
    schedule: str = "cosine"
    warmup_epochs: int = 0
    boundaries: tuple[int, ...] = ()
    factor: float = 0.1
    label_smoothing: float = 0.0

    teacher: str | None = None
    distillation_weight: float = 0.5
    temperature: float = 1.0
    first_stage_epochs: int = 0
    initial_weights: str | None = None

    precision: str = "float32"
    synchronized_batchnorm: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        """Check what can be checked without data.

        Raises:
            RecipeError: naming the field, the value got and what is allowed.
            UnknownNetworkError: if the network does not exist.
            SpecError: if the input's shape, a quantizer or a parameter of the network is not
                allowed.
        """
        for name, hint in field_types().items():
            value = plain(getattr(self, name), hint)
            _require(matches(value, hint), f"{name} must be {describe(hint)}; got {value!r}.")
            object.__setattr__(self, name, value)
        self._check_ranges()
        self._check_choices()
        check_seed(self.seed)
        check_quantizers(self.bits, self.input_quantizer, self.kernel_quantizer)
        choose_stem(self.stem, 1, 1)
        if self.input_shape is not None:
            check_input_shape(self.input_shape)
        self._check_network()

    def _check_ranges(self) -> None:
        for name in ("epochs", "batch_size"):
            _require(
                getattr(self, name) >= 1,
                f"{name} must be a positive integer; got {getattr(self, name)}.",
            )
        for name in (
            "learning_rate",
            "clip_value",
            "weight_clip",
            "bop_threshold",
            "bop_gamma",
            "factor",
            "temperature",
        ):
            _require(
                0 < getattr(self, name) < math.inf,
                f"{name} must be above 0; got {getattr(self, name)}.",
            )
        for name in ("weight_decay", "first_stage_epochs", "warmup_epochs"):
            _require(
                0 <= getattr(self, name) < math.inf,
                f"{name} must be 0 or more; got {getattr(self, name)}.",
            )
        for name in ("momentum", "label_smoothing"):
            _require(
                0 <= getattr(self, name) < 1,
                f"{name} must be from 0 to below 1; got {getattr(self, name)}.",
            )
        alpha = self.distillation_weight
        _require(0 <= alpha <= 1, f"distillation_weight must be from 0 to 1; got {alpha}.")
        _require(
            self.pad_values in (None, 0, 1), f"pad_values must be 0 or 1; got {self.pad_values}."
        )
        _require(
            self.warmup_epochs < self.epochs,
            f"warmup_epochs must be fewer than the {self.epochs} epochs of the run; got "
            f"{self.warmup_epochs}.",
        )

    def _check_choices(self) -> None:
        for name, known in (
            ("optimizer", OPTIMIZERS),
            ("schedule", SCHEDULES),
            ("precision", PRECISIONS),
        ):
            value = getattr(self, name)
            _require(value in known, f"{name} must be one of {', '.join(known)}; got {value!r}.")
        steps, edges = self.schedule == "steps", self.boundaries
        rise = all(
            before < after
            for before, after in zip((self.warmup_epochs, *edges), (*edges, math.inf), strict=True)
        )
        if steps:
            _require(
                bool(edges) and rise,
                "boundaries of the schedule steps must be epochs that rise, after the warm-up; "
                f"got {edges}.",
            )
        else:
            _require(
                not edges, f"boundaries are for the schedule steps; this one is {self.schedule}."
            )
        decays = self.optimizer in ("adamw", "sgd")
        _require(
            decays or not self.weight_decay,
            f"weight_decay is for adamw and sgd; the optimizer is {self.optimizer}.",
        )
        if self.optimizer == "bop":
            _require(
                self.bits == 1 and self.kernel_quantizer in (None, "ste_sign"),
                "bop flips weights that are -1 or +1: it needs a network of 1 bit whose "
                "kernel_quantizer is ste_sign.",
            )
        if self.first_stage_epochs:
            _require(
                self.bits != 32 and self.kernel_quantizer != "float",
                "first_stage_epochs prepares weights that are quantized later: it needs bits 1 or "
                "2 and a kernel quantizer.",
            )
            _require(
                not self.initial_weights,
                "first_stage_epochs and initial_weights exclude each other: give one.",
            )
        if self.teacher == TWIN:
            _require(
                self.bits != 32,
                "teacher = twin is the network at 32 bits, which this one is already: name a run.",
            )

    def _check_network(self) -> None:
        if not self.is_larq_zoo:
            _ = self.spec
            return
        default = {each.name: each.default for each in dataclasses.fields(self)}
        ours = ("bits", "input_quantizer", "kernel_quantizer", "clip_value", "weight_clip", "stem")
        changed = [name for name in ours if getattr(self, name) != default[name]] + [
            "parameters"
        ] * bool(self.parameters)
        _require(
            not changed,
            f"{self.network} comes as larq-zoo made it: {', '.join(changed)} cannot be chosen for "
            "it.",
        )
        for name, given in (
            ("teacher = twin", self.teacher == TWIN),
            ("first_stage_epochs", self.first_stage_epochs),
        ):
            _require(
                not given,
                f"{name} is for this package's networks; {self.network} has no other form.",
            )

    @property
    def is_larq_zoo(self) -> bool:
        """Whether the network is larq-zoo's, whose topology this package does not describe."""
        return self.network.startswith(LARQ_ZOO)

    @property
    def network_text(self) -> str:
        """The network with the parameters that are replaced, for messages:

        ``igp_resnet_tiny with columns=3``.
        """
        replaced = ", ".join(f"{name}={value}" for name, value in self.parameters.items())
        return f"{self.network} with {replaced}" if replaced else self.network

    def resolved(self, input_shape: tuple[int, int, int]) -> "Recipe":
        """Return the recipe with every default that could change later written out.

        Args:
            input_shape: of the data set, for a recipe that names none.
        """
        shape = self.input_shape or input_shape
        if self.is_larq_zoo:
            return dataclasses.replace(self, input_shape=shape)
        pad_values = default_pad_values(self.bits) if self.pad_values is None else self.pad_values
        return dataclasses.replace(
            self, input_shape=shape, stem=choose_stem(self.stem, *shape[:2]), pad_values=pad_values
        )

    @property
    def spec(self) -> Spec:
        """The specification of the network, parameters replaced.

        Raises:
            RecipeError: for a network of larq-zoo, which has none.
        """
        _require(
            not self.is_larq_zoo,
            f"{self.network} is a model of larq-zoo: its topology is not described here.",
        )
        return get_spec(self.network, **self.parameters)

    def build_options(self) -> dict[str, Any]:
        """Return the keyword arguments of ``larq_igp.build`` that a recipe decides, data aside."""
        return {
            "bits": self.bits,
            "pad_values": self.pad_values,
            "stem": self.stem,
            "input_quantizer": self.input_quantizer,
            "kernel_quantizer": self.kernel_quantizer,
            "clip_value": self.clip_value,
            "weight_clip": self.weight_clip,
            **self.parameters,
        }

    def teacher_recipe(self) -> "Recipe":
        """Return the recipe of this network's 32-bit twin:

        the same, without quantizers and without a teacher of its own.
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
        )

    def first_stage(self) -> "Recipe":
        """Return the recipe of the first of two stages:

        quantized activations, weights in full precision.
        """
        return dataclasses.replace(
            self,
            kernel_quantizer="float",
            optimizer="adam" if self.optimizer == "bop" else self.optimizer,
            epochs=self.first_stage_epochs,
            warmup_epochs=min(self.warmup_epochs, self.first_stage_epochs - 1),
            first_stage_epochs=0,
        )

    def to_json(self) -> dict[str, Any]:
        """Return a dict of plain values."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Recipe":
        """Return what ``to_json`` wrote, or what a recipe file says.

        Raises:
            RecipeError: if a field is unknown, missing, or of another type.
        """
        check_names(data)
        _require("network" in data, "not a recipe: network is missing.")
        parameters = data.get("parameters", {})
        if isinstance(
            parameters, dict
        ):  # JSON and TOML have lists where specifications have tuples
            parameters = {
                name: tuple(value) if isinstance(value, list) else value
                for name, value in parameters.items()
            }
        return cls(**{**data, "parameters": parameters})


def field_types() -> dict[str, Any]:
    """Return the declared type of each field of a recipe."""
    return get_type_hints(Recipe)


def check_names(names: Any) -> None:
    """Refuse what is not a field of a recipe.

    Raises:
        RecipeError: naming it and the nearest field.
    """
    known = field_types()
    for name in names:
        _require(
            name in known,
            f"unknown field {name} of a recipe. {closest(name, list(known))}".rstrip(),
        )


def parse_settings(settings: tuple[str, ...]) -> dict[str, Any]:
    """Read ``key=value`` texts into fields of a recipe; ``parameters.filters=31`` sets one
    parameter of the network.

    Raises:
        RecipeError: if a text has no ``=``, the field is unknown, or the value is not of its type.
    """
    values: dict[str, Any] = {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        name = name.strip()
        _require(bool(name and equals), f"--set takes key=value; got {setting!r}.")
        if name.startswith("parameters."):
            values.setdefault("parameters", {})[name.removeprefix("parameters.")] = parse_any(text)
            continue
        check_names([name])
        _require(
            name != "parameters",
            "--set sets one parameter at a time, like --set parameters.filters=31.",
        )
        hint = field_types()[name]
        try:
            values[name] = parse(text, hint)
        except ValueError as error:
            raise RecipeError(f"{name} must be {describe(hint)}; got {text!r}.") from error
    return values
