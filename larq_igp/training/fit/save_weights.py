"""Write the weights of a run as Keras reads them."""

from pathlib import Path

from larq_igp.files import atomic_path
from larq_igp.keras2 import tf
from larq_igp.training.run.layout import weights_path


def save_weights(folder: Path, network: "tf.keras.Model", which: str) -> None:
    """Write the ``best`` or the ``last`` weights.

    Raises:
        UserError: if they cannot be written.
    """
    with atomic_path(weights_path(folder, which)) as path:
        # HDF5 kills the process where a disk is full: room is found first.
        path.write_bytes(bytes(most_bytes(network)))
        network.save_weights(str(path))


def most_bytes(network: "tf.keras.Model") -> int:
    """Return an upper bound of the size of a file of weights: the values, and HDF5's headers, of
    which 2 kB an array were seen.
    """
    values = sum(weight.shape.num_elements() * weight.dtype.size for weight in network.weights)
    return values + 4096 * (len(network.weights) + len(network.layers) + 8)
