"""One optimizer step, compiled."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from larq_igp.keras2 import tf
from larq_igp.training.cluster.devices import Devices
from larq_igp.training.fit.examples import Prepare


def training_step(
    model: "tf.keras.Model",
    prepare: Prepare,
    devices: Devices,
    frozen: Sequence["tf.keras.layers.Layer"] = (),
) -> "tf.types.experimental.PolymorphicFunction":
    """Return a function that takes one step on the next batch of ``larq_igp.data.train_batches``
    and returns the running metrics.

    Pixels become the network's input here, on the device that computes: what is copied to it, and
    kept in memory before, is uint8.

    Args:
        model: compiled.
        prepare: what is done to each batch first.
        devices: that share a batch.
        frozen: layers that stay as they are.
    """

    def of_replica(images: tf.Tensor, labels: tf.Tensor) -> dict[str, tf.Tensor]:
        with untrained(frozen):  # what is trained is decided where the step is traced
            return model.train_step(prepare(images, labels))

    @tf.function
    def step(batches: Iterator) -> dict[str, tf.Tensor]:
        logs = devices.strategy.run(of_replica, args=next(batches))
        # Metrics are those of all replicas already.
        return {
            name: devices.strategy.experimental_local_results(value)[0]
            for name, value in logs.items()
        }

    return step


@contextmanager
def untrained(layers: Sequence["tf.keras.layers.Layer"]) -> Iterator[None]:
    """Keep layers as they are: their variables, and the statistics of BatchNorm."""
    inner = [each for layer in layers for each in layer.submodules]
    every = [each for each in (*layers, *inner) if isinstance(each, tf.keras.layers.Layer)]
    before = [each.trainable for each in every]
    try:
        for each in every:
            each.trainable = False
        yield
    finally:
        for each, was in zip(every, before, strict=True):
            each.trainable = was
