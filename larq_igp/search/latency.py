"""Latency as a budget: measured on this host, and few networks measured."""

from collections.abc import Callable
from functools import cache

from larq_igp.architectures import Spec
from larq_igp.architectures.accounting import binary_conv_shapes
from larq_igp.architectures.spec import PaperSpec
from larq_igp.search.widths import paper_spec

Measure = Callable[[PaperSpec], float]
"""Gives the latency of a network in milliseconds."""


def stopwatch(
    like: str | Spec,
    *,
    input_shape: tuple[int, int, int],
    num_classes: int,
    engine: str | None = None,
    threads: int = 1,
    runs: int = 20,
    tell: Callable[[PaperSpec, float, float], None] = lambda spec, latency_ms, ratio: None,
) -> Measure:
    """Return what measures networks with random weights, each in turns with the network ``like``.

    The latency of ``like`` is measured once. Another's is that times the ratio of the two, so that
    a busy moment decides nothing.

    Args:
        like: the network that others are measured against, or its name.
        input_shape: ``(H, W, C)``.
        num_classes: width of the classifier.
        engine: that runs the converted networks; None is the fastest installed.
        threads: of the engine.
        runs: timed invocations of each network.
        tell: called with each network that was measured, its latency in milliseconds, and the
            ratio of that to the latency of ``like``.
    """
    from larq_igp.deploy.benchmark import median_ms_in_turns
    from larq_igp.deploy.convert import convert
    from larq_igp.deploy.engines import open_engine
    from larq_igp.models import build

    def invocation(spec: PaperSpec) -> Callable[[], None]:
        content = convert(build(spec, input_shape=input_shape, num_classes=num_classes))
        return open_engine(content, threads=threads, engine=engine, unknown_operators=True).invoke

    reference = invocation(paper_spec(like))
    (reference_ms,) = median_ms_in_turns([reference], runs=runs)

    @cache
    def measure(spec: PaperSpec) -> float:
        if spec == paper_spec(like):
            return reference_ms
        other_ms, beside_ms = median_ms_in_turns([invocation(spec), reference], runs=runs)
        ratio = other_ms / beside_ms
        tell(spec, reference_ms * ratio, ratio)
        return reference_ms * ratio

    return measure


def fast_enough(
    specs: list[PaperSpec],
    measure: Measure,
    *,
    limit_ms: float,
    binary_macs: int,
    input_shape: tuple[int, int, int],
) -> list[PaperSpec]:
    """Return the networks up to the widest that is measured within a latency.

    The search starts at about as many binary operations as the model has, goes up or down by a
    third of the place in the list until the limit is passed, and halves what is left. So few
    networks are measured, and none that is far too wide.

    Args:
        specs: narrow to wide; latency is taken to grow with the width.
        measure: gives the latency of a network in milliseconds.
        limit_ms: that may not be exceeded.
        binary_macs: of the model, for one image.
        input_shape: ``(H, W, C)``.
    """
    macs = [
        sum(conv.macs for conv in binary_conv_shapes(spec, input_shape=input_shape))
        for spec in specs
    ]
    low, high = -1, len(specs)  # low is fast enough, high is not
    probe = min(range(len(specs)), key=lambda i: abs(macs[i] - binary_macs), default=0)
    while high - low > 1:
        if measure(specs[probe]) <= limit_ms:
            low, further = probe, probe + max(1, probe // 3)
        else:
            high, further = probe, probe - max(1, probe // 3)
        is_bracketed = low >= 0 and high < len(specs)
        probe = (low + high) // 2 if is_bracketed or not low < further < high else further
    return specs[: low + 1]
