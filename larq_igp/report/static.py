"""Charts as files for papers: PNG, SVG or PDF, drawn by matplotlib without a display.

Plotly's own export draws in a web browser, which few servers have and pip does not install.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from larq_igp.errors import UserError
from larq_igp.files import atomic_path, check_writable
from larq_igp.packages import require

SUFFIXES = (".png", ".svg", ".pdf")


def new_figure(columns: int = 1, *, width: float = 6.0, height: float = 4.0):
    """Return a matplotlib figure and its axes in a row.

    Raises:
        ModuleNotFoundError: if matplotlib is not installed.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width * columns, height), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(1, columns, squeeze=False)[0]


def check_figure_path(path: str | Path) -> None:
    """Refuse what ``save`` would refuse, before the work that the figure shows.

    Raises:
        UserError: if the suffix is none of ``.png .svg .pdf``, or the file cannot be written.
        ModuleNotFoundError: if matplotlib is not installed.
    """
    if Path(path).suffix not in SUFFIXES:
        raise UserError(f"{path} must end in one of {', '.join(SUFFIXES)}.")
    check_writable(path)
    require("matplotlib")


def save(figure: Any, path: str | Path) -> None:
    """Write a figure, whole or not at all; errors as for ``check_figure_path``."""
    path = Path(path)
    check_figure_path(path)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format=path.suffix[1:])


def gradient_figure(report: Any, title: str) -> Any:
    """Draw the signal-to-noise ratio against what the gradient paths predict, one point a layer;
    ``report`` is a ``GradientReport``.
    """
    rho = {
        each.predictor: each.rho
        for each in report.correlations
        if each.measured == "signal_to_noise"
    }
    columns = []
    for place, name in enumerate(("N_1st", "N_2nd", "N_3rd")):
        having = [layer for layer in report.layers if len(layer.costs) > place]
        columns.append(
            (
                name,
                [(layer.costs[place], layer.signal_to_noise) for layer in having],
                "operations to the loss",
            )
        )
    columns.append(
        (
            "mean_length",
            [(layer.mean_length, layer.signal_to_noise) for layer in report.layers],
            "binary convolutions to the loss",
        )
    )
    figure, axes = new_figure(len(columns), width=3.2, height=3.6)
    for ax, (name, points, label) in zip(axes, columns, strict=True):
        ax.scatter([x for x, _ in points], [y for _, y in points], s=18)
        if points and min(x for x, _ in points) > 0 and name != "mean_length":
            ax.set_xscale("log")
        found = "constant" if rho.get(name) is None else f"rank correlation {rho[name]:+.2f}"
        ax.set_title(f"{name.replace('_', ' ')}: {found}", fontsize=9)
        ax.set_xlabel(label, fontsize=8)
    axes[0].set_ylabel("signal-to-noise ratio of the gradient", fontsize=8)
    figure.suptitle(title, fontsize=10)
    return figure


def chart_figure(chart: Any) -> Any:
    """Draw a ``Chart`` of the page for print."""
    return chart_figures([chart])


def chart_figures(charts: Sequence[Any]) -> Any:
    """Draw charts of the page in a row."""
    figure, axes = new_figure(len(charts))
    for chart, ax in zip(charts, axes, strict=True):
        _draw_chart(figure, ax, chart)
    return figure


def _draw_chart(figure: Any, ax: Any, chart: Any) -> None:
    ax.set_title(chart.title, fontsize=11)
    ax.set_xlabel(chart.x_label)
    ax.set_ylabel(chart.y_label)
    if chart.matrix:
        figure.colorbar(ax.imshow(chart.matrix, cmap="Blues"), ax=ax)
        places = range(len(chart.ticks))
        ax.set_xticks(places, chart.ticks, rotation=90, fontsize=7)
        ax.set_yticks(places, chart.ticks, fontsize=7)
        return
    for series in chart.series:
        _draw(ax, series)
    if chart.is_graph:
        ax.set_axis_off()
    if any(series.style == "bars" for series in chart.series):
        ax.tick_params(axis="x", labelrotation=90, labelsize=4)
    names = [series.name for series in chart.series if series.style not in ("edges", "nodes")]
    if len(names) > 1 or chart.is_graph:
        figure.legend(loc="outside lower center", ncols=3, fontsize=7)


def _draw(ax: Any, series: Any) -> None:
    match series.style:
        case "points":
            ax.scatter(series.x, series.y, label=series.name)
            for x, y, label in zip(series.x, series.y, series.labels, strict=True):
                ax.annotate(label, (x, y), fontsize=6, xytext=(3, 3), textcoords="offset points")
        case "line":
            ax.plot(series.x, series.y, marker=".", label=series.name)
        case "front":
            ax.step(
                series.x, series.y, where="post", color="grey", linestyle=":", label=series.name
            )
        case "bars":
            ax.bar(series.x, series.y, label=series.name)
        case "edges":
            xs = [float("nan") if x is None else x for x in series.x]
            ax.plot(
                xs,
                [float("nan") if y is None else y for y in series.y],
                color="lightgrey",
                zorder=1,
            )
        case "nodes":
            colours = ["black" if "operations" in label else "white" for label in series.labels]
            ax.scatter(series.x, series.y, c=colours, edgecolors="black", zorder=3)
        case "path":
            ax.plot(series.x, series.y, linewidth=2, alpha=0.7, label=series.name, zorder=2)
