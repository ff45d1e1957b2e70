"""Residual networks: binary ResNet, Bi-Real, EBi-Real and IGP-ResNet (paper, Figure 2, left and
middle columns).

``F(x)`` is Sign -> 1-bit Conv 3x3 -> BatchNorm. A block keeps the shape ``(N, H, W, C)``, but for
the first one of stages 2 and up in the families of pairs, which halves the resolution and doubles
the channels.
"""

from larq_igp.architectures.spec import ResNetSpec, fractal_depth
from larq_igp.keras2 import tf
from larq_igp.models.layers import Tensor, add, float_conv, mean, norm, quant_conv
from larq_igp.models.quantization import Quantization


def conv_norm(
    x: Tensor, *, filters: int, quantization: Quantization, name: str, strides: int = 1
) -> Tensor:
    """``F(x)``: Sign -> 1-bit Conv 3x3 -> BatchNorm."""
    return norm(
        quant_conv(x, filters=filters, quantization=quantization, strides=strides, name=name),
        name=name,
    )


def transition(x: Tensor, *, filters: int, name: str) -> Tensor:
    """AvgPool 2x2/2 -> Conv 1x1 -> BatchNorm, in full precision.

    ``(N, H, W, C) -> (N, ceil(H/2), ceil(W/2), filters)``.
    """
    x = tf.keras.layers.AveragePooling2D(2, strides=2, padding="same", name=f"{name}_pool")(x)
    return norm(float_conv(x, filters=filters, kernel_size=1, name=name), name=name)


def binary_block(
    x: Tensor, *, filters: int, quantization: Quantization, name: str, strides: int = 1
) -> Tensor:
    """One shortcut around two layers: ``y = x + F(F(x))`` (Figure 2, top left)."""
    shortcut = x if strides == 1 else transition(x, filters=filters, name=f"{name}_shortcut")
    y = conv_norm(
        x, filters=filters, quantization=quantization, strides=strides, name=f"{name}_layer1"
    )
    y = conv_norm(y, filters=filters, quantization=quantization, name=f"{name}_layer2")
    return add([shortcut, y], name=name)


def bireal_layer(
    x: Tensor, *, filters: int, quantization: Quantization, name: str, strides: int = 1
) -> Tensor:
    """``u(x) = x + F(x)``, a shortcut around one layer (arXiv 1808.00278)."""
    shortcut = x if strides == 1 else transition(x, filters=filters, name=f"{name}_shortcut")
    y = conv_norm(x, filters=filters, quantization=quantization, strides=strides, name=name)
    return add([shortcut, y], name=name)


def bireal_block(
    x: Tensor, *, filters: int, quantization: Quantization, name: str, strides: int = 1
) -> Tensor:
    """A shortcut around every layer of a pair: ``y = u(u(x))`` (Figure 2, top middle)."""
    x = bireal_layer(
        x, filters=filters, quantization=quantization, strides=strides, name=f"{name}_layer1"
    )
    return bireal_layer(x, filters=filters, quantization=quantization, name=f"{name}_layer2")


def ebireal_block(
    x: Tensor, *, filters: int, quantization: Quantization, name: str, strides: int = 1
) -> Tensor:
    """Bi-Real plus the pair's shortcut where shapes match:

    ``y1 = x + F(x); y2 = y1 + F(y1) + x`` (Figure 2, bottom left).
    """
    y = bireal_block(x, filters=filters, quantization=quantization, strides=strides, name=name)
    return y if strides > 1 else add([y, x], name=name)


def igp_block(
    x: Tensor, *, spec: ResNetSpec, filters: int, quantization: Quantization, name: str
) -> Tensor:
    """A fractal of Bi-Real layers: ``f_1 = u; f_{c+1}(x) = join(f_c(f_c(x)), u(x))`` (Figure 2,
    bottom middle).

    Column 1 has one convolution, which spans the block; column ``C`` has ``2^(C-1)`` in a row. They
    are named by column and place. Where ``spec.identity`` is not ``layers``, ``u`` is ``F``; if it
    is ``block``, the block is ``y = x + f_C(x)``. With ``spec.shortest_column`` of 2 the last join
    and its ``u(x)`` are left out: ``f_C(x) = f_{C-1}(f_{C-1}(x))``.
    """
    join = {"mean": mean, "sum": add}[spec.join]
    layer = bireal_layer if spec.identity == "layers" else conv_norm

    def layer_name(columns: int, start: int) -> str:
        return (
            f"{name}_column{spec.columns - columns + 1}_layer{start // fractal_depth(columns) + 1}"
        )

    def fractal(x: Tensor, columns: int, start: int) -> Tensor:
        here = layer_name(columns, start)
        if columns == 1:
            return layer(x, filters=filters, quantization=quantization, name=here)
        half = fractal_depth(columns - 1)
        deep = fractal(fractal(x, columns - 1, start), columns - 1, start + half)
        if columns == spec.columns and spec.shortest_column == 2:
            return deep
        shallow = layer(x, filters=filters, quantization=quantization, name=here)
        return join([deep, shallow], name=f"{here}_join")

    y = fractal(x, spec.columns, 0)
    return add([x, y], name=name) if spec.identity == "block" else y


def igp_stages(x: Tensor, *, spec: ResNetSpec, quantization: Quantization) -> Tensor:
    """Run all stages of an IGP-ResNet; between stages the transition stands on the main path."""
    for stage, blocks in enumerate(spec.blocks):
        filters = spec.stage_filters(stage)
        if stage:
            x = transition(x, filters=filters, name=f"transition{stage}")
        for block in range(blocks):
            name = f"stage{stage + 1}_block{block + 1}"
            x = igp_block(x, spec=spec, filters=filters, quantization=quantization, name=name)
    return x


def pair_stages(x: Tensor, *, spec: ResNetSpec, quantization: Quantization) -> Tensor:
    """Run all stages of a network whose blocks are pairs of layers; the first layer of a later
    stage has stride 2.
    """
    block_fn = {
        "resnet": binary_block,
        "bireal_resnet": bireal_block,
        "ebireal_resnet": ebireal_block,
    }[spec.family]
    for stage, blocks in enumerate(spec.blocks):
        for block in range(blocks):
            strides = 2 if stage and not block else 1
            name = f"stage{stage + 1}_block{block + 1}"
            x = block_fn(
                x,
                filters=spec.stage_filters(stage),
                quantization=quantization,
                strides=strides,
                name=name,
            )
    return x


def resnet_body(x: Tensor, *, spec: ResNetSpec, quantization: Quantization) -> Tensor:
    """Run everything between stem and head.

    ``(N, H, W, w) -> (N, H/2^(S-1), W/2^(S-1), w * 2^(S-1))`` for S stages.
    """
    stages = igp_stages if spec.family == "igp_resnet" else pair_stages
    return stages(x, spec=spec, quantization=quantization)
