"""From a name or a specification to a Keras model, and one builder for each family."""

from pathlib import Path
from typing import Any

import h5py

from larq_igp.architectures import DenseNetSpec, ResNetSpec, Spec, get_spec
from larq_igp.architectures.spec import SpecError, check_input_shape, choose_stem
from larq_igp.architectures.zoo import ZOO, replace_parameters
from larq_igp.errors import UserError
from larq_igp.keras2 import tf
from larq_igp.models.densenet import densenet_body
from larq_igp.models.layers import CLIP_VALUE, Quantization, Tensor, head, stem
from larq_igp.models.resnet import resnet_body

IMAGENET_SHAPE = (224, 224, 3)


def build(
    network: str | Spec,
    *,
    input_shape: tuple[int, int, int] | None = None,
    input_tensor: Tensor = None,
    weights: str | Path | None = None,
    include_top: bool = True,
    num_classes: int = 1000,
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
        input_tensor: a Keras tensor ``(N, H, W, C)`` to build upon, in place of ``input_shape``.
        weights: a weights file to load, or None for random initial weights.
        include_top: False leaves out pooling and classifier, and the output is the last feature map
            ``(N, h, w, c)``.
        num_classes: width of the classifier; the output is probabilities ``(N, num_classes)`` in
            float32.
        stem: ``imagenet`` (7x7/2, max-pooling), ``small`` (3x3/1), or ``auto``: ``small`` for
            images up to 64 px.
        bits: width of weights and activations of the convolutions between stem and head: 1, 2 or
            32.
        pad_values: 1 or 0, what stands outside the image for those convolutions. The default is 1
            at 1 bit, which deploys exactly and fast, and 0 at 2 and 32 bits; the papers trained
            1-bit networks with 0.
        input_quantizer: in place of the quantizer that ``bits`` stands for, by Larq's name or as an
            instance.
        kernel_quantizer: likewise for the weights.
        kernel_constraint: in place of clipping the latent weights to
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
    if not isinstance(num_classes, int) or num_classes < 1:
        raise SpecError(f"num_classes must be a positive integer; got {num_classes!r}.")
    image = _image_input(input_shape, input_tensor)
    output = _forward(image, spec, quantization, stem)
    if include_top:
        output = head(output, num_classes=num_classes)
    default_name = network if isinstance(network, str) else spec.family
    model = tf.keras.Model(inputs=image, outputs=output, name=name or default_name)
    if weights is not None:
        load_weights(model, weights)
    return model


def _image_input(input_shape: tuple[int, int, int] | None, input_tensor: Tensor) -> Tensor:
    if input_tensor is None:
        return tf.keras.Input(check_input_shape(input_shape or IMAGENET_SHAPE), name="image")
    given = check_input_shape(tuple(input_tensor.shape[1:]))
    if input_shape is not None and tuple(input_shape) != given:
        raise SpecError(
            f"input_shape {tuple(input_shape)} and the shape of input_tensor {given} differ: give "
            "one of them."
        )
    return input_tensor


def _forward(image: Tensor, spec: Spec, quantization: Quantization, stem_kind: str) -> Tensor:
    kind = choose_stem(stem_kind, *image.shape[1:3])
    x = stem(image, filters=spec.stem_filters, kind=kind)
    body = resnet_body if isinstance(spec, ResNetSpec) else densenet_body
    return body(x, spec=spec, quantization=quantization)


def load_weights(model: "tf.keras.Model", path: str | Path) -> None:
    """Load a weights file strictly: every layer must find its own.

    Raises:
        UserError: if the file is missing, is not a weights file, or belongs to another network.
    """
    if not Path(path).is_file():
        raise UserError(f"weights file {path} does not exist.")
    try:
        held = _count_weights(path)
        if held == len(model.weights):  # Keras would leave out what a file holds too much
            model.load_weights(str(path))
            return
        reason = f"it holds {held}, and the network has {len(model.weights)}."
    except (
        OSError,
        ValueError,
        KeyError,
        RuntimeError,
    ) as error:  # h5py raises each of them on damaged files
        reason = str(error).strip().splitlines()[0]
    raise UserError(f"{path} does not hold the weights of {model.name}: {reason}")


def _count_weights(path: str | Path) -> int:
    """Count the arrays of an HDF5 file of Keras that belong to layers."""
    names: list[str] = []
    with h5py.File(path, "r") as file:
        file.visititems(
            lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None
        )
    return sum(
        not name.startswith(("optimizer/", "optimizer_weights/", "metrics/")) for name in names
    )


def resnet(
    *, filters: int = 64, blocks: tuple[int, ...] = (2, 2, 2, 2), **options
) -> "tf.keras.Model":
    """Build a binary ResNet:

    one shortcut around each pair of layers. ``options`` are those of ``build``.
    """
    return build(ResNetSpec(family="resnet", filters=filters, blocks=blocks), **options)


def bireal_resnet(
    *, filters: int = 64, blocks: tuple[int, ...] = (2, 2, 2, 2), **options
) -> "tf.keras.Model":
    """Build a Bi-Real ResNet: a shortcut around every layer. ``options`` are those of ``build``."""
    return build(ResNetSpec(family="bireal_resnet", filters=filters, blocks=blocks), **options)


def ebireal_resnet(
    *, filters: int = 64, blocks: tuple[int, ...] = (2, 2, 2, 2), **options
) -> "tf.keras.Model":
    """Build an EBi-Real ResNet:

    a shortcut around every layer and every pair. ``options`` are those of ``build``.
    """
    return build(ResNetSpec(family="ebireal_resnet", filters=filters, blocks=blocks), **options)


def igp_resnet(
    *,
    filters: int = 48,
    blocks: tuple[int, ...] = (2, 2, 3, 2),
    columns: int = 3,
    join: str = "mean",
    **options,
) -> "tf.keras.Model":
    """Build an IGP-ResNet: fractals of Bi-Real layers. ``options`` are those of ``build``."""
    spec = ResNetSpec(
        family="igp_resnet", filters=filters, blocks=blocks, columns=columns, join=join
    )
    return build(spec, **options)


DENSENETS = {
    "binary_densenet": "binary_densenet51_32",
    "ebinary_densenet": "ebinary_densenet51_32",
    "igp_densenet": "igp_densenet51_53",
}
"""The network that a builder without arguments gives."""


def _densenet(
    family: str,
    *,
    growth_rate: int,
    blocks: tuple[int, ...],
    columns: int = 1,
    transition_filters: tuple[int, ...] | None = None,
    reduction: tuple[float, ...] | None = None,
    stem_filters: int = 64,
    **options,
) -> "tf.keras.Model":
    if transition_filters is None and reduction is None:
        named = ZOO[DENSENETS[family]]
        is_named = (growth_rate, blocks, columns) == (
            named.growth_rate,
            named.blocks,
            named.columns,
        )
        transition_filters = named.transition_filters if is_named else None
        reduction = None if is_named else (2.0,) * (len(blocks) - 1)
    spec = DenseNetSpec(
        family=family,
        growth_rate=growth_rate,
        blocks=blocks,
        columns=columns,
        transition_filters=transition_filters,
        reduction=reduction,
        stem_filters=stem_filters,
    )
    return build(spec, **options)


def binary_densenet(
    *, growth_rate: int = 32, blocks: tuple[int, ...] = (12, 12, 12, 10), **options
) -> "tf.keras.Model":
    """Build a BinaryDenseNet.

    Args:
        growth_rate: channels that a block appends.
        blocks: of each stage.
        **options: ``transition_filters`` or ``reduction`` (if neither is given, those of Table 3
            for the defaults, and else half the channels), ``stem_filters``, and
            those of ``build``.
    """
    return _densenet("binary_densenet", growth_rate=growth_rate, blocks=blocks, **options)


def ebinary_densenet(
    *, growth_rate: int = 32, blocks: tuple[int, ...] = (12, 12, 12, 10), **options
) -> "tf.keras.Model":
    """Build an EBinaryDenseNet, each block two layers of half the growth; arguments as for
    ``binary_densenet``.
    """
    return _densenet("ebinary_densenet", growth_rate=growth_rate, blocks=blocks, **options)


def igp_densenet(
    *, growth_rate: int = 53, blocks: tuple[int, ...] = (6, 6, 6, 5), columns: int = 2, **options
) -> "tf.keras.Model":
    """Build an IGP-DenseNet:

    fractals of ``columns`` that append channels; arguments as for ``binary_densenet``.
    """
    return _densenet(
        "igp_densenet", growth_rate=growth_rate, blocks=blocks, columns=columns, **options
    )
