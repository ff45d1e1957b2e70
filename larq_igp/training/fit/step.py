"""One optimizer step, compiled."""

from collections.abc import Iterator

from larq_igp.keras2 import tf
from larq_igp.training.cluster.devices import Devices
from larq_igp.training.fit.examples import Prepare


def training_step(
    model: "tf.keras.Model", prepare: Prepare, devices: Devices
) -> "tf.types.experimental.PolymorphicFunction":
    """Return a function that takes one step on the next batch of ``larq_igp.data.train_batches``
    and returns the running metrics.

    Pixels become the network's input here, on the device that computes: what is copied to it, and
    kept in memory before, is uint8.

    Args:
        model: compiled.
        prepare: what is done to each batch first.
        devices: that share a batch.
    """

    def of_replica(images: tf.Tensor, labels: tf.Tensor) -> dict[str, tf.Tensor]:
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
