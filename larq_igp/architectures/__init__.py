"""Networks as data: specifications, the registry of named variants, closed-form accounting."""

from larq_igp.architectures.checks import UnknownNetworkError
from larq_igp.architectures.spec import DenseNetSpec, ResNetSpec, Spec
from larq_igp.architectures.zoo import ZOO, get_spec, list_networks

__all__ = [
    "ZOO",
    "DenseNetSpec",
    "ResNetSpec",
    "Spec",
    "UnknownNetworkError",
    "get_spec",
    "list_networks",
]
