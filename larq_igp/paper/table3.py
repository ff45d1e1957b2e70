"""Table 3: binary ResNet and DenseNet variants on ImageNet, at 224 px."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from larq_igp.architectures import ZOO
from larq_igp.architectures.accounting import closed_form
from larq_igp.paper.table import OUR_ERRORS, PAPER_ERRORS, Measured, Table


@dataclass(frozen=True)
class Published:
    """A row as printed.

    Attributes:
        title: as the paper writes the name.
        top1_error: in percent.
        top5_error: in percent.
        storage: in Mbit.
        flops: in 1e8.
        runtime_memory: in MB of 1e6 bytes.
    """

    title: str
    top1_error: str
    top5_error: str
    storage: str
    flops: str
    runtime_memory: str

    def costs(self) -> str:
        """Return the three costs with their units."""
        return f"{self.storage} Mbit, {self.flops}e8 FLOPs, {self.runtime_memory} MB"


_ROWS = (
    # network, title, then top-1 and top-5 error, storage, FLOPs, run-time memory
    ("bireal_resnet18_64", "Bi-Real ResNet18(64)", "40.42 18.29 33.18 1.64 154.14"),
    ("igp_resnet21_53", "IGP-ResNet21(53)", "37.58 16.06 32.63 1.46 170.20"),
    ("igp_resnet37_41", "IGP-ResNet37(41)", "37.13 15.63 32.24 1.28 164.58"),
    ("igp_resnet69_31", "IGP-ResNet69(31)", "37.66 15.77 32.16 1.14 149.32"),
    ("bireal_resnet34_64", "Bi-Real ResNet34(64)", "36.74 15.36 43.28 1.93 154.14"),
    ("igp_resnet41_48", "IGP-ResNet41(48)", "35.62 14.53 42.61 1.64 154.14"),
    ("igp_resnet77_35", "IGP-ResNet77(35)", "36.66 15.07 41.53 1.44 140.49"),
    ("binary_densenet51_32", "BinaryDenseNet51(32)", "38.14 16.80 34.80 2.70 359.66"),
    ("igp_densenet51_53", "IGP-DenseNet51(53)", "36.73 15.54 34.53 2.97 306.68"),
    ("binary_densenet69_32", "BinaryDenseNet69(32)", "36.26 15.24 41.95 2.82 359.66"),
    ("igp_densenet69_48", "IGP-DenseNet69(48)", "35.20 14.59 41.52 3.06 282.59"),
)
TABLE3 = {network: Published(title, *figures.split()) for network, title, figures in _ROWS}

COSTS = ("storage, Mbit", "FLOPs, 1e8", "memory, MB")


def compute(runs: Sequence[str | Path] = (), results: Sequence[str | Path] = ()) -> Table:
    """Return Table 3: costs from the parameters of each network, errors of the paper."""
    measured, rows = Measured(runs, results), []
    for network, paper in TABLE3.items():
        counts = closed_form(ZOO[network])
        costs = (
            (f"{counts.storage_bits / 1e6:.2f}", paper.storage),
            (f"{counts.flops / 1e8:.2f}", paper.flops),
            (f"{counts.runtime_memory_bytes / 1e6:.2f}", paper.runtime_memory),
        )
        errors = (paper.top1_error, paper.top5_error, measured.cell(network))
        rows.append((paper.title, *(cell for pair in costs for cell in pair), *errors))
    header = [column for cost in COSTS for column in (cost, f"{cost} (paper)")]
    return Table(
        "Table 3: binary ResNet and DenseNet variants on ImageNet",
        ("model", *header, *PAPER_ERRORS, OUR_ERRORS),
        tuple(rows),
        (
            "Costs in closed form from each network's parameters; the tests count the same from "
            "built graphs.",
            *measured.others(set(TABLE3)),
        ),
    )
