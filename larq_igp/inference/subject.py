"""What a command works on: a run directory, the name of a network or of a larq-zoo model, a recipe
file or a ``.tflite``, opened in this one place.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from larq_igp.architectures import Spec, UnknownNetworkError
from larq_igp.data import Dataset, Identity, Preprocessing, load_dataset
from larq_igp.data.geometry import geometry_of
from larq_igp.data.identity import CLASSES, require_same_data
from larq_igp.deploy.card import Card, card_path, read_card
from larq_igp.deploy.flatbuffer import read_bytes, read_content
from larq_igp.deploy.structure import check_structure
from larq_igp.errors import UserError
from larq_igp.inference.cards import data_of, recipe_of
from larq_igp.inference.kinds import WORDS, Kind, kind_of, leave_out
from larq_igp.keras2 import tf
from larq_igp.models.build import IMAGENET_SHAPE
from larq_igp.training.recipe import Recipe, RecipeError, make_recipe
from larq_igp.training.recipe.sources import Layer, from_keywords, named
from larq_igp.training.run.directory import Run, open_run
from larq_igp.training.run.network import build_network

IMAGENET_CLASSES = 1000
OF_IMAGES = ("dataset", "data_dir", "corrupt")
"""Fields of a recipe that any subject takes: which images it is measured on."""


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A network, and what is known of it.

    Attributes:
        source: what was opened, as it was named.
        kind: what that is.
        recipe: that it is trained by, or the network alone in the form of one; None for a file
            whose card names no network.
        input_shape: ``(H, W, C)``.
        classes: how many outputs it has.
        data: that it was trained on, as far as that is known; None for random weights.
        preprocessing: from stored image to input; None for random weights and for a file without
            a card, which are fed as the images are by default.
        run, card: of a run directory, or of a ``.tflite`` that has one.
        weights: ``best`` or ``last``, of a run.
    """

    source: str
    kind: Kind
    recipe: Recipe | None
    input_shape: tuple[int, int, int]
    classes: int
    data: Identity | None = None
    preprocessing: Preprocessing | None = None
    run: Run | None = None
    card: Card | None = None
    weights: str = "best"

    @property
    def name(self) -> str:
        """Of the network, or of the file that does not name it."""
        return self.recipe.network if self.recipe else self.source

    @property
    def spec(self) -> Spec | None:
        """The specification; None for a model of larq-zoo, and for a file that names none."""
        return None if self.recipe is None or self.recipe.is_larq_zoo else self.recipe.spec

    @property
    def bits(self) -> int:
        """Width of weights and activations between stem and head."""
        return self.recipe.bits if self.recipe else 1

    @property
    def is_trained(self) -> bool:
        """Whether its weights are not random."""
        return self.run is not None or (self.card is not None and self.card.dataset is not None)

    @property
    def accuracy(self) -> float | None:
        """Top-1 on the test images, from 0 to 1; None if it was not measured."""
        if self.card is not None:
            return self.card.accuracy
        metrics = self.run.metrics() if self.run and self.weights == "best" else None
        return metrics["top1"] if metrics else None

    @property
    def class_names(self) -> tuple[str, ...]:
        """Of the outputs; numbers where no names are known."""
        known = self.data.class_names if self.data else None
        return known or tuple(map(str, range(self.classes)))

    def network(self) -> "tf.keras.Model":
        """Build the network with random weights, drawn from the recipe's seed.

        Raises:
            UserError: if it is a file that does not say which network it holds.
        """
        return self._build(self._recipe())

    def model(self) -> "tf.keras.Model":
        """Build the network with its weights: those of a run, else random ones.

        Raises:
            UserError: if it is a ``.tflite``, which holds none that Keras could load, or a run that
                has not saved any.
        """
        if self.run is not None:
            return self.run.load_model(self.weights)
        if self.kind == "tflite":
            raise UserError(
                f"{self.source} is a .tflite, which holds no weights for Keras: name the run, the "
                "recipe or the network that it was converted from."
            )
        return self.network()

    @property
    def has_twin(self) -> bool:
        """Whether there is another network to be its 32-bit twin."""
        return self.spec is not None and self.bits != 32

    def twin(self) -> "tf.keras.Model":
        """Build the 32-bit twin with random weights: the same network without quantizers, padded
        with 0, as ``teacher = twin`` trains it.

        Raises:
            UserError: if it has none.
        """
        if self.spec is None:
            raise UserError(f"{self.name} has no 32-bit twin: its topology is not described here.")
        return self._build(self._recipe().teacher_recipe())

    def load_data(
        self,
        dataset: str | None = None,
        *,
        data_dir: str | None = None,
        download: bool = False,
        corrupt: str | None = None,
    ) -> Dataset:
        """Return a data set that the network can be measured on.

        Args:
            dataset: its name; None is the one that the network was trained on, or that its recipe
                names.
            data_dir: folder of its files; None is where the run found them, or the usual place.
            download: whether it may be fetched from the network.
            corrupt: what is done with corrupt images, ``refuse`` or ``skip``; None is what the run
                did.

        Raises:
            UserError: if it cannot be had, or the network's answers do not mean its labels.
        """
        own, place, usual = (self.data.dataset if self.data else None), None, None
        if self.card is not None:
            place, usual = self.card.data_dir, self.card.corrupt
        elif self.recipe is not None:
            own, place = self.recipe.dataset, self.recipe.data_dir
            usual = self.recipe.corrupt
        name = dataset or own
        if name is None:
            raise UserError(
                f"{self.source} names no data set that it was trained on: name one with --dataset."
            )
        data_dir = data_dir or (place if name == own else None)
        corrupt = corrupt or usual
        loaded = load_dataset(name, data_dir=data_dir, download=download, corrupt=corrupt)
        classes = len(loaded.class_names)
        if classes != self.classes:
            raise UserError(
                f"{loaded.name} has {classes} classes, but {self.source} has {self.classes} "
                "outputs."
            )
        if self.data is not None:
            require_same_data(
                Identity(class_names=loaded.class_names),
                self.data,
                what=f"{self.source} was not trained for the classes of {loaded.name}",
                aspects=CLASSES,
            )
        return loaded

    def preprocessing_of(self, dataset: Dataset) -> Preprocessing:
        """Return how images of a data set are fed: as the network was trained, or with random
        weights as the data set says.
        """
        return self.preprocessing or dataset.preprocessing(self.input_shape)

    def _recipe(self) -> Recipe:
        if self.recipe is None:
            raise UserError(f"{self.source} has no card that says which network it is.")
        return self.recipe

    def _build(self, recipe: Recipe) -> "tf.keras.Model":
        tf.keras.utils.set_random_seed(recipe.seed)
        return build_network(recipe, self.input_shape, self.classes)


def open_subject(source: str | Path, **options: Any) -> Subject:
    """Open whatever commands work on.

    Args:
        source: a run directory, the name of a network, ``larq_zoo:`` and a model of larq-zoo, a
            recipe file (``.toml``), or a ``.tflite``.
        **options: ``weights`` of a run, ``best`` or ``last``; ``num_classes`` and fields of
            ``Recipe`` for a network that is not trained, like ``bits=2`` or
            ``parameters={"filters": 8}``.

    Raises:
        UserError: if nothing of this name can be opened, or an option is not for what it is.
    """
    return open_layer(str(source), from_keywords(options))


def open_layer(source: str, options: Layer, *, for_images: bool = False) -> Subject:
    """Open whatever commands work on, with options that know where they come from.

    Args:
        source: as of ``open_subject``.
        options: likewise.
        for_images: whether images of a data set will be fed: then a network by name is built for
            those of its recipe, the digits if nothing is said; else for ImageNet's.

    Raises:
        UserError: as ``open_subject``.
    """
    kind = kind_of(source)
    if kind != "run":
        leave_out(options, ("weights",), f"{source} is no run directory")
    if kind in ("run", "tflite"):
        others = [name for name in options if name not in (*OF_IMAGES, "weights")]
        leave_out(options, others, f"{source} is {WORDS[kind]} and knows its own")
    if kind == "tflite":
        return _open_tflite(source)
    if kind == "run":
        weights = options["weights"].value if "weights" in options else "best"
        return _open_run(source, weights)
    return _open_network(source, kind, options, for_images)


def _open_run(source: str, weights: str) -> Subject:
    run = open_run(source)
    return Subject(
        source=source,
        kind="run",
        recipe=run.recipe,
        input_shape=run.preprocessing.input_shape,
        classes=len(run.class_names),
        data=run.data,
        preprocessing=run.preprocessing,
        run=run,
        weights=weights,
    )


def _open_network(source: str, kind: Kind, options: Layer, for_images: bool) -> Subject:
    fields = {name: each for name, each in options.items() if name != "num_classes"}
    try:
        recipe = make_recipe(*named(source), fields)
    except UnknownNetworkError as error:
        if kind != "network":
            raise
        raise UnknownNetworkError(f"no run directory, no file and {error}") from error
    says_data = for_images or kind == "recipe" or "dataset" in fields
    shape, classes = IMAGENET_SHAPE, IMAGENET_CLASSES
    if says_data:
        shape, classes = geometry_of(recipe.dataset, recipe.data_dir)
    if "num_classes" in options:
        classes = options["num_classes"].value
        if not isinstance(classes, int) or classes < 1:
            raise RecipeError(f"num_classes must be a positive integer; got {classes!r}.")
    return Subject(
        source=source,
        kind=kind,
        recipe=recipe,
        input_shape=recipe.input_shape or shape,
        classes=classes,
    )


def _open_tflite(source: str) -> Subject:
    content = read_bytes(source)
    check_structure(content, source, unknown_operators=True)
    file = read_content(content, source)
    if len(file.inputs) != 1 or len(file.outputs) != 1:
        raise UserError(f"{source} has not one input and one output, and is no classifier.")
    source_shape, result = file.tensors[file.inputs[0]].shape, file.tensors[file.outputs[0]].shape
    if len(source_shape) != 4:
        raise UserError(f"{source} takes no images: the shape of its input is {source_shape}.")
    (_, height, width, channels), classes = source_shape, result[-1]
    shape = (height, width, channels)
    if not card_path(source).is_file():
        return Subject(
            source=source, kind="tflite", recipe=None, input_shape=shape, classes=classes
        )
    card = read_card(source)
    preprocessing = Preprocessing.from_json(card.preprocessing)
    if preprocessing.input_shape != shape or len(card.class_names) not in (0, classes):
        raise UserError(
            f"the card of {source} is of another network: the file takes {shape} and has {classes} "
            f"outputs, but its card says {preprocessing.input_shape} and lists "
            f"{len(card.class_names)} classes."
        )
    return Subject(
        source=source,
        kind="tflite",
        recipe=recipe_of(card),
        input_shape=shape,
        classes=classes,
        data=data_of(card),
        preprocessing=preprocessing,
        card=card,
    )
