"""What ``latency_table3.py`` and ``latency_parts.py`` measured, as tables and two charts: from
their CSVs alone.
"""

import hashlib
from pathlib import Path
from typing import Any

from benchmarks.latency_table3 import LITERT, MOBILENETS, Row, read_rows
from experiments.fashion_mnist.report import table
from experiments.fashion_mnist.statistics import rank_correlation
from larq_igp.report.palette import OTHERS, PAPER, mixed
from larq_igp.report.static import save_figures
from larq_igp.report.style import new_figure

RESULTS = Path(__file__).parent / "results" / "latency_table3-x86_64.csv"
PARTS = RESULTS.with_name("latency_parts-x86_64.csv")
OURS = ("binary", "larq_igp_runtime")
KINDS = {
    OURS: "binary, this runtime",
    ("binary", "lce_indirect"): "binary, LCE at its best",
    ("float", LITERT): "float, LiteRT",
    ("int8", LITERT): "int8, LiteRT",
}
"""Form and engine of a row -> what the charts call it."""
LEFT, RIGHT = (-4, 3), (4, 3)
NAMED_AT = {
    "igp_resnet21_53": LEFT,
    "bireal_resnet34_64": (-5, -3),
    "mobilenet_v3_small": LEFT,
    "igp_resnet77_35": (-4, -8),
}
"""Where a network's name stands, in points from its dot, where another is in the way on the right.
"""
MILLISECONDS = (0.5, 1, 2, 5, 10, 20, 50)
BINARY, FLOAT, INT8 = (OTHERS[place].colour for place in (0, 1, 3))
"""No family has these."""
COLOURS = (BINARY, mixed(BINARY, PAPER, 0.55), FLOAT, INT8)


def latencies(rows: list[Row], threads: int = 1) -> dict[tuple[str, str, str], float]:
    """Return the median latency in milliseconds by network, form and engine."""
    return {
        (row["network"], row["form"], row["engine"]): float(row["latency_ms_median"])
        for row in rows
        if int(row["threads"]) == threads
    }


def latency_table(rows: list[Row]) -> str:
    """Return a row for each network: FLOPs, published error, and latency in every engine."""
    one, two = latencies(rows, 1), latencies(rows, 2)
    lines = []
    for network in dict.fromkeys(row["network"] for row in rows):
        first = next(row for row in rows if row["network"] == network)
        errors = {row["form"]: row["top1_error"] for row in rows if row["network"] == network}
        published = [errors["binary"]] if "binary" in errors else list(errors.values())
        error = " / ".join(each or "-" for each in published)
        cells = [one.get((network, *OURS)), two.get((network, *OURS))]
        cells += [one.get((network, *kind)) for kind in KINDS if kind != OURS]
        lines.append((
            f"`{network}`", f"{float(first['flops']) / 1e8:.2f}", error,
            *("-" if ms is None else f"{ms:.2f}" for ms in cells),
        ))  # fmt: skip
    header = (
        "network", "FLOPs, 1e8", "published top-1 error, %", "binary, this runtime",
        "the same, 2 threads", "binary, LCE at its best", "float", "int8",
    )  # fmt: skip
    return table(header, lines)


def parts_table(rows: list[Row]) -> str:
    """Return a row for each network: its multiply-adds, latency, and what its parts take of it."""
    parts = tuple(dict.fromkeys(row["part"] for row in rows))
    lines = []
    for network in dict.fromkeys(row["network"] for row in rows):
        own = [row for row in rows if row["network"] == network]
        lines.append((
            f"`{network}`",
            *(f"{float(own[0][macs]) / 1e6:,.0f}" for macs in ("float_macs", "binary_macs")),
            f"{float(own[0]['total_ms_median']):.2f}",
            *(f"{float(row['latency_ms']):.2f} ({float(row['share']):.0%})" for row in own),
        ))  # fmt: skip
    return table(("network", "float, 1e6", "binary, 1e6", "all, ms", *parts), lines)


def points(rows: list[Row], x: str) -> dict[tuple[str, str], list[tuple[float, float, str]]]:
    """Return ``(x, latency_ms, network)`` with one thread by form and engine.

    Args:
        rows: of the CSV.
        x: the column of the first; rows where it is empty are left out.
    """
    found: dict[tuple[str, str], list] = {kind: [] for kind in KINDS}
    for row in rows:
        kind = (row["form"], row["engine"])
        if kind in found and int(row["threads"]) == 1 and row[x]:
            found[kind].append((float(row[x]), float(row["latency_ms_median"]), row["network"]))
    return found


def correlations(rows: list[Row]) -> dict[str, Any]:
    """Return the rank correlation of FLOPs and latency over the networks of Table 3, by engine."""
    return {
        KINDS[kind]: rank_correlation([(x, y) for x, y, name in each if name not in MOBILENETS])
        for kind, each in points(rows, "flops").items()
    }


def correlations_table(rows: list[Row]) -> str:
    """Show the rank correlation of latency with a binary network's FLOPs, as the paper counts them,
    and with its multiply-adds, binary ones not divided: over all of Table 3, and over the ResNets.
    """
    binary = {row["network"]: row for row in rows if row["form"] == "binary"}
    costs = [
        {name: sum(float(row[column]) for column in columns) for name, row in binary.items()}
        for columns in (("flops",), ("float_macs", "binary_macs"))
    ]
    groups = (list(binary), [name for name in binary if "resnet" in name])
    lines = []
    for kind, what in KINDS.items():
        ms = {name: each for (name, *rest), each in latencies(rows).items() if tuple(rest) == kind}
        cells = []
        for cost in costs:
            for names in groups:
                found = rank_correlation([(cost[name], ms[name]) for name in names])
                cells.append("-" if found is None else f"{found.rho:+.2f} ({_p(found.p)})")
        lines.append((what, *cells))
    which = (f"all {len(groups[0])}", f"{len(groups[1])} ResNets")
    header = [f"{cost}, {of}" for cost in ("FLOPs", "multiply-adds") for of in which]
    return table(("rank correlation of latency (p)", *header), lines)


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.2g}"


def pareto(rows: list[Row]) -> list[tuple[float, float, str]]:
    """Return ``(error, latency_ms, network)`` of what nothing else is both better and faster than,
    the fastest first.
    """
    every = sorted(
        (ms, error, name)
        for each in points(rows, "top1_error").values()
        for error, ms, name in each
    )
    front: list[tuple[float, float, str]] = []
    for ms, error, name in every:
        if not front or error < front[-1][0]:
            front.append((error, ms, name))
    return front


def flops_figure(rows: list[Row]) -> Any:
    """Draw latency against FLOPs, one point for each network and engine."""
    figure, (axes,) = new_figure(width=6.6, height=4.4)
    rhos = correlations(rows)
    for (kind, each), colour in zip(points(rows, "flops").items(), COLOURS, strict=True):
        found = rhos[KINDS[kind]]
        label = KINDS[kind] + ("" if found is None else f": rank correlation {found.rho:+.2f}")
        for is_mobile, marker in ((False, "o"), (True, "^")):
            some = [(x, y) for x, y, name in each if (name in MOBILENETS) == is_mobile]
            if some:
                axes.scatter(
                    *zip(*some, strict=True), s=24, color=colour, marker=marker,
                    label=None if is_mobile else label,
                )  # fmt: skip
    axes.scatter([], [], s=24, color="grey", marker="^", label="triangles: MobileNets")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_yticks(MILLISECONDS, MILLISECONDS)
    axes.set_xticks([1e8, 2e8, 5e8, 1e9, 2e9, 5e9], [1, 2, 5, 10, 20, 50])
    axes.set_xlabel("FLOPs as the paper counts, 1e8 (float and int8: multiply-adds)")
    axes.set_ylabel("latency with one thread, ms")
    axes.legend(fontsize=7)
    return figure


def errors_figure(rows: list[Row]) -> Any:
    """Draw the published error against latency, and the Pareto front."""
    figure, (axes,) = new_figure(width=6.6, height=4.4)
    for (kind, each), colour in zip(points(rows, "top1_error").items(), COLOURS, strict=True):
        if not each:
            continue
        axes.scatter(
            [ms for _, ms, _ in each], [error for error, _, _ in each], s=24, color=colour,
            label=KINDS[kind],
        )  # fmt: skip
        if kind == ("binary", "lce_indirect"):
            continue  # the same networks, with the same errors
        for error, ms, name in each:
            at = NAMED_AT.get(name, RIGHT)
            axes.annotate(
                name, (ms, error), xytext=at, textcoords="offset points", fontsize=6,
                ha="right" if at[0] < 0 else "left",
            )  # fmt: skip
    front = pareto(rows)
    axes.step(
        [ms for _, ms, _ in front], [error for error, _, _ in front], where="post", color="black",
        linewidth=0.8, linestyle="--", label="Pareto front",
    )  # fmt: skip
    axes.set_xscale("log")
    axes.set_xticks(MILLISECONDS, MILLISECONDS)
    axes.set_xlabel("latency with one thread, ms")
    axes.set_ylabel("published top-1 error on ImageNet, %")
    axes.legend(fontsize=7)
    return figure


FIGURES = {"flops": flops_figure, "errors": errors_figure}


def source_text() -> str:
    """Return what a chart says of the CSV that it is drawn from: its SHA-256."""
    return f"SHA-256 {hashlib.sha256(RESULTS.read_bytes()).hexdigest()}"


def write_charts(folder: Path = RESULTS.parent) -> list[Path]:
    """Write both charts as ``latency_table3_NAME.svg``; the same rows give the same bytes.

    Each has ``source_text`` in its metadata.
    """
    return save_figures(FIGURES, read_rows(RESULTS), folder, "latency_table3", source_text())
