"""Keras functional models of Larq layers, built from specifications."""

from larq_igp.models.build import (
    binary_densenet,
    bireal_resnet,
    build,
    ebinary_densenet,
    ebireal_resnet,
    igp_densenet,
    igp_resnet,
    resnet,
)

__all__ = [
    "binary_densenet",
    "bireal_resnet",
    "build",
    "ebinary_densenet",
    "ebireal_resnet",
    "igp_densenet",
    "igp_resnet",
    "resnet",
]
