"""The registry: every named network is one row of data.

A name is ``<family><depth>_<base width or growth rate>``, as the paper writes ``IGP-ResNet41(48)``.
Rows named ``_tiny`` are small members of each family for tests, examples and small images.

The paper prints the transition widths of its DenseNets nowhere. Those below are the integers that
reproduce the storage *and* the FLOPs of Table 3 to the printed digits and lie nearest (in
log-ratio) to the reduction rates published with BinaryDenseNet (2.7, 2.7, 2.2 and 3.3, 3.3, 4;
arXiv 1906.08637). ``transitions.py`` says what follows if other
numbers are replaced.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

from larq_igp.architectures.checks import SpecError, UnknownNetworkError
from larq_igp.architectures.spec import DenseNetSpec, ResNetSpec, Spec
from larq_igp.architectures.transitions import WIDTHS, filters_by_share
from larq_igp.spelling import closest

_RESNET18, _RESNET34 = (2, 2, 2, 2), (3, 4, 6, 3)

ZOO: dict[str, Spec] = {
    # Table 3, first block: as large as Bi-Real ResNet18(64)
    "bireal_resnet18_64": ResNetSpec(family="bireal_resnet", filters=64, blocks=_RESNET18),
    "igp_resnet21_53": ResNetSpec(family="igp_resnet", filters=53, blocks=(1, 1, 1, 1), columns=3),
    "igp_resnet37_41": ResNetSpec(family="igp_resnet", filters=41, blocks=(1, 1, 1, 1), columns=4),
    "igp_resnet69_31": ResNetSpec(family="igp_resnet", filters=31, blocks=(1, 1, 1, 1), columns=5),
    # Table 3, second block: as large as Bi-Real ResNet34(64)
    "bireal_resnet34_64": ResNetSpec(family="bireal_resnet", filters=64, blocks=_RESNET34),
    "igp_resnet41_48": ResNetSpec(family="igp_resnet", filters=48, blocks=(2, 2, 3, 2), columns=3),
    "igp_resnet77_35": ResNetSpec(family="igp_resnet", filters=35, blocks=(2, 2, 3, 2), columns=4),
    # Table 3, third block: as large as BinaryDenseNet51(32)
    "binary_densenet51_32": DenseNetSpec(
        family="binary_densenet",
        growth_rate=32,
        blocks=(12, 12, 12, 10),
        transition_filters=(172, 208, 266),
    ),
    "igp_densenet51_53": DenseNetSpec(
        family="igp_densenet",
        growth_rate=53,
        blocks=(6, 6, 6, 5),
        columns=2,
        transition_filters=(186, 211, 262),
    ),
    # Table 3, fourth block: as large as BinaryDenseNet69(32)
    "binary_densenet69_32": DenseNetSpec(
        family="binary_densenet",
        growth_rate=32,
        blocks=(12, 16, 24, 12),
        transition_filters=(143, 205, 238),
    ),
    "igp_densenet69_48": DenseNetSpec(
        family="igp_densenet",
        growth_rate=48,
        blocks=(6, 8, 12, 6),
        columns=2,
        transition_filters=(176, 238, 252),
    ),
    # Table 1 (CIFAR-100) and, at 32 bits, the full-precision rows of Table 4
    "resnet18_64": ResNetSpec(family="resnet", filters=64, blocks=_RESNET18),
    "resnet34_64": ResNetSpec(family="resnet", filters=64, blocks=_RESNET34),
    "ebireal_resnet18_64": ResNetSpec(family="ebireal_resnet", filters=64, blocks=_RESNET18),
    "ebinary_densenet51_32": DenseNetSpec(
        family="ebinary_densenet",
        growth_rate=32,
        blocks=(12, 12, 12, 10),
        transition_filters=(172, 208, 266),
    ),
    # BinaryDenseNet as its authors published it (arXiv 1906.08637)
    "binary_densenet28_64": DenseNetSpec(
        family="binary_densenet", growth_rate=64, blocks=(6, 6, 6, 5), reduction=(2.7, 2.7, 2.2)
    ),
    "binary_densenet37_64": DenseNetSpec(
        family="binary_densenet", growth_rate=64, blocks=(6, 8, 12, 6), reduction=(3.3, 3.3, 4.0)
    ),
    "binary_densenet45_64": DenseNetSpec(
        family="binary_densenet", growth_rate=64, blocks=(6, 12, 14, 8), reduction=(2.7, 3.3, 4.0)
    ),
    # One small member of each family
    "resnet_tiny": ResNetSpec(family="resnet", filters=16, blocks=(1, 1, 1)),
    "bireal_resnet_tiny": ResNetSpec(family="bireal_resnet", filters=16, blocks=(1, 1, 1)),
    "ebireal_resnet_tiny": ResNetSpec(family="ebireal_resnet", filters=16, blocks=(1, 1, 1)),
    "igp_resnet_tiny": ResNetSpec(family="igp_resnet", filters=16, blocks=(1, 1, 1), columns=2),
    "binary_densenet_tiny": DenseNetSpec(
        family="binary_densenet",
        growth_rate=8,
        blocks=(2, 2, 2),
        stem_filters=16,
        transition_filters=(16, 16),
    ),
    "ebinary_densenet_tiny": DenseNetSpec(
        family="ebinary_densenet",
        growth_rate=8,
        blocks=(2, 2, 2),
        stem_filters=16,
        transition_filters=(16, 16),
    ),
    "igp_densenet_tiny": DenseNetSpec(
        family="igp_densenet",
        growth_rate=8,
        blocks=(1, 1, 1),
        columns=2,
        stem_filters=16,
        transition_filters=(16, 16),
    ),
}


def list_networks() -> list[str]:
    """Return the names of the registry, in the paper's order."""
    return list(ZOO)


def get_spec(name: str, **parameters) -> Spec:
    """Return the specification of a named network, with some of its parameters replaced.

    Args:
        name: a name of the registry, like ``igp_resnet41_48``.
        **parameters: fields of the specification to replace, like ``filters=16`` or
            ``blocks=(1, 1, 1, 1)``.

    Raises:
        UnknownNetworkError: if the name is not in the registry; the message offers the nearest.
        SpecError: if a parameter is not one of this network's, or its value is outside what is
            allowed.
    """
    if name not in ZOO:
        hint = closest(name.lower(), list(ZOO))
        raise UnknownNetworkError(
            f"no network is named {name!r}. {hint}`larq-igp list` shows all names."
        )
    return replace_parameters(ZOO[name], **parameters)


def network_text(name: str, parameters: Mapping[str, Any]) -> str:
    """Return what a network is called, for tables and messages: the name of the registry, with what
    is replaced, like ``igp_resnet21_53 with filters=30``.
    """
    replaced = " ".join(f"{field}={as_typed(value)}" for field, value in parameters.items())
    return f"{name} with {replaced}" if replaced else name


def as_typed(value: Any) -> str:
    """Return a value as the command line takes it: ``2,2,2`` for several numbers."""
    return ",".join(map(str, value)) if isinstance(value, tuple | list) else str(value)


def option_words(values: Mapping[str, Any]) -> list[str]:
    """Return values as options of the command line: ``--growth-rate 12`` for ``growth_rate``."""
    return [
        word
        for name, value in values.items()
        for word in (f"--{name.replace('_', '-')}", as_typed(value))
    ]


def replace_parameters(spec: Spec, **parameters) -> Spec:
    """Return ``spec`` with some fields replaced.

    The transitions of a DenseNet keep their shares, unless ``transition_filters`` or ``reduction``
    gives their widths: see ``transitions.py``.

    Raises:
        SpecError: if a parameter is not a field of this kind of specification, or its value is not
            allowed.
    """
    known = [field.name for field in dataclasses.fields(spec)]
    for parameter in parameters:
        if parameter not in known:
            others = ", ".join(name for name in known if name != "family")
            raise SpecError(f"{parameter} is not a parameter of {spec.family}; it has {others}.")
    if not isinstance(spec, DenseNetSpec):
        return dataclasses.replace(spec, **parameters)
    widths = {name: parameters.pop(name, None) for name in WIDTHS}
    if any(value is not None for value in widths.values()):
        return dataclasses.replace(spec, **parameters, **widths)
    return _with_shares_kept(spec, parameters)


def _with_shares_kept(spec: DenseNetSpec, parameters: dict[str, Any]) -> DenseNetSpec:
    blocks = parameters.get("blocks", spec.blocks)
    transitions = len(blocks) - 1 if isinstance(blocks, tuple) else 0
    # The other fields are checked before widths are computed from them.
    checked = dataclasses.replace(spec, **parameters, transition_filters=(1,) * transitions)
    widths = filters_by_share(checked.stem_filters, checked.stage_growths, spec.transition_shares)
    return dataclasses.replace(checked, transition_filters=widths)
