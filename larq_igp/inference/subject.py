"""What a command works on, once it is open: a network, and what is known of it."""

from dataclasses import dataclass, field
from typing import Any

from larq_igp.architectures import Spec
from larq_igp.data import Dataset, Identity, Preprocessing, load_dataset
from larq_igp.data.identity import CLASSES, require_same_data
from larq_igp.deploy.card import Card
from larq_igp.errors import UserError
from larq_igp.graph import read_graph
from larq_igp.inference.kinds import Kind
from larq_igp.keras2 import tf
from larq_igp.models.weights import load_weights
from larq_igp.training.recipe import Recipe
from larq_igp.training.run.directory import Run
from larq_igp.training.run.feeding import fed
from larq_igp.training.run.network import build_network


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
        preprocessing: from stored image to input; None for random weights and for a file that does
            not say it, which are fed as the images are by default.
        run, card: of a run directory, or of a ``.tflite`` that has one.
        keras: the model of a file of Keras.
        weights: ``best`` or ``last``, of a run.
        weights_file: that a network by name gets its weights from; None for random ones.
        takes_pixels: whether it normalises pixels itself, as a ``.tflite`` may.
        content: of a ``.tflite``, read once: what was checked is what is run.
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
    keras: Any = None
    weights: str = "best"
    weights_file: str | None = None
    takes_pixels: bool = False
    content: bytes = field(default=b"", repr=False)

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
        if self.keras is not None:
            return min(
                (each.bits for each in read_graph(self.keras).kernels().values()), default=32
            )
        return self.recipe.bits if self.recipe else 1

    @property
    def is_trained(self) -> bool:
        """Whether its weights are not random."""
        return self.run is not None or (self.card is not None and self.card.dataset is not None)

    @property
    def is_of_others(self) -> bool:
        """Whether its weights come from elsewhere, so that nobody here knows how it was fed."""
        return self.keras is not None or self.weights_file is not None

    @property
    def has_random_weights(self) -> bool:
        """Whether its weights are known to be random; of a file of others nobody knows."""
        from_others = self.recipe is None or self.is_of_others
        fed_unknown = self.card is not None and self.card.preprocessing is None
        return not (self.is_trained or from_others or fed_unknown)

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
        return self._build(self._recipe()) if self.keras is None else self.keras

    def model(self) -> "tf.keras.Model":
        """Build the network with its weights: those of a run or a file, else random ones.

        Raises:
            UserError: if it is a ``.tflite``, which holds none that Keras could load, a run that
                has not saved any, or its weights file is of another network.
        """
        if self.run is not None:
            return self.run.load_model(self.weights)
        if self.kind == "tflite":
            raise UserError(
                f"{self.source} is a .tflite, which holds no weights for Keras: name the run, the "
                "recipe or the network that it was converted from."
            )
        model = self.network()
        if self.weights_file is not None:
            load_weights(model, self.weights_file)
        return model

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
        return loaded if self.recipe is None else fed(loaded, self.recipe)

    def preprocessing_of(self, dataset: Dataset) -> Preprocessing:
        """Return how images of a data set are fed: as the network was trained, or with random
        weights as the data set says; as pixels to what normalises them itself.
        """
        fed = self.preprocessing or dataset.preprocessing(self.input_shape)
        return fed.as_pixels() if self.takes_pixels else fed

    def _recipe(self) -> Recipe:
        if self.recipe is None:
            raise UserError(f"{self.source} has no card that says which network it is.")
        return self.recipe

    def _build(self, recipe: Recipe) -> "tf.keras.Model":
        tf.keras.utils.set_random_seed(recipe.seed)
        return build_network(recipe, self.input_shape, self.classes)
