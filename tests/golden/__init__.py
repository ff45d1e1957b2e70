"""Counts of every named network, kept as data so that a change of one shows as a difference.

``make golden`` writes them again.
"""

from pathlib import Path

from larq_igp.architectures import ZOO
from larq_igp.architectures.accounting import closed_form

GOLDEN = Path(__file__).with_name("counts.json")


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
