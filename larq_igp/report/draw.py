"""Draws charts: the same code for the page, and for print at the width of one column."""

from typing import Any

from larq_igp.report.blocks import BlockGraph
from larq_igp.report.charts import Bars, Chart, Matrix, Plot, Series
from larq_igp.report.labels import place_labels
from larq_igp.report.palette import ACCENT, FAMILIES, GREY, INK, ON_DEEP, PAPER
from larq_igp.report.style import (
    COLUMN,
    SMALL,
    TWO_COLUMNS,
    new_figure,
    scale_by_logarithm,
    shortened,
)

MANY, MOST_CELLS = 12, 3000
"""Rows of a matrix with a number in each cell in one column; cells that are drawn one by one."""
TIP = "tip:"
LETTER, ROW = 0.06, 0.135
"""Width of a letter and height of a row, in inches."""


def draw(chart: Chart, *, log: bool = False) -> Any:
    """Return a chart as a matplotlib figure; to be called and saved within ``styled``.

    Args:
        chart: what is drawn.
        log: whether the scale of ``y`` is logarithmic.
    """
    match chart:
        case Plot():
            return _plot(chart, log)
        case Bars():
            return _bars(chart)
        case Matrix():
            return _matrix(chart)
        case BlockGraph():
            return _block(chart)
        case _:
            raise TypeError(f"nothing draws a {type(chart).__name__}")


def _legend(figure: Any, handles: list, columns: int = 2) -> None:
    if handles:
        longest = max(len(handle.get_label()) for handle in handles)
        figure.legend(
            handles=handles, loc="outside lower center", handlelength=1.8, columnspacing=1.0,
            ncols=columns if longest < 26 else 1,
        )  # fmt: skip


def _plot(chart: Plot, log: bool) -> Any:
    from matplotlib.ticker import MaxNLocator, ScalarFormatter

    named = [series for series in chart.series if series.name]
    has_labels = any(series.labels for series in chart.series)
    height = (2.8 if has_labels else 2.2) + 0.14 * len(named)
    figure, (ax,) = new_figure(height=height)
    handles = [handle for series in chart.series if (handle := _series(ax, series))]
    ax.set_xlabel(chart.x_label)
    ax.set_ylabel(chart.y_label)
    xs = [x for series in chart.series for x in series.x]
    if has_labels:
        ax.margins(0.15)
        if min(xs) > 0 and max(xs) / min(xs) > 8:
            scale_by_logarithm(ax.xaxis)
    else:
        ax.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
    if log and all(y > 0 for series in chart.series for y in series.y):
        scale_by_logarithm(ax.yaxis)
    elif not log:
        ax.yaxis.set_major_formatter(ScalarFormatter(useOffset=False, useMathText=False))
    ax.grid(True)
    ax.set_axisbelow(True)
    _legend(figure, handles)
    place_labels(figure, ax, [
        (x, y, shortened(label))
        for series in chart.series
        for x, y, label in zip(series.x, series.y, series.labels, strict=bool(series.labels))
    ], SMALL)  # fmt: skip
    return figure


def _series(ax: Any, series: Series) -> Any:
    """Draw a series, and return its handle for the legend."""
    look = series.look
    match series.style:
        case "points":
            for i, (x, y) in enumerate(zip(series.x, series.y, strict=True)):
                spread = series.spread[i] if series.spread else None
                ax.errorbar(x, y, yerr=spread, fmt=look.marker, color=look.colour, capsize=2,
                            elinewidth=0.8)  # fmt: skip
            return None
        case "front":
            (line,) = ax.step(
                series.x, series.y, where="post", color=GREY, linestyle=":", linewidth=0.9,
                zorder=1, label=shortened(series.name),
            )  # fmt: skip
        case "line" | "dashed":
            is_dashed = series.style == "dashed"
            (line,) = ax.plot(
                series.x, series.y, color=look.colour, linestyle="--" if is_dashed else "-",
                linewidth=0.9 if is_dashed else 1.4, label=shortened(series.name),
                marker=look.marker if len(series.x) <= 15 and not is_dashed else "",
            )  # fmt: skip
            if series.spread:
                low, high = (
                    [y + sign * s for y, s in zip(series.y, series.spread, strict=True)]
                    for sign in (-1, 1)
                )
                ax.fill_between(series.x, low, high, color=look.colour, alpha=0.18, linewidth=0)
        case _:
            raise ValueError(series.style)
    return line if series.name else None


def _bars(chart: Bars) -> Any:
    from matplotlib.patches import Patch

    figure, (ax,) = new_figure(height=0.75 + ROW * len(chart.names))
    places = range(len(chart.names))
    colours = [chart.colours[group] for group in chart.groups]
    bars = ax.barh(places, chart.values, color=colours, height=0.72)
    for i, bar in enumerate(bars):
        bar.set_gid(tip(f"{chart.names[i]}: {chart.values[i]:,.4g}, {chart.groups[i]}"))
    ax.set_yticks(places, [shortened(name) for name in chart.names])
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(len(chart.names) - 0.4, -0.6)
    ax.set_xlabel(chart.x_label)
    ax.xaxis.get_major_locator().set_params(nbins=4)
    ax.grid(True, axis="x")
    ax.set_axisbelow(True)
    shown = [name for name in chart.colours if name in chart.groups]
    if len(shown) > 1:
        _legend(figure, [Patch(color=chart.colours[name], label=shortened(name)) for name in shown])
    return figure


def _matrix(chart: Matrix) -> Any:
    rows, columns = len(chart.shades), len(chart.shades[0])
    is_square, is_exact = chart.is_square, rows * columns <= MOST_CELLS
    names_of_rows, names_of_columns = ([shortened(name) for name in each] for each in
                                       (chart.rows, chart.columns))  # fmt: skip
    longest = LETTER * max(map(len, names_of_columns), default=0)
    is_wide = is_square and ((rows > MANY and bool(chart.texts)) or longest > 0.8)
    width = TWO_COLUMNS if is_wide else COLUMN
    across = (width - 0.75 - LETTER * max(map(len, names_of_rows), default=0)) / columns
    is_turned = longest > across
    side = max(across, 0.012) if is_square else ROW
    below = longest if is_turned else 0.1
    figure, (ax,) = new_figure(width=width, height=0.55 + rows * side + below)
    if is_exact:
        colours = [_tint(shade) for row in chart.shades for shade in row]
        mesh = ax.pcolormesh(
            [[0.0] * columns] * rows, edgecolors="none", linewidth=0, rasterized=False
        )
        mesh.set_array(None)
        mesh.set_facecolors(colours)
        ax.invert_yaxis()
        ax.set_xticks([i + 0.5 for i in range(len(chart.columns))], names_of_columns)
        ax.set_yticks([i + 0.5 for i in range(len(chart.rows))], names_of_rows)
        middle = 0.5
    else:
        from matplotlib.colors import LinearSegmentedColormap

        scale = LinearSegmentedColormap.from_list("scale", [PAPER, ACCENT])
        ax.imshow(chart.shades, cmap=scale, vmin=0, vmax=1, aspect="auto", interpolation="nearest")
        middle = 0.0
    for i, row in enumerate(chart.texts):
        for j, text in enumerate(row):
            colour = ON_DEEP if chart.shades[i][j] > 0.6 else INK
            ax.text(j + middle, i + middle, text, ha="center", va="center", color=colour)
    if is_turned:
        ax.tick_params(axis="x", labelrotation=90)
    ax.set_aspect("equal" if is_square and is_exact else "auto")
    _beside(ax, chart, rows)
    ax.tick_params(length=0)
    for spine in ax.spines.values():
        spine.set_visible(False)
    ax.set_xlabel(chart.x_label)
    ax.set_ylabel(chart.y_label)
    return figure


def _beside(ax: Any, chart: Matrix, rows: int) -> None:
    """Write what stands right of the rows, where every row has room for it."""
    if not chart.beside or not chart.texts:
        return
    right = ax.secondary_yaxis("right")
    right.set_yticks([i + 0.5 for i in range(rows)], chart.beside)
    right.set_ylabel(chart.beside_label)
    right.tick_params(length=0)
    right.spines["right"].set_visible(False)


def _tint(shade: float) -> tuple[float, float, float, float]:
    """Return the accent, the more opaque the deeper: what is behind it may be light or dark."""
    red, green, blue = (int(ACCENT[place : place + 2], 16) / 255 for place in (1, 3, 5))
    return red, green, blue, 0.05 + 0.95 * min(1.0, max(0.0, shade))


def _block(chart: BlockGraph) -> Any:
    heights = [y for edge in chart.edges for _, y in edge] + [y for (_, y), *_ in chart.nodes]
    span = max(heights) - min(heights)
    figure, (ax,) = new_figure(height=0.4 + 0.6 * span + 0.145 * len(chart.paths))
    for edge in chart.edges:
        ax.plot(*zip(*edge, strict=True), color=GREY, alpha=0.6, linewidth=1.4, zorder=1)
    colours = [FAMILIES[name].colour for name in
               ("igp_densenet", "bireal_resnet", "igp_resnet", "binary_densenet")]  # fmt: skip
    handles = []
    for i, (name, points) in enumerate(chart.paths):
        (line,) = ax.plot(
            *zip(*points, strict=True), color=colours[i], linewidth=1.6, zorder=2, label=name
        )
        line.set_gid(tip(name))
        handles.append(line)
    for (x, y), is_binary, said in chart.nodes:
        (node,) = ax.plot(
            x, y, "o", markersize=6, markerfacecolor=INK if is_binary else PAPER,
            markeredgecolor=INK, markeredgewidth=0.9, zorder=3,
        )  # fmt: skip
        node.set_gid(tip(said))
    last = max(x for (x, _), *_ in chart.nodes)
    ax.set_xlim(-0.3, last + 0.3)
    ax.set_ylim(min(heights) - 0.3, max(heights) + 0.2)
    ax.set_axis_off()
    _legend(figure, handles, 1)
    return figure


def tip(text: str) -> str:
    """Return the identifier of what says a text when it is pointed at: the page reads it."""
    return TIP + text
