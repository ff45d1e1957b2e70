"""Costs of a network as the commands print them, and the images and classes that they are for."""

from typing import Any, NamedTuple

import click

from larq_igp.architectures.accounting import Counts
from larq_igp.architectures.checks import check_classes
from larq_igp.architectures.options import check_input_shape
from larq_igp.cli.options import SHAPE, field_option, stack
from larq_igp.tables import figures

COST_COLUMNS = ("storage, Mbit", "FLOPs, 1e8", "memory, MB")
IMAGENET = ((224, 224, 3), 1000)

images_options = stack(
    field_option("dataset", help="Count for the images and classes of this data set, like digits."),
    field_option("data_dir", help="Count for the images in this folder."),
    click.option(
        "--input-shape", type=SHAPE, help="Height, width, channels.  [default: 224,224,3]"
    ),
    click.option("--num-classes", type=int, help="Width of the classifier.  [default: 1000]"),
)
"""Which images costs are counted for: ``use_of`` reads them."""


class Use(NamedTuple):
    """What a network is counted for.

    Attributes:
        input_shape: ``(H, W, C)``.
        num_classes: width of the classifier.
    """

    input_shape: tuple[int, int, int]
    num_classes: int

    def __str__(self) -> str:
        return f"{'x'.join(map(str, self.input_shape))} inputs and {self.num_classes:,} classes"


def use_of(
    dataset: str | None,
    data_dir: str | None,
    input_shape: tuple[int, int, int] | None,
    num_classes: int | None,
    default: tuple = IMAGENET,
) -> Use:
    """Return what costs are counted for: as typed; else as the data set has it; else the default.

    Raises:
        UserError: if the data set cannot be read, or a number is not allowed.
    """
    shape, classes = default
    if dataset or data_dir:
        from pathlib import Path

        from larq_igp.data.detect import dataset_in
        from larq_igp.data.geometry import geometry_of

        shape, classes = geometry_of(dataset or dataset_in(Path(str(data_dir))), data_dir)
    if num_classes is not None:
        check_classes(num_classes)
        classes = num_classes
    return Use(check_input_shape(shape if input_shape is None else input_shape), classes)


def cost_cells(counts: Counts) -> tuple[str, str, str]:
    """Format the three costs of Table 3 to its digits; small ones to three figures."""
    memory = counts.runtime_memory_bytes
    return (
        figures(counts.storage_bits / 1e6),
        figures(counts.flops / 1e8),
        figures(memory / 1e6) if memory else "-",
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
