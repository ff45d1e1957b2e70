"""A run in this process: everything that training it needs, built and compiled."""

from dataclasses import dataclass

from larq_igp.data import Dataset
from larq_igp.keras2 import tf
from larq_igp.training.cluster.devices import Devices
from larq_igp.training.fit.batchnorm import synchronize_batchnorm
from larq_igp.training.fit.compile import compile_model
from larq_igp.training.fit.examples import Prepare, preparation
from larq_igp.training.fit.prerequisites import body_of
from larq_igp.training.recipe import Recipe
from larq_igp.training.run.directory import Run


@dataclass(frozen=True)
class Session:
    """A run in this process.

    Attributes:
        run: its directory, recipe and preprocessing.
        dataset: to train on.
        steps: of an epoch.
        devices: to compute on.
        network: whose weights are the result.
        model: the network, or one that shares its layers, compiled.
        plain: the network on one device in float32, as it is saved and deployed: the same object as
            ``network``, or another with separate weights; with ``ema`` their averages.
    """

    run: Run
    dataset: Dataset
    steps: int
    devices: Devices
    network: "tf.keras.Model"
    model: "tf.keras.Model"
    plain: "tf.keras.Model"

    @property
    def recipe(self) -> Recipe:
        """Of the run."""
        return self.run.recipe

    def preparation(self) -> Prepare:
        """Return what is done to each training batch.

        Raises:
            DatasetError: if classes cannot be weighed.
        """
        return preparation(self.recipe, self.dataset, self.run.preprocessing, self.model)

    def body_layers(self) -> list["tf.keras.layers.Layer"]:
        """Return the layers that are frozen over the first epochs."""
        return body_of(self.network).layers if self.recipe.freeze_epochs else []

    @property
    def total(self) -> int:
        """Optimizer steps of the whole run."""
        return self.recipe.epochs * self.steps


def build_session(
    run: Run, fitted: Recipe, dataset: Dataset, steps: int, devices: Devices
) -> Session:
    """Build and compile the network of a run: weights are drawn from the seed, and TensorFlow's
    kernels are those that give the same sums every time.

    Args:
        run: whose network is built.
        fitted: its recipe as ``prepare`` returns it: teacher and initial weights are there.
        dataset: to train on.
        steps: of an epoch.
        devices: to train on.

    Raises:
        UserError: if the network, its teacher or its initial weights cannot be had.
    """
    tf.keras.utils.set_random_seed(run.recipe.seed)
    tf.config.experimental.enable_op_determinism()
    with devices.strategy.scope():
        network = run.build_model(run.recipe.precision)
        if run.recipe.synchronized_batchnorm and devices.replicas > 1:
            network = synchronize_batchnorm(network)
        model = compile_model(network, fitted, steps)
    is_plain = devices.replicas == 1 and run.recipe.precision == "float32" and not run.recipe.ema
    plain = network if is_plain else run.build_model()
    if not is_plain:
        # Flips in the first epoch are counted from the weights that are trained.
        plain.set_weights(network.get_weights())
    return Session(run, dataset, steps, devices, network, model, plain)
