"""What the paper prints, as data: Table 4, comparison with the state of the art on ImageNet.

Rows marked ``baseline`` are results of others, as their publications state them and the paper
repeats them. ``source`` names the publication by the paper's list of references. In the text of the
paper at hand most reference numbers of this table are illegible; where that is so the source was
found by the method's name, and ``is_source_inferred`` says so.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from larq_igp.architectures import ZOO
from larq_igp.architectures.accounting import closed_form
from larq_igp.paper.table import NOTHING, OUR_ERRORS, PAPER_ERRORS, Measured, Table


@dataclass(frozen=True)
class Table4Row:
    """A row of Table 4 as printed.

    Attributes:
        title: of the network.
        top1_error: in percent.
        top5_error: in percent; None where nothing is printed.
        storage: in Mbit.
        flops: in 1e9.
        source: of the accuracy; empty for the paper's own training.
        is_source_inferred: whether the reference was found by the method's name.
        is_downsampling_binary: the paper's mark #.
        network: name in the registry, if it is one of ours.
    """

    title: str
    top1_error: str
    top5_error: str | None
    storage: str
    flops: str
    source: str = ""
    is_source_inferred: bool = True
    is_downsampling_binary: bool = False
    network: str | None = None


def _baseline(
    title,
    top1,
    top5,
    storage,
    flops,
    source,
    *,
    legible=False,
    binary_downsampling=False,
    network=None,
) -> Table4Row:
    return Table4Row(
        title, top1, top5, storage, flops, source, not legible, binary_downsampling, network
    )


def _own(title: str, top1: str, top5: str, storage: str, flops: str, network: str) -> Table4Row:
    return Table4Row(title, top1, top5, storage, flops, is_source_inferred=False, network=network)


_BIREAL = "Liu et al., ECCV 2018 [34]"
_CI = "Wang et al., CVPR 2019 [53]"
_DENSE = "Bethge et al., ICCVW 2019 [1]"

TABLE4: tuple[Table4Row, ...] = (
    _baseline(
        "BNN ResNet18",
        "57.80",
        "30.80",
        "27.9",
        "0.14",
        "Courbariaux et al., arXiv 1602.02830 [7]",
        binary_downsampling=True,
    ),
    _baseline(
        "XNOR ResNet18",
        "48.80",
        "26.80",
        "28.0",
        "0.14",
        "Rastegari et al., ECCV 2016 [42]",
        binary_downsampling=True,
    ),
    _baseline(
        "S2-Bi-Real ResNet18", "48.76", "24.11", "33.2", "0.16", "Shen et al., CVPR 2021 [45]"
    ),
    _baseline(
        "Bin ResNet18",
        "45.80",
        "22.10",
        "27.9",
        "0.14",
        "unresolved; printed as [53]",
        binary_downsampling=True,
    ),
    _baseline(
        "TBN-ResNet18",
        "44.40",
        "25.80",
        "27.9",
        "0.17",
        "Wan et al., ECCV 2018 [50]",
        binary_downsampling=True,
    ),
    _baseline(
        "Bi-Real ResNet18", "43.60", "20.50", "33.2", "0.16", _BIREAL, network="bireal_resnet18_64"
    ),
    _baseline(
        "CI-Net ResNet18",
        "43.30",
        "19.90",
        "27.9",
        "0.14",
        _CI,
        legible=True,
        binary_downsampling=True,
    ),
    _baseline(
        "XNOR-Net++ ResNet18",
        "42.90",
        "20.10",
        "28.0",
        "0.14",
        "Bulat and Tzimiropoulos 2019 [2]",
        legible=True,
        binary_downsampling=True,
    ),
    _baseline("IR-ResNet18", "41.90", "20.00", "33.1", "0.16", "Qin et al., CVPR 2020 [40]"),
    _baseline(
        "BNAS-E",
        "41.24",
        "19.39",
        "33.1",
        "0.16",
        "Kim et al., arXiv 2110.08562 [23]",
        legible=True,
    ),
    _own("Bi-Real ResNet18(64)", "40.42", "18.29", "33.2", "0.16", "bireal_resnet18_64"),
    _baseline("Si-ResNet18", "40.30", "18.20", "33.2", "0.16", "Wang et al., AAAI 2020 [51]"),
    _baseline("CI-Net ResNet18", "40.10", "17.80", "33.2", "0.16", _CI, legible=True),
    _baseline("RBNN-ResNet18", "40.10", "18.10", "33.2", "0.16", "Lin et al., NeurIPS 2020 [31]"),
    _baseline("FT-ResNet18", "39.80", None, "33.2", "0.16", "Su et al., arXiv 2010.09294 [46]"),
    _baseline("DGRL-ResNet18 (K=1)", "39.55", None, "33.2", "0.16", "Ye et al., TNNLS 2021 [61]"),
    _baseline("UaBNN-ResNet18", "39.40", "17.80", "33.2", "0.16", "Zhao et al., IJCAI 2021 [64]"),
    _baseline(
        "BinaryDuo ResNet18", "39.10", "17.40", "33.2", "0.16", "Kim et al., arXiv 2002.06517 [24]"
    ),
    _baseline(
        "ReActNet-18 (BN-Free)",
        "38.90",
        None,
        "33.2",
        "0.16",
        "Chen et al., CVPRW 2021 [6]",
        legible=True,
    ),
    _baseline("SA-BNN-ResNet18", "38.30", "17.20", "33.2", "0.16", "Liu et al., AAAI 2021 [32]"),
    _baseline("IA-BNN-ResNet18", "37.20", "15.70", "33.2", "0.16", "Kim et al., CVPR 2021 [25]"),
    _own("IGP-ResNet37(41)", "37.13", "15.63", "32.2", "0.13", "igp_resnet37_41"),
    _baseline(
        "FULW-ResNet18",
        "36.60",
        "15.40",
        "33.2",
        "0.16",
        "Xu et al., arXiv 2110.05850 [57]",
        legible=True,
    ),
    _baseline("ProxyResNet18", "36.30", "15.20", "33.2", "0.16", "He et al., ECCV 2020 [13]"),
    _baseline(
        "Real-to-bin ResNet18",
        "34.60",
        "13.80",
        "33.2",
        "0.16",
        "Martinez et al., arXiv 2003.11535 [37]",
    ),
    _baseline("ReActNet-ResNet18", "34.10", None, "33.2", "0.16", "Liu et al., ECCV 2020 [35]"),
    _baseline(
        "DIR-Net2-ResNet18", "33.90", "13.60", "33.2", "0.16", "Qin et al., arXiv 2109.12338 [41]"
    ),
    _baseline(
        "TBN-ResNet34",
        "41.80",
        "19.00",
        "38.0",
        "0.23",
        "Wan et al., ECCV 2018 [50]",
        binary_downsampling=True,
    ),
    _baseline(
        "Bi-Real ResNet34", "37.80", "16.10", "43.3", "0.19", _BIREAL, network="bireal_resnet34_64"
    ),
    _own("Bi-Real ResNet34(64)", "36.74", "15.36", "43.3", "0.19", "bireal_resnet34_64"),
    _own("IGP-ResNet41(48)", "35.62", "14.53", "42.6", "0.16", "igp_resnet41_48"),
    _baseline(
        "BinaryDenseNet51(32)",
        "39.30",
        "17.60",
        "34.8",
        "0.27",
        _DENSE,
        network="binary_densenet51_32",
    ),
    _own("BinaryDenseNet51(32)", "38.14", "16.80", "34.8", "0.27", "binary_densenet51_32"),
    _own("IGP-DenseNet51(53)", "36.73", "15.54", "34.5", "0.30", "igp_densenet51_53"),
    _baseline(
        "BinaryDenseNet69(32)",
        "37.50",
        "16.10",
        "42.0",
        "0.28",
        _DENSE,
        network="binary_densenet69_32",
    ),
    _own("BinaryDenseNet69(32)", "36.26", "15.24", "42.0", "0.28", "binary_densenet69_32"),
    _own("IGP-DenseNet69(48)", "35.20", "14.59", "41.5", "0.31", "igp_densenet69_48"),
    _baseline(
        "Full-precision ResNet18", "30.70", "10.80", "374.1", "1.81", "He et al., CVPR 2016 [12]"
    ),
    _baseline(
        "Full-precision ResNet34", "26.80", "8.60", "697.3", "3.66", "He et al., CVPR 2016 [12]"
    ),
)


def compute(runs: Sequence[str | Path] = ()) -> Table:
    """Return Table 4:

    rows of the literature as the paper prints them, the costs of ours computed.
    """
    measured, rows = Measured(runs), []
    full_precision = {
        "Full-precision ResNet18": "resnet18_64",
        "Full-precision ResNet34": "resnet34_64",
    }
    for row in TABLE4:
        name, bits = (row.network, 1) if row.network else (full_precision.get(row.title), 32)
        counts = closed_form(ZOO[name], bits=bits) if name else None
        source = row.source + (" *" if row.source and row.is_source_inferred else "")
        rows.append(
            (
                row.title + (" #" if row.is_downsampling_binary else ""),
                row.top1_error,
                row.top5_error or NOTHING,
                f"{counts.storage_bits / 1e6:.1f}" if counts else NOTHING,
                row.storage,
                f"{counts.flops / 1e9:.2f}" if counts else NOTHING,
                row.flops,
                source or "the paper's training",
                measured.cell(name, bits) if name and (bits == 32 or not row.source) else NOTHING,
            )
        )
    return Table(
        "Table 4: comparison with the state of the art on ImageNet",
        (
            "model",
            *PAPER_ERRORS,
            "storage, Mbit",
            "storage, Mbit (paper)",
            "FLOPs, 1e9",
            "FLOPs, 1e9 (paper)",
            "source of the error",
            OUR_ERRORS,
        ),
        tuple(rows),
        (
            "#: downsampling layers are binarized. *: the reference number is illegible in the "
            "paper at hand; found by the method's name.",
            "Rows without a cost of ours are networks that this package does not build. The "
            "full-precision rows come from other papers, "
            "which count every parameter; ours counts kernels.",
            *measured.others(
                {row.network for row in TABLE4 if row.network} | set(full_precision.values())
            ),
        ),
    )
