"""Keras functional models of Larq layers, built from specifications."""

from larq_igp.models.build import build
from larq_igp.models.families import (
    binary_densenet,
    bireal_resnet,
    ebinary_densenet,
    ebireal_resnet,
    igp_densenet,
    igp_resnet,
    resnet,
)
from larq_igp.models.features import features, parts
from larq_igp.models.register import register_family, register_network
from larq_igp.models.weights import load_weights

__all__ = [
    "binary_densenet",
    "bireal_resnet",
    "build",
    "ebinary_densenet",
    "ebireal_resnet",
    "features",
    "igp_densenet",
    "igp_resnet",
    "load_weights",
    "parts",
    "register_family",
    "register_network",
    "resnet",
]
