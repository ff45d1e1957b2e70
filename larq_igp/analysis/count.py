"""What a built Keras model costs: three views of one reading of its graph.

A layer whose class is not registered in ``larq_igp.graph`` raises; it never counts as zero.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from larq_igp.architectures.accounting import FLOAT32_BYTES, MEMORY_BATCH, Counts
from larq_igp.architectures.spec import PaperSpec, Spec
from larq_igp.graph import Call, Graph, Kernel, UnknownLayerError, read_graph
from larq_igp.graph.bits import FLOAT_BITS
from larq_igp.graph.layers import Shape, unknown_layer
from larq_igp.keras2 import tf


@dataclass(frozen=True)
class LayerCount:
    """One layer of a graph, all its calls together, in base units.

    Attributes:
        name: of the layer, behind those of the nested models around it.
        kind: the name of its class.
        output_shape: ``(H, W, C)`` or ``(C,)``, without the batch; of its first call.
        parameters: all its weights, as Keras counts them.
        kernel_weights: weights of its kernels.
        kernel_bits: width of the widest.
        storage_bits: kernels at their width.
        macs: multiply-accumulates for one image.
        mac_bits: width of the widest operand.
    """

    name: str
    kind: str
    output_shape: Shape
    parameters: int
    kernel_weights: int = 0
    kernel_bits: int = FLOAT_BITS
    storage_bits: int = 0
    macs: int = 0
    mac_bits: int = FLOAT_BITS


@dataclass(frozen=True)
class PrecisionCount:
    """What a graph has of one width.

    Attributes:
        kernel_weights: weights of this width.
        macs: multiply-accumulates for one image whose wider operand has this width.
    """

    kernel_weights: int
    macs: int


class CostAnalysis:
    """The costs of a model, read once.

    Args:
        model: any built Keras functional model, nested models included, or its graph.

    Raises:
        GraphError: if the model is not functional, or a layer with a kernel has an open shape.
        UnknownLayerError: naming a layer whose class is not registered.
    """

    def __init__(self, model: "tf.keras.Model | Graph"):
        self.graph = read_graph(model)
        for call in self.graph.calls:
            if not call.is_known:
                raise UnknownLayerError(unknown_layer(call.layer, call.name, "cannot be counted"))
        self._kernels = self.graph.kernels()

    def total(self, spec: Spec | None = None) -> Counts:
        """Return the sums, and for a network of this package its run-time memory.

        Args:
            spec: the specification that the model was built from; without it, and for a family that
                the user registered, ``runtime_memory_bytes`` is 0: the paper's model of
                memory covers only its own families.
        """
        precisions = self.by_precision()
        weights = {bits: count.kernel_weights for bits, count in precisions.items()}
        macs = {bits: count.macs for bits, count in precisions.items()}
        variables = {id(v): v for layer in self.graph.layers().values() for v in layer.weights}
        return Counts(
            sum(_size(variable) for variable in variables.values()),
            Counter(weights),
            Counter(macs),
            runtime_memory_bytes(self.graph, spec) if isinstance(spec, PaperSpec) else 0,
        )

    def by_layer(self) -> dict[str, LayerCount]:
        """Return what each layer costs, by its name, in the order of the graph."""
        calls: dict[int, list[Call]] = {}
        for call in self.graph.calls:
            calls.setdefault(id(call.layer), []).append(call)
        counts = [_count_layer(each) for each in calls.values() if each[0].layer is not None]
        return {count.name: count for count in counts}

    def by_precision(self) -> dict[int, PrecisionCount]:
        """Return what there is of each width, by bits, the narrowest first."""
        weights: Counter[int] = Counter()
        macs: Counter[int] = Counter()
        for kernel in self._kernels.values():
            weights[kernel.bits] += _size(kernel.weights)
        for call in self.graph.calls:
            if call.macs:  # raises for an open shape
                for kernel in call.kernels:
                    macs[kernel.mac_bits] += kernel.macs or 0
        return {
            bits: PrecisionCount(weights[bits], macs[bits]) for bits in sorted({*weights, *macs})
        }


def count(model: "tf.keras.Model | Graph", spec: Spec | None = None) -> Counts:
    """Return ``CostAnalysis(model).total(spec)``: what a model costs, in base units."""
    return CostAnalysis(model).total(spec)


def _size(variable: Any) -> int:
    return int(variable.shape.num_elements())


def _count_layer(calls: list[Call]) -> LayerCount:
    first = calls[0]
    kernels: dict[int, Kernel] = {id(kernel.weights): kernel for kernel in first.kernels}
    sizes = [(_size(kernel.weights), kernel.bits) for kernel in kernels.values()]
    return LayerCount(
        name=first.name,
        kind=type(first.layer).__name__,
        output_shape=first.output_shape,
        parameters=first.layer.count_params(),
        kernel_weights=sum(size for size, _ in sizes),
        kernel_bits=first.kernel_bits,
        storage_bits=sum(size * bits for size, bits in sizes),
        macs=sum(call.macs for call in calls),
        mac_bits=max(call.mac_bits for call in calls),
    )


def runtime_memory_bytes(graph: Graph, spec: PaperSpec) -> int:
    """Return the bytes of the feature maps that live together in stage 1, float32 and batch 64."""
    height, width, _ = _stage1(graph, "_binconv")[0].output_shape
    return stage1_channels(graph, spec) * height * width * FLOAT32_BYTES * MEMORY_BATCH


def stage1_channels(model: "tf.keras.Model | Graph", spec: PaperSpec) -> int:
    """Return the channels of the feature maps that live together in stage 1, read from the graph.

    DenseNets: the widest concatenation. IGP-ResNet: the block's input and one map for each
    convolution that reads it. The families of pairs: the maps between additions of a block, and
    for binary ResNet, which has one addition, the map between its two convolutions.
    """
    graph = read_graph(model)
    if spec.family.endswith("densenet"):
        return max(call.output_shape[-1] for call in _stage1(graph, "_concat"))
    convolutions = [call for call in _stage1(graph, "_binconv") if "_block1_" in call.name]
    filters = convolutions[0].output_shape[-1]
    if spec.family == "igp_resnet":
        readers = Counter(_before_relu(graph, call.inputs[0]) for call in convolutions)
        return (1 + max(readers.values())) * filters
    additions = [call for call in _stage1(graph, "_add") if "_block1_" in call.name]
    inner_maps = len(convolutions) - len(additions) if len(additions) < len(convolutions) else 0
    return (1 + len(additions) + inner_maps) * filters


def _stage1(graph: Graph, suffix: str) -> list[Call]:
    return [
        call
        for call in graph.calls
        if call.name.startswith("stage1_") and call.name.endswith(suffix)
    ]


def _before_relu(graph: Graph, index: int) -> int:
    """Return what stands before a ReLU, the form that a quantizer takes at 32 bits."""
    is_relu = isinstance(graph.calls[index].layer, tf.keras.layers.Activation)
    return graph.calls[index].inputs[0] if is_relu else index
