"""Densely connected networks: BinaryDenseNet, EBinaryDenseNet and IGP-DenseNet (paper, Figure 2,
right column).

``F(x; g)`` is BatchNorm -> Sign -> 1-bit Conv 3x3 to ``g`` channels, as in BinaryDenseNet (arXiv
1906.08637). A block appends ``g``
channels: ``(N, H, W, C) -> (N, H, W, C + g)``.
"""

from larq_igp.architectures.spec import DenseNetSpec, fractal_depth
from larq_igp.keras2 import tf
from larq_igp.models.layers import Tensor, add, float_conv, norm, quant_conv, relu
from larq_igp.models.quantization import Quantization


def norm_conv(x: Tensor, *, filters: int, quantization: Quantization, name: str) -> Tensor:
    """``F(x; g)``: BatchNorm -> Sign -> 1-bit Conv 3x3."""
    return quant_conv(norm(x, name=name), filters=filters, quantization=quantization, name=name)


def transition(x: Tensor, *, filters: int, name: str) -> Tensor:
    """BatchNorm -> MaxPool 2x2/2 -> ReLU -> Conv 1x1, which sets the channels.

    ``(N, H, W, C) -> (N, ceil(H/2), ceil(W/2), filters)``.
    """
    x = norm(x, name=name)
    x = tf.keras.layers.MaxPooling2D(2, strides=2, padding="same", name=f"{name}_pool")(x)
    return float_conv(relu(x, name=name), filters=filters, kernel_size=1, name=name)


def concat(x: Tensor, y: Tensor, *, name: str) -> Tensor:
    """Append the channels of ``y`` to those of ``x``."""
    return tf.keras.layers.Concatenate(name=f"{name}_concat")([x, y])


def dense_block(x: Tensor, *, spec: DenseNetSpec, quantization: Quantization, name: str) -> Tensor:
    """``concat(x, F(x; g))`` (Figure 2, top right)."""
    y = norm_conv(x, filters=spec.growth_rate, quantization=quantization, name=name)
    return concat(x, y, name=name)


def halved_dense_block(
    x: Tensor, *, spec: DenseNetSpec, quantization: Quantization, name: str
) -> Tensor:
    """Two layers of growth ``g/2`` instead of one of ``g`` (EBinaryDenseNet, Table 1)."""
    for layer in ("layer1", "layer2"):
        y = norm_conv(
            x, filters=spec.growth_rate // 2, quantization=quantization, name=f"{name}_{layer}"
        )
        x = concat(x, y, name=f"{name}_{layer}")
    return x


def igp_dense_block(
    x: Tensor, *, spec: DenseNetSpec, quantization: Quantization, name: str
) -> Tensor:
    """``concat(x, d_C(x))`` with ``d_1 = F(.; g); d_{c+1}(x) = h_c(d_c(x)) + F(x; g)`` (Figure 2,
    bottom right).

    ``h_1(a) = a + F(a); h_{c+1}(a) = h_c(h_c(a)) + F(a)`` at constant width ``g``. For two columns:
    ``a = F1(x); d = a + F2(a) + F3(x)``. Convolutions are named by column (1 spans the block) and
    place in it.
    """

    def layer_name(columns: int, start: int) -> str:
        return (
            f"{name}_column{spec.columns - columns + 1}_layer{start // fractal_depth(columns) + 1}"
        )

    def conv(x: Tensor, columns: int, start: int) -> Tensor:
        here = layer_name(columns, start)
        return norm_conv(x, filters=spec.growth_rate, quantization=quantization, name=here)

    def refine(a: Tensor, columns: int, start: int) -> Tensor:  # h_c
        deep = a
        if columns > 1:
            half = fractal_depth(columns - 1)
            deep = refine(refine(a, columns - 1, start), columns - 1, start + half)
        return add([deep, conv(a, columns, start)], name=layer_name(columns, start))

    def grow(x: Tensor, columns: int) -> Tensor:  # d_c
        if columns == 1:
            return conv(x, 1, 0)
        half = fractal_depth(columns - 1)
        deep = refine(grow(x, columns - 1), columns - 1, half)
        return add([deep, conv(x, columns, 0)], name=layer_name(columns, 0))

    return concat(x, grow(x, spec.columns), name=name)


def densenet_body(x: Tensor, *, spec: DenseNetSpec, quantization: Quantization) -> Tensor:
    """Run everything between stem and head, ending in BatchNorm -> ReLU."""
    block_fn = {
        "binary_densenet": dense_block,
        "ebinary_densenet": halved_dense_block,
        "igp_densenet": igp_dense_block,
    }[spec.family]
    for stage, blocks in enumerate(spec.blocks):
        if stage:
            x = transition(x, filters=spec.stage_filters(stage), name=f"transition{stage}")
        for block in range(blocks):
            x = block_fn(
                x, spec=spec, quantization=quantization, name=f"stage{stage + 1}_block{block + 1}"
            )
    return relu(norm(x, name="head"), name="head")
