"""A family of one's own: residual blocks of three 1-bit convolutions, with one shortcut around
them.

    larq-igp --import own_blocks.py summary triple_resnet_tiny --input-shape 32,32,3
"""

from dataclasses import dataclass

import larq_igp
from larq_igp.models.layers import add
from larq_igp.models.resnet import conv_norm, transition


@dataclass(frozen=True, kw_only=True)
class TripleSpec:
    """The numbers that make a network of this family; a recipe can replace each."""

    family: str = "triple_resnet"
    filters: int = 16
    blocks: tuple[int, ...] = (1, 1, 1)

    @property
    def stem_filters(self) -> int:
        """Channels of the stem."""
        return self.filters

    @property
    def depth(self) -> int:
        """Layers with weights on the longest path: stem, transitions, convolutions, classifier."""
        return 2 + len(self.blocks) - 1 + 3 * sum(self.blocks)

    def stage_filters(self, stage: int) -> int:
        """Return the channels that enter a stage, counted from 0."""
        return self.filters * 2**stage


def body(x, *, spec, quantization):
    """Build what stands between stem and head: ``y = x + F(F(F(x)))`` for each block."""
    for stage, blocks in enumerate(spec.blocks):
        filters = spec.stage_filters(stage)
        if stage:
            x = transition(x, filters=filters, name=f"transition{stage}")
        for block in range(blocks):
            name, y = f"stage{stage + 1}_block{block + 1}", x
            for layer in (1, 2, 3):
                y = conv_norm(
                    y, filters=filters, quantization=quantization, name=f"{name}_layer{layer}"
                )
            x = add([x, y], name=name)
    return x


def count(ledger, spec, pixels):
    """Count the same layers from the numbers alone; ``larq-igp summary`` compares the two."""
    for stage, blocks in enumerate(spec.blocks):
        filters = spec.stage_filters(stage)
        if stage:
            ledger.conv(1, filters // 2, filters, pixels[stage])
            ledger.norm(filters)
        ledger.binary_conv(filters, filters, pixels[stage], times=3 * blocks)
        ledger.norm(filters, times=3 * blocks)
    return filters


larq_igp.register_family("triple_resnet", body=body, count=count)
larq_igp.register_network("triple_resnet_tiny", TripleSpec())
larq_igp.register_network("triple_resnet14_24", TripleSpec(filters=24, blocks=(1, 1, 1, 1)))
