"""What each layer of a network costs, in the network's order."""

from typing import Any

from larq_igp.analysis.count import CostAnalysis
from larq_igp.report.charts import Bars, slug
from larq_igp.report.curves import short_name
from larq_igp.report.latencies import Timing
from larq_igp.report.page import Section
from larq_igp.report.palette import ACCENT, FAMILIES

BINARY, FULL, OPERATOR = "binary", "full precision", "operator"
COLOURS = {BINARY: FAMILIES["igp_resnet"].colour, FULL: ACCENT}
COSTS = {
    "storage": ("storage, kbit", lambda layer: layer.storage_bits / 1e3),
    "macs": ("multiply-accumulates, 1e6", lambda layer: layer.macs / 1e6),
}


def layers_section(label: str, model: Any, timing: Timing | None = None) -> Section:
    """Storage, multiply-accumulates and, where measured, latency of each layer with a kernel."""
    layers = [layer for layer in CostAnalysis(model).by_layer().values() if layer.kernel_weights]
    charts = [
        Bars(
            name=f"layers-{slug(label)}-{cost}",
            title=f"{label}: {axis.partition(',')[0]} of each layer",
            x_label=axis,
            names=tuple(short_name(layer.name) for layer in layers),
            values=tuple(value(layer) for layer in layers),
            groups=tuple(BINARY if layer.mac_bits < 32 else FULL for layer in layers),
            colours=COLOURS,
        )
        for cost, (axis, value) in COSTS.items()
    ]
    if timing and timing.operators:
        times = tuple(float(row["latency_ms_median"]) for row in timing.operators)
        charts.append(
            Bars(
                name=f"layers-{slug(label)}-latency",
                title=f"{label}: latency of each operator by itself, by {timing.engine}",
                x_label="latency, ms",
                names=tuple(f"{row['index']} {row['operator']}" for row in timing.operators),
                values=times,
                groups=(OPERATOR,) * len(times),
                colours={OPERATOR: ACCENT},
                note=f"They add up to {sum(times):.3f} ms; the whole file takes "
                f"{timing.latency_ms:.3f} ms.",
            )
        )
    return Section(f"Layers of {label}", charts=tuple(charts))
