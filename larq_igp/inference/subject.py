"""The opened source of a command: a network, and what is known about it."""

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
    """A network, and what is known about it.

    Attributes:
        source: the source, as it was typed.
        kind: the kind of the source.
        recipe: the recipe that trains it, or a recipe with only the network; None for a file
            without a network on its card.
        input_shape: ``(H, W, C)``.
        classes: number of outputs.
        data: the data set that it was trained on; None if unknown, or for random weights.
        preprocessing: from stored image to input; None for random weights and for a file that does
            not state it: then the default of the data set is used.
        run, card: the run of a run directory; the card of a ``.tflite``, if it has one.
        keras: the model of a Keras file.
        loaded: the model of a run that is already in memory: ``model`` returns it.
        weights: ``best`` or ``last``, for a run.
        weights_file: file with the weights of a network by name; None for random weights.
        takes_pixels: whether it normalises pixels itself, as a ``.tflite`` may.
        content: content of a ``.tflite``, read once, so that the content that was checked is run.
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
    loaded: Any = None
    weights: str = "best"
    weights_file: str | None = None
    takes_pixels: bool = False
    content: bytes = field(default=b"", repr=False)

    @property
    def name(self) -> str:
        """Name of the network, or of a file that does not name its network."""
        return self.recipe.network if self.recipe else self.source

    @property
    def spec(self) -> Spec | None:
        """The specification; None for a model of larq-zoo and for a file without one."""
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
        """Whether its weights come from elsewhere, so that its preprocessing is unknown."""
        return self.keras is not None or self.weights_file is not None

    @property
    def has_random_weights(self) -> bool:
        """Whether its weights are known to be random; never for a file from elsewhere."""
        from_others = self.recipe is None or self.is_of_others
        fed_unknown = self.card is not None and self.card.preprocessing is None
        return not (self.is_trained or from_others or fed_unknown)

    @property
    def accuracy(self) -> float | None:
        """Top-1 accuracy on the test images, from 0 to 1; None if it was not measured."""
        if self.card is not None:
            return self.card.accuracy
        metrics = self.run.metrics() if self.run and self.weights == "best" else None
        return metrics["top1"] if metrics else None

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the outputs; numbers if no names are known."""
        known = self.data.class_names if self.data else None
        return known or tuple(map(str, range(self.classes)))

    def network(self) -> "tf.keras.Model":
        """Build the network with random weights, drawn from the recipe's seed.

        Raises:
            UserError: if it is a file that does not state its network.
        """
        return self._build(self._recipe()) if self.keras is None else self.keras

    def model(self) -> "tf.keras.Model":
        """Build the network with the weights of its run or file, else with random weights.

        A model that is already in memory is returned as it is.

        Raises:
            UserError: if it is a ``.tflite``, which has no weights that Keras could load, if the
                run has not saved any, or if the weights file is of another network.
        """
        if self.loaded is not None:
            return self.loaded
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
        """Whether it has a 32-bit twin that is another network."""
        return self.spec is not None and self.bits != 32

    def twin(self) -> "tf.keras.Model":
        """Build the 32-bit twin with random weights.

        The twin is the same network without quantizers, padded with 0, as ``teacher = twin`` trains
        it.

        Raises:
            UserError: if it has no twin.
        """
        if self.spec is None:
            raise UserError(f"{self.name} has no 32-bit twin: its topology is not known here.")
        return self._build(self._recipe().teacher_recipe())

    def load_data(
        self,
        dataset: str | None = None,
        *,
        data_dir: str | None = None,
        download: bool = False,
        corrupt: str | None = None,
    ) -> Dataset:
        """Return a data set to measure the network on.

        Args:
            dataset: name of the data set; None for the one of the network's training or recipe.
            data_dir: folder of its files; None for the folder of the run, or the usual place.
            download: whether it may be downloaded.
            corrupt: what to do with corrupt images, ``refuse`` or ``skip``; None for what the run
                did.

        Raises:
            UserError: if it cannot be loaded, or its classes are not the network's.
        """
        own, place, usual = (self.data.dataset if self.data else None), None, None
        if self.card is not None:
            place, usual = self.card.data_dir, self.card.corrupt
        elif self.recipe is not None:
            own, place = self.recipe.dataset, self.recipe.data_dir
            usual = self.recipe.corrupt
        name = dataset or own
        if name is None:
            raise UserError(f"{self.source} does not name its data set: name one with --dataset.")
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
        """Return the preprocessing for images of a data set.

        It is that of the network's training, or the data set's default for random weights. A file
        that normalises pixels itself gets pixels.
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
