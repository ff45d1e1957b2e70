"""One builder for each family of the paper's Figure 2.

A builder without arguments gives the network of Table 1 or 3 that its docstring names; its other
``options`` are those of ``build``.
"""

from larq_igp.architectures import ZOO
from larq_igp.keras2 import tf
from larq_igp.models.build import build

_PAIRS, _FRACTALS = (2, 2, 2, 2), (2, 2, 3, 2)
_LAYERS, _GROWTHS = (12, 12, 12, 10), (6, 6, 6, 5)


def resnet(*, filters: int = 64, blocks: tuple[int, ...] = _PAIRS, **options) -> "tf.keras.Model":
    """Build a binary ResNet (``resnet18_64``): one shortcut around each pair of layers."""
    return build(ZOO["resnet18_64"], filters=filters, blocks=blocks, **options)


def bireal_resnet(
    *, filters: int = 64, blocks: tuple[int, ...] = _PAIRS, **options
) -> "tf.keras.Model":
    """Build a Bi-Real ResNet (``bireal_resnet18_64``): a shortcut around every layer."""
    return build(ZOO["bireal_resnet18_64"], filters=filters, blocks=blocks, **options)


def ebireal_resnet(
    *, filters: int = 64, blocks: tuple[int, ...] = _PAIRS, **options
) -> "tf.keras.Model":
    """Build an EBi-Real ResNet (``ebireal_resnet18_64``): shortcuts around layers and pairs."""
    return build(ZOO["ebireal_resnet18_64"], filters=filters, blocks=blocks, **options)


def igp_resnet(
    *,
    filters: int = 48,
    blocks: tuple[int, ...] = _FRACTALS,
    columns: int = 3,
    join: str = "mean",
    **options,
) -> "tf.keras.Model":
    """Build an IGP-ResNet (``igp_resnet41_48``): fractals of Bi-Real layers."""
    options |= {"filters": filters, "blocks": blocks, "columns": columns, "join": join}
    return build(ZOO["igp_resnet41_48"], **options)


def binary_densenet(
    *, growth_rate: int = 32, blocks: tuple[int, ...] = _LAYERS, **options
) -> "tf.keras.Model":
    """Build a BinaryDenseNet (``binary_densenet51_32``).

    Args:
        growth_rate: channels that a block appends.
        blocks: of each stage.
        **options: ``stem_filters``; ``transition_filters`` or ``reduction``, and if neither is
            given the widths of ``larq_igp.architectures.transitions``; and those of ``build``.
    """
    return build(ZOO["binary_densenet51_32"], growth_rate=growth_rate, blocks=blocks, **options)


def ebinary_densenet(
    *, growth_rate: int = 32, blocks: tuple[int, ...] = _LAYERS, **options
) -> "tf.keras.Model":
    """Build an EBinaryDenseNet (``ebinary_densenet51_32``), each block two layers of half the
    growth; arguments as for ``binary_densenet``.
    """
    return build(ZOO["ebinary_densenet51_32"], growth_rate=growth_rate, blocks=blocks, **options)


def igp_densenet(
    *, growth_rate: int = 53, blocks: tuple[int, ...] = _GROWTHS, columns: int = 2, **options
) -> "tf.keras.Model":
    """Build an IGP-DenseNet (``igp_densenet51_53``): fractals of ``columns`` that append channels;
    other arguments as for ``binary_densenet``.
    """
    options |= {"growth_rate": growth_rate, "blocks": blocks, "columns": columns}
    return build(ZOO["igp_densenet51_53"], **options)
