"""How noisy the gradient of each binary layer is, set against its gradient paths to the loss
(paper, section 3.2: noise = f(N_ops)).

Measured at fixed weights over the mini-batches of one pass, BatchNorm with the statistics of each
batch as in training.
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from larq_igp.analysis.paths import distances_to_target, gradient_paths, path_cost
from larq_igp.graph import Graph, GraphError, read_graph
from larq_igp.keras2 import tf


@dataclass(frozen=True)
class LayerGradient:
    """The gradient of one binary convolution's kernel.

    Attributes:
        layer: its name.
        signal_to_noise: see ``signal_to_noise``; noise is its inverse.
        cosine_to_full: mean cosine between a mini-batch's gradient and the gradient over all of
            them, itself among them: pure noise over ``B`` batches gives ``1 / sqrt(B)``.
        cosine_to_twin: cosine between the gradient over all and that of the 32-bit twin at the same
            weights; None without a twin.
        costs: ``N_1st, N_2nd, N_3rd`` from the layer's output to the model's output.
        convolutions_ahead: binary convolutions on the longest path to the output.
        mean_length: binary convolutions on a path to the output, averaged over all paths.
    """

    layer: str
    signal_to_noise: float
    cosine_to_full: float
    cosine_to_twin: float | None
    costs: tuple[int, ...]
    convolutions_ahead: int
    mean_length: float


@dataclass(frozen=True)
class Correlation:
    """Spearman's rank correlation between what paths predict and what was measured.

    Attributes:
        predictor: ``N_1st``, ``N_2nd``, ``N_3rd``, ``mean_length`` or ``convolutions_ahead``.
        measured: ``signal_to_noise``, ``cosine_to_full`` or ``cosine_to_twin``.
        rho: from -1 to 1; None where one of the two is constant and nothing can be said.
        p_value: p-value of no correlation; None if ``rho`` is. Layers of one network are not
            independent samples, so it is a scale, not a proof.
        layers: number of layers.
    """

    predictor: str
    measured: str
    rho: float | None
    p_value: float | None
    layers: int


@dataclass(frozen=True)
class GradientReport:
    """What was measured on a network."""

    layers: tuple[LayerGradient, ...]
    correlations: tuple[Correlation, ...]
    batches: int
    batch_size: int

    def to_json(self) -> dict[str, Any]:
        """Return a dict of plain values."""
        document = asdict(self)
        for layer in document["layers"]:
            if not math.isfinite(layer["signal_to_noise"]):
                layer["signal_to_noise"] = None  # all mini-batches gave the same gradient
        return document


@contextmanager
def _weights_kept(*models: "tf.keras.Model | None") -> Iterator[None]:
    """Set all weights back at the end, the statistics of BatchNorm among them."""
    before = [(model, model.get_weights()) for model in models if model is not None]
    try:
        yield
    finally:
        for model, weights in before:
            model.set_weights(weights)


def _measured(graph: Graph, bits: int) -> dict[str, tuple[Any, list[int]]]:
    """Return the kernels of all binary convolutions and the calls that multiply with them."""
    found: dict[str, tuple[Any, list[int]]] = {}
    names = {id(kernel.weights): name for name, kernel in graph.kernels().items()}
    for index, call in enumerate(graph.calls):
        if path_cost(call, bits) is not None:
            for kernel in call.kernels:
                name = names[id(kernel.weights)]
                found.setdefault(name, (kernel.weights, []))[1].append(index)
    if not found:
        raise GraphError("the model holds no binary convolution whose gradient could be measured.")
    return found


def _gradients(model: "tf.keras.Model", kernels: list, batches: Sequence[tuple]) -> np.ndarray:
    """Return the gradients of the loss, one object array row for each batch, flattened kernels as
    columns.
    """
    loss_of = tf.keras.losses.SparseCategoricalCrossentropy()

    @tf.function
    def step(images, labels):
        with tf.GradientTape() as tape:
            loss = loss_of(labels, model(images, training=True))
        zero = tf.UnconnectedGradients.ZERO  # behind a layer that stops gradients
        return tape.gradient(loss, kernels, unconnected_gradients=zero)

    rows = np.empty((len(batches), len(kernels)), dtype=object)
    for number, (images, labels) in enumerate(batches):
        for column, gradient in enumerate(step(images, labels)):
            rows[number, column] = gradient.numpy().astype(np.float64).ravel()
    return rows


def _cosine(a: np.ndarray, b: np.ndarray) -> float:
    norm = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / norm if norm else 0.0


def signal_to_noise(gradients: Sequence[np.ndarray]) -> float:
    """Return ``|E g|^2 / E |g - E g|^2`` over mini-batches, both estimated without bias; infinite
    if all are alike, 0 if all are 0.

    The squared norm of a mean of ``B`` gradients holds ``1 / B`` of their variance, which is taken
    off: pure noise gives 0 on average, and a value below 0 means that no signal stands out.
    """
    stacked = np.stack(gradients)
    mean = stacked.mean(axis=0)
    variance = float(((stacked - mean) ** 2).sum()) / (len(stacked) - 1)
    signal = float(mean @ mean) - variance / len(stacked)
    if variance == 0:
        return math.inf if signal else 0.0  # a layer without a gradient has no signal
    return signal / variance


def measure_gradients(
    model: "tf.keras.Model",
    batches: Sequence[tuple],
    *,
    twin: "tf.keras.Model | None" = None,
    bits: int = 1,
) -> GradientReport:
    """Measure the kernel gradients of every binary convolution of a classifier.

    Both models are as before afterwards.

    Args:
        model: maps images to probabilities.
        batches: ``(images, labels)``, at least two.
        twin: the 32-bit twin; it is measured with the model's weights, layer by layer.
        bits: see ``gradient_paths``.

    Raises:
        GraphError: if there are fewer than two batches, no binary convolution, or the twin has
            other layers.
    """
    if len(batches) < 2:
        raise GraphError(f"noise needs at least 2 mini-batches; got {len(batches)}.")
    graph = read_graph(model)
    found = _measured(graph, bits)
    twin_rows = None
    with _weights_kept(model, twin):
        if twin is not None:
            twin_rows = _gradients(twin, _take_over(graph, twin, list(found)), batches)
        rows = _gradients(model, [kernel for kernel, _ in found.values()], batches)
    costs = distances_to_target(graph, bits=bits)
    layers = []
    for column, (name, (_, calls)) in enumerate(found.items()):
        gradients = list(rows[:, column])
        full = np.mean(gradients, axis=0)
        ahead = gradient_paths(graph, calls, k=1, bits=bits)
        steps = sum(length * count for length, count in ahead.lengths.items())
        layers.append(
            LayerGradient(
                layer=name,
                signal_to_noise=signal_to_noise(gradients),
                cosine_to_full=float(np.mean([_cosine(gradient, full) for gradient in gradients])),
                cosine_to_twin=None
                if twin_rows is None
                else _cosine(full, np.mean(list(twin_rows[:, column]), axis=0)),
                costs=tuple(sorted({cost for call in calls for cost in costs[call]})[:3]),
                convolutions_ahead=max(ahead.lengths, default=0),
                mean_length=steps / max(1, ahead.total),
            )
        )
    return GradientReport(tuple(layers), tuple(correlate(layers)), len(batches), len(batches[0][1]))


def _take_over(graph: Graph, twin: "tf.keras.Model", names: list[str]) -> list:
    """Copy all weights to the twin by the layers' names; return the kernels of the given names."""
    theirs = read_graph(twin)
    layers = theirs.layers()
    for name, layer in graph.layers().items():
        if layer.weights:
            if name not in layers or len(layers[name].weights) != len(layer.weights):
                raise GraphError(f"the twin has no layer {name!r} with the same weights.")
            layers[name].set_weights(layer.get_weights())
    kernels = theirs.kernels()
    return [kernels[name].weights for name in names]


def correlate(layers: Sequence[LayerGradient]) -> list[Correlation]:
    """Return the rank correlations of every prediction with every measurement."""
    predictors: dict[str, list[Any]] = {
        f"N_{name}": [layer.costs[i] if len(layer.costs) > i else None for layer in layers]
        for i, name in enumerate(("1st", "2nd", "3rd"))
    }
    predictors["mean_length"] = [layer.mean_length for layer in layers]
    predictors["convolutions_ahead"] = [layer.convolutions_ahead for layer in layers]
    found = []
    for predictor, xs in predictors.items():
        for name in ("signal_to_noise", "cosine_to_full", "cosine_to_twin"):
            pairs = [(x, getattr(layer, name)) for x, layer in zip(xs, layers, strict=True)]
            pairs = [pair for pair in pairs if None not in pair]  # the last layers have fewer paths
            if pairs or name != "cosine_to_twin":
                found.append(Correlation(predictor, name, *_spearman(pairs), len(pairs)))
    return found


def _spearman(pairs: Sequence[tuple[float, float]]) -> tuple[float | None, float | None]:
    from scipy.stats import spearmanr

    xs, ys = [x for x, _ in pairs], [y for _, y in pairs]
    if len(set(xs)) < 2 or len(set(ys)) < 2:
        return None, None
    result = spearmanr(xs, ys)
    return float(result.statistic), float(result.pvalue)
