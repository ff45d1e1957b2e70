"""Gradient paths of the families' blocks, and costs of each layer of a network."""

from typing import Any

from larq_igp.analysis.blocks import find_blocks
from larq_igp.analysis.count import CostAnalysis
from larq_igp.graph import read_graph
from larq_igp.models import build
from larq_igp.report.charts import Chart, Series, block_chart
from larq_igp.report.latencies import Timing
from larq_igp.report.page import Section

BLOCKS = ("resnet_tiny", "bireal_resnet_tiny", "igp_resnet_tiny", "igp_densenet_tiny")


def blocks_section() -> Section:
    """The blocks of four families with their gradient paths."""
    charts = []
    for name in BLOCKS:
        graph = read_graph(build(name, input_shape=(32, 32, 3)))
        title = name.removesuffix("_tiny").replace("_", " ")
        charts.append(
            block_chart(graph, find_blocks(graph)[0], f"block-{title.replace(' ', '-')}", title)
        )
    text = (
        "One block of each family, input left. Filled nodes are binary convolutions; a coloured "
        "line is one path of its cost."
    )
    return Section("Gradient paths of a block", text, tuple(charts))


def layers_section(name: str, model: Any, timing: Timing | None = None) -> Section:
    """Storage, multiply-accumulates and, where measured, latency of each layer with a kernel."""
    layers = [layer for layer in CostAnalysis(model).by_layer().values() if layer.kernel_weights]
    slug = "".join(letter if letter.isalnum() else "-" for letter in name)
    charts = []
    for bits_name, value, label in (
        ("storage", lambda layer: layer.storage_bits / 1e3, "storage, kbit"),
        ("macs", lambda layer: layer.macs / 1e6, "multiply-accumulates, 1e6"),
    ):
        series = []
        for is_binary, group in ((True, "binary"), (False, "full precision")):
            mine = [layer for layer in layers if (layer.mac_bits < 32) == is_binary]
            series.append(
                Series(
                    group,
                    tuple(layer.name for layer in mine),
                    tuple(value(layer) for layer in mine),
                    "bars",
                )
            )
        charts.append(
            Chart(
                f"layers-{slug}-{bits_name}",
                f"{name}: {label} of each layer",
                "layer",
                label,
                tuple(s for s in series if s.x),
            )
        )
    if timing and timing.operators:
        names = tuple(f"{row['index']} {row['operator']}" for row in timing.operators)
        times = tuple(float(row["latency_ms_median"]) for row in timing.operators)
        said = tuple(
            f"{name}<br>{row['tensor']}" for name, row in zip(names, timing.operators, strict=True)
        )
        bars = Series(
            "operators",
            names,
            times,
            "bars",
            tuple(f"{s}<br>{t:.4f} ms" for s, t in zip(said, times, strict=True)),
        )
        title, label = (
            f"{name}: latency of each operator by itself, by {timing.engine}",
            "latency, ms",
        )
        note = (
            f"They add up to {sum(times):.3f} ms; the whole file takes {timing.latency_ms:.3f} ms."
        )
        charts.append(Chart(f"layers-{slug}-latency", title, "operator", label, (bars,), note=note))
    return Section(f"Layers of {name}", charts=tuple(charts))
