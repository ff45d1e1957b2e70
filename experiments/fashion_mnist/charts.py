"""The charts of the outcome, from the CSV alone."""

import hashlib
import json
from pathlib import Path
from typing import Any

from matplotlib.lines import Line2D

from benchmarks.latency_table3 import read_rows
from experiments.fashion_mnist.latency import BITS, LATENCIES, fastest
from experiments.fashion_mnist.networks import ABLATIONS, NETWORKS
from experiments.fashion_mnist.plan import Run, main_pair
from experiments.fashion_mnist.report import path_costs
from experiments.fashion_mnist.statistics import Row, errors, sample
from larq_igp.report.palette import GREY, PAPER, Look, look_of, mixed
from larq_igp.report.static import save_figures
from larq_igp.report.style import new_figure, scale_by_logarithm

KINDS = ("residual", "idea taken away", "densely connected")
CLOSE = 0.15
"""Points of error within which names would lie on each other."""


def kind_of(name: str) -> str:
    """Return the group that a network stands in."""
    if name in ABLATIONS:
        return "idea taken away"
    return "residual" if NETWORKS[name].group == "resnet" else "densely connected"


def look(name: str) -> Look:
    """Return those of the family; paler where the idea is taken away."""
    whole = look_of(NETWORKS[name].spec.family)
    return Look(mixed(whole.colour, PAPER, 0.45 * (name in ABLATIONS)), whole.marker)


def errors_figure(rows: list[Row]) -> Any:
    """Draw the test error of every seed, the means, and the 32-bit twins: a line for each network.

    The networks of a group stand in the order of their path costs, the shortest at the bottom.
    """
    costs = path_costs(rows)
    names = [name for name in NETWORKS if name in costs]
    names.sort(key=lambda name: (-KINDS.index(kind_of(name)), costs[name]))
    figure, (axes,) = new_figure(width=7.5, height=0.9 + 0.34 * max(len(names), 3))
    for place, name in enumerate(names):
        one, twin = (sample(errors(rows, Run(name, bits=bits))) for bits in (1, 32))
        colour = look(name).colour
        if one is not None:
            axes.scatter(one.values, [place] * one.n, s=22, color=colour, alpha=0.45, linewidth=0)
            axes.plot([one.mean] * 2, [place - 0.3, place + 0.3], color=colour, linewidth=2)
        if twin is not None:
            axes.scatter(
                twin.values, [place] * twin.n, s=24, marker="D", facecolor="none", edgecolor="grey"
            )
    axes.set_yticks(range(len(names)), [NETWORKS[name].title for name in names], fontsize=8)
    axes.set_xlabel("test error, %")
    dot: dict[str, Any] = {"marker": "o", "linestyle": "", "color": GREY}
    figure.legend(
        handles=[
            Line2D([], [], label="a seed at 1 bit", **dot),
            Line2D([], [], label="their mean", color=GREY, linewidth=2),
            Line2D([], [], label="a seed at 32 bits", **dot | {"marker": "D", "mfc": "none"}),
        ],
        loc="outside lower center",
        ncols=3,
        fontsize=8,
        frameon=False,
    )
    axes.grid(axis="x", color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    return figure


def paths_figure(rows: list[Row]) -> Any:
    """Draw the mean test error against ``N_2nd`` of a block, with the spread over seeds."""
    costs = path_costs(rows)
    figure, (axes,) = new_figure(width=7.0, height=4.4)
    samples = {name: sample(errors(rows, Run(name))) for name in NETWORKS}
    points = {name: one for name, one in samples.items() if one is not None}
    drawn = set()
    for name in sorted(points, key=lambda name: points[name].mean):
        one, family = points[name], NETWORKS[name].spec.family
        label = None if family in drawn or name in ABLATIONS else family.replace("_", " ")
        # Of networks with the same cost and much the same error, every other one is named left.
        close = [
            other for other in points
            if costs[other] == costs[name] and 0 < one.mean - points[other].mean < CLOSE
        ]  # fmt: skip
        left = len(close) % 2 == 1
        drawn.add(family if label else None)
        axes.errorbar(
            costs[name], one.mean, yerr=one.deviation or 0.0, fmt=look(name).marker, markersize=5,
            capsize=2, color=look(name).colour, label=label,
        )  # fmt: skip
        axes.annotate(
            f"{name} ({one.n})",
            (costs[name], one.mean),
            xytext=(-5 if left else 5, 4),
            textcoords="offset points",
            ha="right" if left else "left",
            fontsize=7,
        )
    axes.set_xscale("log")
    ticks = (0.2, 0.5, 1, 2)
    axes.set_xticks([1e6 * tick for tick in ticks], ticks)
    axes.minorticks_off()
    axes.set_xlim(1.5e5, 5e6)
    axes.set_xlabel("N_2nd of a block, million binary multiply-adds")
    axes.set_ylabel("test error at 1 bit, % (seeds in brackets)")
    if drawn:
        axes.legend(fontsize=7)
    return figure


def bits_figure(rows: list[Row]) -> Any:
    """Draw the test error of the main pair at 1, 2 and 32 bits against file size and latency."""
    latencies = read_rows(LATENCIES)
    figure, panels = new_figure(2, width=3.6, height=3.4)
    columns = {"file_bytes": (1e3, "size of the .tflite, kB")}
    columns["latency_ms_median"] = (1.0, "latency with one thread, ms")
    for axes, (column, (unit, label)) in zip(panels, columns.items(), strict=True):
        for name in main_pair(rows):
            found = [
                (float(measured[column]) / unit, one.mean, one.deviation or 0.0, bits)
                for bits in BITS
                if (one := sample(errors(rows, Run(name, bits=bits))))
                and (measured := fastest(latencies, name, bits))
            ]
            for x, y, spread, bits in found:
                axes.errorbar(
                    x, y, yerr=spread, fmt=look(name).marker, markersize=5, capsize=2,
                    color=look(name).colour,
                )  # fmt: skip
                axes.annotate(
                    f"{bits} bit" + "s" * (bits > 1), (x, y), xytext=(5, 5),
                    textcoords="offset points", fontsize=7,
                )  # fmt: skip
        axes.set_xscale("log")
        low, high = axes.xaxis.get_data_interval()
        if high > low > 0:
            scale_by_logarithm(axes.xaxis)
        axes.margins(x=0.18)
        axes.set_xlabel(label)
    panels[0].set_ylabel("test error, %")
    handles = [
        Line2D([], [], label=NETWORKS[name].title, marker=look(name).marker, linestyle="",
               color=look(name).colour)
        for name in main_pair(rows)
    ]  # fmt: skip
    panels[1].legend(handles=handles, fontsize=7)
    return figure


FIGURES = {"errors": errors_figure, "paths": paths_figure, "bits": bits_figure}


def source_text(rows: list[Row]) -> str:
    """Return what a chart says of the rows that it is drawn from: how many, and their SHA-256."""
    drawn = [rows, read_rows(LATENCIES)]
    digest = hashlib.sha256(json.dumps(drawn, sort_keys=True).encode()).hexdigest()
    return f"{len(rows)} runs, SHA-256 {digest}"


def write_charts(rows: list[Row], folder: Path, stem: str) -> list[Path]:
    """Write every chart as ``STEM_NAME.svg``; the same rows give the same bytes.

    Each has ``source_text`` in its metadata.
    """
    return save_figures(FIGURES, rows, folder, stem, source_text(rows))
