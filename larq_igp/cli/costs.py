"""Costs of a network as the commands print them."""

from typing import Any

from larq_igp.architectures.accounting import Counts

COST_COLUMNS = ("storage, Mbit", "FLOPs, 1e8", "memory, MB")


def cost_cells(counts: Counts) -> tuple[str, str, str]:
    """Format the three costs of Table 3 to its digits."""
    return (
        f"{counts.storage_bits / 1e6:.2f}",
        f"{counts.flops / 1e8:.2f}",
        f"{counts.runtime_memory_bytes / 1e6:.2f}" if counts.runtime_memory_bytes else "-",
    )


def cost_fields(counts: Counts) -> dict[str, Any]:
    """Return the costs as integers in base units."""
    return {
        "storage_bits": counts.storage_bits,
        "flops": counts.flops,
        "runtime_memory_bytes": counts.runtime_memory_bytes or None,
        "parameters": counts.parameters,
        "binary_macs": counts.binary_macs,
        "float_macs": counts.float_macs,
        "macs_by_bits": {str(bits): macs for bits, macs in sorted(counts.macs.items())},
    }
