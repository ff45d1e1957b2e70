"""The networks that are compared, as rows of data, and what they cost.

All residual networks have the same storage and the same paper-FLOPs within ``TOLERANCE``, and so
have all DenseNets. A binary ResNet of 5 pairs and 27 filters sets the budget of the residual
networks: for these blocks a width of every IGP-ResNet meets both costs. BinaryDenseNet sets the
budget of the DenseNets.
"""

from dataclasses import dataclass, field
from functools import cache
from typing import Any

from larq_igp.architectures import Spec, get_spec
from larq_igp.architectures.accounting import Counts, closed_form

DATASET, INPUT_SHAPE, CLASSES, STEM = "fashion_mnist", (28, 28, 1), 10, "strided"
TOLERANCE = 0.02
"""The largest relative difference in storage or FLOPs from the first network of the group."""


@dataclass(frozen=True)
class Network:
    """A network of the comparison.

    Attributes:
        name: in the CSV.
        title: in tables and charts.
        base: the name in the registry.
        group: ``resnet`` or ``densenet``: costs are equal within a group.
        parameters: that replace those of ``base``.
    """

    name: str
    title: str
    base: str
    group: str
    parameters: dict[str, Any] = field(default_factory=dict)

    @property
    def spec(self) -> Spec:
        """The specification, parameters replaced."""
        return get_spec(self.base, **self.parameters)

    def counts(self, bits: int = 1) -> Counts:
        """Return storage, FLOPs and the rest at a width in bits."""
        return closed_form(
            self.spec, input_shape=INPUT_SHAPE, num_classes=CLASSES, bits=bits, stem=STEM
        )


def _pairs(name: str, title: str, base: str) -> Network:
    return Network(name, title, base, "resnet", {"filters": 27, "blocks": (1, 2, 2)})


def _igp(
    name: str, title: str, base: str, filters: int, blocks: tuple[int, ...], **ablation
) -> Network:
    parameters = {"filters": filters, "blocks": blocks, **ablation}
    return Network(name, title, base, "resnet", parameters)


def _igp3(name: str, title: str, filters: int, **ablation) -> Network:
    return _igp(name, title, "igp_resnet21_53", filters, (1, 1, 1), **ablation)


def _dense(
    name: str, title: str, base: str, growth: int, blocks: int, widths: tuple[int, int]
) -> Network:
    parameters = {
        "growth_rate": growth,
        "blocks": (blocks,) * 3,
        "transition_filters": widths,
        "stem_filters": 24,
    }
    return Network(name, title, base, "densenet", parameters)


_NETWORKS = (
    _pairs("resnet", "binary ResNet12(27)", "resnet18_64"),
    _pairs("bireal", "Bi-Real ResNet12(27)", "bireal_resnet18_64"),
    _pairs("ebireal", "EBi-Real ResNet12(27)", "ebireal_resnet18_64"),
    _igp3("igp3", "IGP-ResNet16(21), 3 columns", 21),
    _igp("igp4", "IGP-ResNet36(14), 4 columns", "igp_resnet37_41", 14, (1, 2, 1)),
    _igp("igp5", "IGP-ResNet68(10), 5 columns", "igp_resnet69_31", 10, (1, 2, 1)),
    # The idea taken away. "block" has all columns of igp3 but one identity, around the block.
    # "no_identity" lacks that one too. "no_short" has it, and lacks the column of one convolution,
    # so its shortest path with a binary convolution has two.
    _igp3("igp3_block", "3 columns, one identity", 21, identity="block"),
    _igp3("igp3_no_identity", "3 columns, no identity", 21, identity="nowhere"),
    _igp3(
        "igp3_no_short",
        "3 columns, one identity, no short column",
        22,
        identity="block",
        shortest_column=2,
    ),
    _dense("dense", "BinaryDenseNet22(16)", "binary_densenet51_32", 16, 6, (50, 61)),
    _dense("edense", "EBinaryDenseNet40(16)", "ebinary_densenet51_32", 16, 6, (50, 61)),
    _dense("igp_dense", "IGP-DenseNet22(24)", "igp_densenet51_53", 24, 3, (47, 63)),
)
NETWORKS = {network.name: network for network in _NETWORKS}
IGP_RESNETS = ("igp3", "igp4", "igp5")
ABLATIONS = ("igp3_block", "igp3_no_identity", "igp3_no_short")


@cache
def block_path_costs(name: str) -> tuple[int, ...]:
    """Return ``N_1st, N_2nd, N_3rd`` of a network's first block, from the built graph."""
    from larq_igp.search.candidates import block_paths

    return block_paths(NETWORKS[name].spec, INPUT_SHAPE, stem=STEM)


@cache
def network_path_costs(name: str) -> tuple[int, ...]:
    """Return ``N_1st, N_2nd, N_3rd`` from a network's output back to its image."""
    import larq_igp
    from larq_igp.analysis.paths import gradient_paths

    spec = NETWORKS[name].spec
    return gradient_paths(larq_igp.build(spec, input_shape=INPUT_SHAPE, stem=STEM)).costs
