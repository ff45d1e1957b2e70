"""Table 4: comparison with the state of the art on ImageNet.

Most rows are results of other publications, as the paper repeats them. Marks
at the end of a text: ``#`` for a network whose downsampling layers are binarized, as in the paper;
``*`` for a source that was found by the method's name, since most reference numbers of this table
are illegible in the paper at hand.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from larq_igp.architectures import ZOO
from larq_igp.architectures.accounting import closed_form
from larq_igp.paper.table import NOTHING, OUR_ERRORS, PAPER_ERRORS, Measured, Table


@dataclass(frozen=True)
class Table4Row:
    """A row as printed.

    Attributes:
        title: of the network, with the mark ``#``.
        top1_error: in percent.
        top5_error: in percent; ``-`` where nothing is printed.
        storage: in Mbit.
        flops: in 1e9.
        source: of the errors, by the paper's list of references, with the mark ``*``; empty for the
            paper's own training.
        network: name in the registry, if it is one of ours.
        bits: width of weights and activations.
    """

    title: str
    top1_error: str
    top5_error: str
    storage: str
    flops: str
    source: str = ""
    network: str | None = None
    bits: int = 1


def _row(
    title: str, figures: str, source: str = "", network: str | None = None, bits: int = 1
) -> Table4Row:
    top1_error, top5_error, storage, flops = figures.split()
    return Table4Row(title, top1_error, top5_error, storage, flops, source, network, bits)


_LIU = "Liu et al., ECCV 2018 [34] *"
_BETHGE = "Bethge et al., ICCVW 2019 [1] *"
_HE = "He et al., CVPR 2016 [12] *"

TABLE4: tuple[Table4Row, ...] = (
    # title, then top-1 and top-5 error, storage and FLOPs, source, network of ours, bits
    _row("BNN ResNet18 #", "57.80 30.80 27.9 0.14", "Courbariaux et al., arXiv 1602.02830 [7] *"),
    _row("XNOR ResNet18 #", "48.80 26.80 28.0 0.14", "Rastegari et al., ECCV 2016 [42] *"),
    _row("S2-Bi-Real ResNet18", "48.76 24.11 33.2 0.16", "Shen et al., CVPR 2021 [45] *"),
    _row("Bin ResNet18 #", "45.80 22.10 27.9 0.14", "unresolved; printed as [53] *"),
    _row("TBN-ResNet18 #", "44.40 25.80 27.9 0.17", "Wan et al., ECCV 2018 [50] *"),
    _row("Bi-Real ResNet18", "43.60 20.50 33.2 0.16", _LIU, "bireal_resnet18_64"),
    _row("CI-Net ResNet18 #", "43.30 19.90 27.9 0.14", "Wang et al., CVPR 2019 [53]"),
    _row("XNOR-Net++ ResNet18 #", "42.90 20.10 28.0 0.14", "Bulat and Tzimiropoulos 2019 [2]"),
    _row("IR-ResNet18", "41.90 20.00 33.1 0.16", "Qin et al., CVPR 2020 [40] *"),
    _row("BNAS-E", "41.24 19.39 33.1 0.16", "Kim et al., arXiv 2110.08562 [23]"),
    _row("Bi-Real ResNet18(64)", "40.42 18.29 33.2 0.16", network="bireal_resnet18_64"),
    _row("Si-ResNet18", "40.30 18.20 33.2 0.16", "Wang et al., AAAI 2020 [51] *"),
    _row("CI-Net ResNet18", "40.10 17.80 33.2 0.16", "Wang et al., CVPR 2019 [53]"),
    _row("RBNN-ResNet18", "40.10 18.10 33.2 0.16", "Lin et al., NeurIPS 2020 [31] *"),
    _row("FT-ResNet18", "39.80 - 33.2 0.16", "Su et al., arXiv 2010.09294 [46] *"),
    _row("DGRL-ResNet18 (K=1)", "39.55 - 33.2 0.16", "Ye et al., TNNLS 2021 [61] *"),
    _row("UaBNN-ResNet18", "39.40 17.80 33.2 0.16", "Zhao et al., IJCAI 2021 [64] *"),
    _row("BinaryDuo ResNet18", "39.10 17.40 33.2 0.16", "Kim et al., arXiv 2002.06517 [24] *"),
    _row("ReActNet-18 (BN-Free)", "38.90 - 33.2 0.16", "Chen et al., CVPRW 2021 [6]"),
    _row("SA-BNN-ResNet18", "38.30 17.20 33.2 0.16", "Liu et al., AAAI 2021 [32] *"),
    _row("IA-BNN-ResNet18", "37.20 15.70 33.2 0.16", "Kim et al., CVPR 2021 [25] *"),
    _row("IGP-ResNet37(41)", "37.13 15.63 32.2 0.13", network="igp_resnet37_41"),
    _row("FULW-ResNet18", "36.60 15.40 33.2 0.16", "Xu et al., arXiv 2110.05850 [57]"),
    _row("ProxyResNet18", "36.30 15.20 33.2 0.16", "He et al., ECCV 2020 [13] *"),
    _row(
        "Real-to-bin ResNet18", "34.60 13.80 33.2 0.16", "Martinez et al., arXiv 2003.11535 [37] *"
    ),
    _row("ReActNet-ResNet18", "34.10 - 33.2 0.16", "Liu et al., ECCV 2020 [35] *"),
    _row("DIR-Net2-ResNet18", "33.90 13.60 33.2 0.16", "Qin et al., arXiv 2109.12338 [41] *"),
    _row("TBN-ResNet34 #", "41.80 19.00 38.0 0.23", "Wan et al., ECCV 2018 [50] *"),
    _row("Bi-Real ResNet34", "37.80 16.10 43.3 0.19", _LIU, "bireal_resnet34_64"),
    _row("Bi-Real ResNet34(64)", "36.74 15.36 43.3 0.19", network="bireal_resnet34_64"),
    _row("IGP-ResNet41(48)", "35.62 14.53 42.6 0.16", network="igp_resnet41_48"),
    _row("BinaryDenseNet51(32)", "39.30 17.60 34.8 0.27", _BETHGE, "binary_densenet51_32"),
    _row("BinaryDenseNet51(32)", "38.14 16.80 34.8 0.27", network="binary_densenet51_32"),
    _row("IGP-DenseNet51(53)", "36.73 15.54 34.5 0.30", network="igp_densenet51_53"),
    _row("BinaryDenseNet69(32)", "37.50 16.10 42.0 0.28", _BETHGE, "binary_densenet69_32"),
    _row("BinaryDenseNet69(32)", "36.26 15.24 42.0 0.28", network="binary_densenet69_32"),
    _row("IGP-DenseNet69(48)", "35.20 14.59 41.5 0.31", network="igp_densenet69_48"),
    _row("Full-precision ResNet18", "30.70 10.80 374.1 1.81", _HE, "resnet18_64", 32),
    _row("Full-precision ResNet34", "26.80 8.60 697.3 3.66", _HE, "resnet34_64", 32),
)

COSTS = ("storage, Mbit", "storage, Mbit (paper)", "FLOPs, 1e9", "FLOPs, 1e9 (paper)")


def compute(runs: Sequence[str | Path] = (), results: Sequence[str | Path] = ()) -> Table:
    """Return Table 4: the literature as the paper prints it, the costs of our networks computed."""
    measured, rows = Measured(runs, results), []
    for row in TABLE4:
        storage, flops = _costs(row)
        costs = (storage, row.storage, flops, row.flops)
        is_theirs = row.bits == 1 and row.source  # trained by others: ours has a separate row
        ours = NOTHING if is_theirs else measured.cell(row.network, row.bits)
        source = row.source or "the paper's training"
        rows.append((row.title, row.top1_error, row.top5_error, *costs, source, ours))
    return Table(
        "Table 4: comparison with the state of the art on ImageNet",
        ("model", *PAPER_ERRORS, *COSTS, "source of the error", OUR_ERRORS),
        tuple(rows),
        (
            "#: downsampling layers are binarized. *: the reference number is illegible in the "
            "paper at hand; found by the method's name.",
            "Rows without a cost of ours are networks that this package does not build. The "
            "full-precision rows come from other papers, which count every parameter; ours counts "
            "kernels.",
            *measured.others({row.network for row in TABLE4 if row.network}),
        ),
    )


def _costs(row: Table4Row) -> tuple[str, str]:
    """Return storage in Mbit and 1e9 FLOPs of a network of ours."""
    if row.network is None:
        return NOTHING, NOTHING
    counts = closed_form(ZOO[row.network], bits=row.bits)
    return f"{counts.storage_bits / 1e6:.1f}", f"{counts.flops / 1e9:.2f}"
