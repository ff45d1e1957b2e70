"""Audit a converted file: its operators, what did not fuse and why, and its size against theory."""

from collections import Counter
from dataclasses import asdict, dataclass

import numpy as np

from larq_igp.deploy.errors import ConversionError
from larq_igp.deploy.flatbuffer import Operator, Tensor, TFLiteFile, read_tflite
from larq_igp.deploy.fusion import CONVOLUTIONS, Unfused, unfused_operators
from larq_igp.deploy.lce_kernels import is_lce_convolution, lce_convolutions, read_model
from larq_igp.deploy.matching import Match, match_binary_convolutions, require_known_operators
from larq_igp.deploy.schema import BINARY_CONV, WORD_BITS
from larq_igp.graph import Graph
from larq_igp.keras2 import tf

FLOAT_BYTES = 4
WORD_BYTES = WORD_BITS // 8
WORDS = np.dtype(np.int32)
"""Type of the words that binary weights are packed in."""
SAME_PADDING = 0
"""TensorFlow Lite's number for SAME padding in an operator's options."""


@dataclass(frozen=True)
class Port:
    """An input or output of a file."""

    name: str
    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True)
class Audit:
    """The findings of ``audit``, in base units.

    Attributes:
        binary_convolutions: number of calls of binary convolutions in the Keras model.
        lce_bconv2d: number of operators that compute them.
        lce_dequantize: number of operators that turn signs back into floats, because a float
            operator reads them.
        unfused: element-wise operators that were not fused, with the reason.
        input: the input of the file.
        output: the output of the file.
        file_bytes: size of the file.
        constant_bytes: size of its constants; the rest is the graph, with names and shapes.
        theory_bytes: size that the weights need, see ``theory_bytes``.
        storage_bits: bits of all kernels at the width of the network, as the paper counts.
        file_storage_bits: bits of all kernels in the file: binary ones in words of 32 bits, others
            at 32 or 8 bits a weight.
        dense_bits: width of the narrowest weights that are multiplied with floats, 8 or 32.
        operators: number of operators of each kind, most frequent first.
        warnings: sentences about what is likely to be wrong or slow.
    """

    binary_convolutions: int
    lce_bconv2d: int
    lce_dequantize: int
    unfused: tuple[Unfused, ...]
    input: Port
    output: Port
    file_bytes: int
    constant_bytes: int
    theory_bytes: int
    storage_bits: int
    file_storage_bits: int
    dense_bits: int
    operators: dict[str, int]
    warnings: tuple[str, ...] = ()

    @property
    def size_ratio(self) -> float:
        """File size over theory; names, shapes and the graph take it above 1."""
        return self.file_bytes / self.theory_bytes

    def unfused_counts(self) -> dict[str, int]:
        """Return how many operators were not fused, by kind and reason."""
        return dict(
            Counter(f"{each.operator}: {each.reason}" for each in self.unfused).most_common()
        )

    def to_dict(self) -> dict:
        """Return the findings for JSON, with operators that were not fused counted by reason."""
        return asdict(self) | {
            "unfused": self.unfused_counts(),
            "size_ratio": round(self.size_ratio, 4),
        }


def audit(model: "tf.keras.Model", flatbuffer: bytes, *, float_model: bool = False) -> Audit:
    """Compare a file with the model that it was converted from.

    Args:
        model: the Keras model.
        flatbuffer: the content of the ``.tflite``.
        float_model: whether the file was requested in float, so that its binary convolutions are
            float operators.

    Raises:
        ConversionError: if a layer may hide binary convolutions, if a binary convolution was left
            in float or pads with another value, or if no interpreter has an operator of the file.
            The message names the layer or the operator.
        TFLiteFileError: if the file is damaged.
    """
    file = read_tflite(flatbuffer)
    require_known_operators(file)
    graph = read_model(model)
    matches = [] if float_model else match_binary_convolutions(graph, file)
    _require_same_padding(file, matches)
    operators = file.histogram()
    weights = _weights(file)
    return Audit(
        binary_convolutions=len(lce_convolutions(graph)),
        lce_bconv2d=operators.get(BINARY_CONV, 0),
        lce_dequantize=operators.get("LceDequantize", 0),
        unfused=unfused_operators(file),
        input=_port(file.tensors[file.inputs[0]]),
        output=_port(file.tensors[file.outputs[0]]),
        file_bytes=file.size_bytes,
        constant_bytes=file.constant_bytes,
        theory_bytes=theory_bytes(graph, float_model=float_model) - _saved_bytes(weights),
        storage_bits=sum(
            int(kernel.weights.shape.num_elements()) * kernel.bits
            for kernel in graph.kernels().values()
        ),
        file_storage_bits=sum(8 * each.nbytes for each in weights),
        dense_bits=min((8 * each.itemsize for each in weights if each.dtype != WORDS), default=32),
        operators=operators,
        warnings=tuple(_warnings(file, matches)),
    )


def _weights(file: TFLiteFile) -> list[np.ndarray]:
    """Return the weights of all operators that multiply, each once."""
    places = {each.inputs[1] for each in file.operators if each.name in CONVOLUTIONS}
    values = (file.tensors[place].value for place in places)
    return [value for value in values if value is not None]


def _saved_bytes(weights: list[np.ndarray]) -> int:
    """Return by how much weights of 8 bits are smaller than the float32 that theory counts."""
    return sum(value.size * (FLOAT_BYTES - 1) for value in weights if value.dtype == np.int8)


def _port(tensor: Tensor) -> Port:
    return Port(tensor.name, tensor.shape, tensor.dtype.name)


def _is_same(operator: Operator) -> bool:
    return operator.options["padding"] == SAME_PADDING


def _require_same_padding(file: TFLiteFile, matches: list[Match]) -> None:
    for match in matches:
        operator = file.operators[match.operator]
        expected, found = match.kernel.owner.pad_values, operator.options["pad_values"]
        if _is_same(operator) and expected != found:
            raise ConversionError(
                f"binary convolution {match.layer!r} pads with {expected:g}, but the file pads "
                f"with {found}."
            )


def _warnings(file: TFLiteFile, matches: list[Match]) -> list[str]:
    warnings = []
    for match in matches:
        operator = file.operators[match.operator]
        _, *image = file.tensors[operator.inputs[0]].shape[:3]
        _, *kernel = file.tensors[operator.inputs[1]].shape[:3]
        dilations = (
            operator.options["dilation_height_factor"],
            operator.options["dilation_width_factor"],
        )
        spans = [
            (size - 1) * dilation + 1 for size, dilation in zip(kernel, dilations, strict=True)
        ]
        pads_zero = _is_same(operator) and operator.options["pad_values"] == 0
        if pads_zero and any(span > side for span, side in zip(spans, image, strict=True)):
            warnings.append(
                f"{match.layer}: zero padding with a kernel of {spans[0]}x{spans[1]} on a map of "
                f"{image[0]}x{image[1]}; Larq Compute Engine does not correct the border "
                "there, so its results are wrong."
            )
    dequantize = file.histogram().get("LceDequantize", 0)
    if dequantize:
        warnings.append(
            f"{dequantize} LceDequantize: signs are read by layers without a 1-bit kernel."
        )
    return warnings


def theory_bytes(model: "tf.keras.Model | Graph", *, float_model: bool = False) -> int:
    """Return the bytes that the weights need on a device.

    A binary kernel takes one bit a weight, with input channels padded to words of 32 bits. All
    other weights are float32. The four vectors of a BatchNorm become two, a factor and an offset.
    """
    graph = read_model(model)
    total = 0
    for layer in graph.layers().values():
        if isinstance(layer, tf.keras.layers.BatchNormalization):
            total += 2 * FLOAT_BYTES * int(layer.moving_mean.shape[0])
        else:
            total += FLOAT_BYTES * layer.count_params()
    for kernel in graph.kernels().values():
        if is_lce_convolution(kernel) and not float_model:
            height, width, channels, filters = (int(side) for side in kernel.weights.shape)
            total -= FLOAT_BYTES * height * width * channels * filters
            total += WORD_BYTES * height * width * filters * -(-channels // WORD_BITS)
    return total
