"""A graph of calls: what a model does, one entry for each time that a layer is called."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np

from larq_igp.graph.bits import FLOAT_BITS
from larq_igp.graph.errors import GraphError
from larq_igp.graph.layers import Shape
from larq_igp.keras2 import tf


@dataclass(frozen=True, eq=False)
class Kernel:
    """Weights that a call multiplies with what it reads.

    Attributes:
        name: of the call; with the attribute that holds the weights if the layer has several.
        owner: the layer that holds them: the call's, or one inside of it.
        weights: the variable, latent weights if there is a quantizer.
        bits: width of a weight as it is multiplied.
        input_bits: width of what it is multiplied with.
        macs: multiply-accumulates in this call for one image; None if a shape is open.
        quantizer: of the weights, or None.
        input_quantizer: of what they are multiplied with, inside the layer, or None.
        is_quantizable: whether the layer's class knows a quantizer of these weights, as Larq's do.
    """

    name: str
    owner: Any = None
    weights: Any = None
    bits: int = FLOAT_BITS
    input_bits: int = FLOAT_BITS
    macs: int | None = None
    quantizer: Any = None
    input_quantizer: Any = None
    is_quantizable: bool = False

    @property
    def mac_bits(self) -> int:
        """Width of the wider operand."""
        return max(self.bits, self.input_bits)

    @property
    def is_binary(self) -> bool:
        """Whether signs are multiplied with signs: both operands have 1 bit."""
        return self.mac_bits == 1

    def quantized(self) -> np.ndarray:
        """Return the weights as they are multiplied."""
        latent = tf.constant(self.weights.numpy())
        return (self.quantizer(latent) if self.quantizer else latent).numpy()


@dataclass(frozen=True, eq=False)
class Call:
    """One call of a layer.

    A layer that returns several tensors is followed by one call for each of them, without a layer.

    Attributes:
        name: of the layer, behind the names of the nested models around it:
            ``backbone/stage1_conv``.
        inputs: indices of the calls whose outputs it reads, once for each time.
        output_shape: without the batch.
        layer: that is called; None for one of several outputs.
        kernels: that it multiplies with; none for most layers.
        is_known: whether the layer's class is registered. One that is not has no weights.
        passes_gradient: False for whole numbers and where a gradient is stopped.
        node: Keras' record of the call: its arguments and outputs.
    """

    name: str
    inputs: tuple[int, ...] = ()
    output_shape: Shape = ()
    layer: Any = None
    kernels: tuple[Kernel, ...] = ()
    is_known: bool = True
    passes_gradient: bool = True
    node: Any = field(default=None, repr=False)

    @property
    def gradient_inputs(self) -> tuple[int, ...]:
        """``inputs`` that a gradient flows back to."""
        return self.inputs if self.passes_gradient else ()

    @property
    def kernel_bits(self) -> int:
        """Width of the widest kernel."""
        return max((kernel.bits for kernel in self.kernels), default=FLOAT_BITS)

    @property
    def input_bits(self) -> int:
        """Width of what the kernels are multiplied with."""
        return max((kernel.input_bits for kernel in self.kernels), default=FLOAT_BITS)

    @property
    def mac_bits(self) -> int:
        """Width of the wider operand."""
        return max(self.kernel_bits, self.input_bits)

    @property
    def is_binary(self) -> bool:
        """Whether it multiplies, and nothing but signs with signs."""
        return self.mac_bits == 1

    @property
    def macs(self) -> int:
        """Multiply-accumulates for one image.

        Raises:
            GraphError: if a shape is open.
        """
        found = [kernel.macs for kernel in self.kernels if kernel.macs is not None]
        if len(found) < len(self.kernels):
            raise GraphError(
                f"layer {self.name!r} has an open output shape {self.output_shape}: build the "
                "model with a full input_shape."
            )
        return sum(found)

    @property
    def binary_macs(self) -> int | None:
        """``macs`` of a binary call, None for any other: what it costs on a gradient path."""
        return self.macs if self.is_binary else None


@dataclass(frozen=True, eq=False)
class Graph:
    """All calls of a model, each after those whose outputs it reads.

    Attributes:
        calls: in the order in which Keras runs them, nested models opened at each call.
        inputs: indices of the model's inputs.
        outputs: indices of the calls that return the model's outputs.
        index: where names, layers and tensors are found; for ``find``.
    """

    calls: tuple[Call, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    index: Mapping[Any, tuple[int, ...]] = field(
        default_factory=lambda: MappingProxyType({}), repr=False
    )

    def find(self, what: Any) -> list[int]:
        """Return the indices of the calls that return something.

        Args:
            what: a layer or nested model, its name, a Keras tensor, the index of a call, or a list
                of these.

        Raises:
            GraphError: if the model holds no such layer or tensor.
        """
        if isinstance(what, (list, tuple)):
            return [index for one in what for index in self.find(one)]
        if isinstance(what, int) and 0 <= what < len(self.calls):
            return [what]
        if not (isinstance(what, (str, tf.keras.layers.Layer)) or hasattr(what, "_keras_history")):
            raise GraphError(
                f"source and target are layers, their names, or Keras tensors; got {what!r}."
            )
        found = self.index.get(key_of(what), ())
        if not found:
            raise GraphError(
                f"the model holds no layer or tensor {getattr(what, 'name', what)!r} between its "
                "inputs and outputs."
            )
        return list(found)

    def layers(self) -> dict[str, Any]:
        """Return each layer once, by the name of its first call."""
        first: dict[int, Call] = {}
        for call in self.calls:
            if call.layer is not None:
                first.setdefault(id(call.layer), call)
        return {call.name: call.layer for call in first.values()}

    def kernels(self) -> dict[str, Kernel]:
        """Return each kernel once, as in its first call, by name."""
        first: dict[int, Kernel] = {}
        for call in self.calls:
            for kernel in call.kernels:
                first.setdefault(id(kernel.weights), kernel)
        return {kernel.name: kernel for kernel in first.values()}


def key_of(what: Any) -> Any:
    """Return under which key of ``Graph.index`` a name, a layer or a Keras tensor stands."""
    if isinstance(what, str):
        return what
    if hasattr(what, "_keras_history"):
        layer, node_index, tensor_index = what._keras_history
        return id(layer), node_index, tensor_index
    return id(what)
