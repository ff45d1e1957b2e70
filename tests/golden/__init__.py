"""Numbers of named networks, kept as data so that a change of one shows as a difference.

``make golden`` writes them again:

- ``counts.json``: what Keras and Larq count in each network, at 224x224x3, 1000 classes, 1 bit;
- ``outputs.json``: the logits of the small networks, with weights and images from a fixed seed.
"""

from pathlib import Path

import numpy as np

from larq_igp.architectures import ZOO

COUNTS = Path(__file__).with_name("counts.json")
OUTPUTS = Path(__file__).with_name("outputs.json")
TINY = [name for name in ZOO if name.endswith("_tiny")]
BITS = (1, 2, 32)
IMAGES = np.random.RandomState(1).uniform(-1, 1, (2, 28, 28, 3)).astype(np.float32)


def count(name: str) -> dict[str, int]:
    """Count a network by the code of others."""
    import larq as lq

    import larq_igp

    model = larq_igp.build(name)
    profile = lq.models.ModelProfile(model)
    return {
        "parameters": model.count_params(),
        "binary_weights": profile.weight_count(bitwidth=1),
        "binary_macs": profile.op_count("mac", 1),
        "float_macs": profile.op_count("mac", 32),
    }


def logits(name: str, bits: int) -> list[list[float]]:
    """Return the logits ``(2, 10)`` of a small network for ``IMAGES``."""
    import larq_igp
    from tests.models.formulas import draw_weights

    model = larq_igp.build(
        name, bits=bits, input_shape=IMAGES.shape[1:], num_classes=10, classifier_activation=None
    )
    draw_weights(model, seed=0)
    return [[float(f"{value:.5g}") for value in row] for row in model(IMAGES).numpy()]
