"""From a name or a specification to a Keras model."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

from larq_igp.architectures import Spec, get_spec
from larq_igp.architectures.accounting import closed_form
from larq_igp.architectures.checks import SpecError, check_classes
from larq_igp.architectures.options import check_input_shape, choose_stem
from larq_igp.architectures.spec import DenseNetFamily, ResNetFamily
from larq_igp.architectures.zoo import replace_parameters
from larq_igp.keras2 import tf
from larq_igp.models.densenet import densenet_body
from larq_igp.models.layers import POOLING, Tensor, head, pool, stem
from larq_igp.models.quantization import CLIP_VALUE, Quantization
from larq_igp.models.resnet import resnet_body
from larq_igp.models.weights import load_weights

IMAGENET_SHAPE = (224, 224, 3)
Body = Callable[..., Tensor]
BODIES: dict[str, Body] = {
    **dict.fromkeys(get_args(ResNetFamily), resnet_body),
    **dict.fromkeys(get_args(DenseNetFamily), densenet_body),
}
"""The function for the layers between stem and head of each family; ``larq_igp.models.register``
adds those of users.
"""
MOST_WEIGHTS = 2**28
"""Largest number of weights of a network: one gigabyte, twenty times the paper's largest."""


def build(
    network: str | Spec,
    *,
    input_shape: tuple[int, int, int] | None = None,
    input_tensor: Tensor = None,
    weights: str | Path | None = None,
    include_top: bool = True,
    pooling: str | None = None,
    num_classes: int = 1000,
    classifier_activation: str | Callable | None = "softmax",
    stem: str = "auto",
    bits: int = 1,
    pad_values: float | None = None,
    input_quantizer: Any = None,
    kernel_quantizer: Any = None,
    kernel_constraint: Any = None,
    clip_value: float = CLIP_VALUE,
    weight_clip: float = CLIP_VALUE,
    name: str | None = None,
    **parameters,
) -> "tf.keras.Model":
    """Build a network as a Keras functional model in which every layer is named.

    Args:
        network: a name of the registry (``igp_resnet41_48``) or a specification.
        input_shape: ``(H, W, C)`` with at least 28 px on a side and any number of channels;
            ``(224, 224, 3)`` if left out.
        input_tensor: a Keras tensor ``(N, H, W, C)`` to build upon, instead of ``input_shape``.
            The model starts at the ``tf.keras.Input`` behind it, so that layers between the two
            (``Rescaling``, augmentation) belong to the model.
        weights: a weights file to load, or None for random initial weights. Without the top, the
            weights of a network with one fit too.
        include_top: False leaves out pooling and classifier, and the output is the last feature map
            ``(N, h, w, c)``.
        pooling: without the top: None, or ``avg`` or ``max`` for an output ``(N, c)`` pooled over
            the image.
        num_classes: width of the classifier; the output is ``(N, num_classes)`` in float32.
        classifier_activation: of the classifier's output; None gives logits.
        stem: ``imagenet`` (7x7/2, max-pooling), ``small`` (3x3/1), ``strided`` (3x3/2), or
            ``auto``: ``small`` for images up to 64 px.
        bits: width of weights and activations of the convolutions between stem and head: 1, 2 or
            32.
        pad_values: 1 or 0, what stands outside the image for those convolutions. The default is 1
            at 1 bit, which deploys exactly and fast, and 0 at 2 and 32 bits; the papers trained
            1-bit networks with 0.
        input_quantizer: replaces the input quantizer of ``bits``, by Larq's name or as an instance.
        kernel_quantizer: replaces the kernel quantizer of ``bits``.
        kernel_constraint: replaces clipping of the latent weights to
            ``[-weight_clip, weight_clip]``.
        clip_value: beyond which ``ste_sign`` and ``magnitude_aware_sign`` pass no gradient.
        weight_clip: see ``kernel_constraint``.
        name: of the model; the network's own if left out.
        **parameters: fields of the specification to replace: ``filters``, ``growth_rate``,
            ``blocks``, ``columns``, ``join``, ...

    Raises:
        UnknownNetworkError: if no network has this name.
        SpecError: if a parameter is not allowed; the message says what is.
        UserError: if ``weights`` is missing or does not fit.
    """
    spec = (
        get_spec(network, **parameters)
        if isinstance(network, str)
        else replace_parameters(network, **parameters)
    )
    quantization = Quantization(
        bits=bits,
        pad_values=pad_values,
        input_quantizer=input_quantizer,
        kernel_quantizer=kernel_quantizer,
        kernel_constraint=kernel_constraint,
        clip_value=clip_value,
        weight_clip=weight_clip,
    )
    _check_top(include_top, pooling, num_classes)
    image = _image(input_shape, input_tensor)
    _check_weights(spec, tuple(image.shape[1:]), num_classes, stem)
    x = _features(image, spec, quantization, stem)
    if include_top:
        x = head(pool(x, kind="avg"), num_classes=num_classes, activation=classifier_activation)
    elif pooling:
        x = pool(x, kind=pooling)
    inputs = image if input_tensor is None else tf.keras.utils.get_source_inputs(input_tensor)
    default_name = network if isinstance(network, str) else spec.family
    model = tf.keras.Model(inputs=inputs, outputs=x, name=name or default_name)
    if weights is not None:
        load_weights(model, weights)
    return model


def _check_top(include_top: bool, pooling: str | None, num_classes: int) -> None:
    check_classes(num_classes)
    if pooling not in (None, *POOLING):
        raise SpecError(f"pooling must be avg, max or None; got {pooling!r}.")
    if include_top and pooling == "max":
        raise SpecError("the classifier reads the average: pooling=max needs include_top=False.")


def _check_weights(spec: Spec, shape: tuple[int, int, int], num_classes: int, stem: str) -> None:
    """Refuse what would fill the memory, before it does."""
    counts = closed_form(spec, input_shape=shape, num_classes=num_classes, bits=32, stem=stem)
    weights = counts.kernel_weights.total()
    if weights > MOST_WEIGHTS:
        raise SpecError(
            f"the network would have {weights:,} weights, and at most {MOST_WEIGHTS:,} are built: "
            "give smaller filters, growth_rate, blocks or num_classes."
        )


def _image(input_shape: tuple[int, int, int] | None, input_tensor: Tensor) -> Tensor:
    """Return the Keras tensor ``(N, H, W, C)`` that the stem reads."""
    if input_tensor is None:
        return tf.keras.Input(check_input_shape(input_shape or IMAGENET_SHAPE), name="image")
    if not _is_keras_tensor(input_tensor):
        raise SpecError(
            "input_tensor must be tf.keras.Input(...) or what layers make of one; got "
            f"{type(input_tensor).__name__}."
        )
    given = check_input_shape(tuple(input_tensor.shape[1:]))
    if input_shape is not None and tuple(input_shape) != given:
        raise SpecError(
            f"input_shape {tuple(input_shape)} and the shape of input_tensor {given} differ: give "
            "one of them."
        )
    return input_tensor


def _is_keras_tensor(value: Any) -> bool:
    try:
        return tf.keras.backend.is_keras_tensor(value)
    except ValueError:  # neither a tensor of Keras nor one of TensorFlow
        return False


def _features(image: Tensor, spec: Spec, quantization: Quantization, stem_kind: str) -> Tensor:
    """Run stem and stages: ``(N, H, W, C) -> (N, h, w, c)``."""
    kind = choose_stem(stem_kind, *image.shape[1:3])
    x = stem(image, filters=spec.stem_filters, kind=kind)
    return BODIES[spec.family](x, spec=spec, quantization=quantization)
