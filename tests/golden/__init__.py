"""Numbers of named networks, kept as data so that a change of one shows as a difference.

``make golden`` writes them again:

- ``counts.json``: every row of the registry, at 224x224x3, 1000 classes, 1 bit;
- ``outputs.json``: the logits of the small networks, with weights and images from fixed seeds.
"""

from pathlib import Path

import numpy as np

from larq_igp.architectures import ZOO
from larq_igp.architectures.accounting import closed_form

GOLDEN = Path(__file__).with_name("counts.json")
OUTPUTS = Path(__file__).with_name("outputs.json")
TINY = [name for name in ZOO if name.endswith("_tiny")]
BITS = (1, 2, 32)
IMAGES = np.random.RandomState(1).uniform(-1, 1, (2, 28, 28, 3)).astype(np.float32)


def golden_counts() -> dict[str, dict[str, int]]:
    """Count every row of the registry at 224x224x3, 1000 classes, 1 bit."""
    counts = {name: closed_form(spec) for name, spec in ZOO.items()}
    return {
        name: {
            "depth": ZOO[name].depth,
            "parameters": count.parameters,
            "binary_weights": count.kernel_weights[1],
            "float_weights": count.kernel_weights[32],
            "binary_macs": count.binary_macs,
            "float_macs": count.float_macs,
            "runtime_memory_bytes": count.runtime_memory_bytes,
        }
        for name, count in counts.items()
    }


def logits(name: str, bits: int) -> list[list[float]]:
    """Return the logits ``(2, 10)`` of a small network for ``IMAGES``, to five digits."""
    import larq_igp
    from tests.models.formulas import draw_weights

    model = larq_igp.build(
        name, bits=bits, input_shape=IMAGES.shape[1:], num_classes=10, classifier_activation=None
    )
    draw_weights(model, seed=0)
    return [[float(f"{value:.5g}") for value in row] for row in model(IMAGES).numpy()]
