"""Charts as files for papers: PNG, SVG or PDF, drawn by matplotlib without a display."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from larq_igp.errors import UserError
from larq_igp.files import atomic_path, check_writable
from larq_igp.packages import require
from larq_igp.report.charts import Chart
from larq_igp.report.draw import draw
from larq_igp.report.palette import ACCENT
from larq_igp.report.style import SMALL, TWO_COLUMNS, new_figure, scale_by_logarithm, styled

SUFFIXES = (".png", ".svg", ".pdf")
PRINT_DPI = 300
"""Of PNG files."""


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


def save(figure: Any, path: str | Path, **metadata: str) -> None:
    """Write a figure, whole or not at all; errors as for ``check_figure_path``.

    Args:
        figure: of matplotlib.
        path: the suffix says the format.
        **metadata: what is said in the file, like ``Source``.
    """
    path = Path(path)
    check_figure_path(path)
    undated: dict[str, Any] = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}.get(
        path.suffix, {}
    )
    undated |= metadata
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format=path.suffix[1:], dpi=PRINT_DPI, metadata=undated)


def save_chart(chart: Chart, *paths: str | Path) -> None:
    """Write a chart to files, which say what they are by their suffixes; errors as for ``save``."""
    with styled(chart.name):
        figure = draw(chart)
        for path in paths:
            save(figure, path)


def save_charts(charts: Sequence[Chart], folder: str | Path) -> list[Path]:
    """Write every chart as ``.svg``, ``.pdf`` and ``.png`` into a folder; errors as for ``save``.

    Returns:
        the paths.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for chart in charts:
        paths = [folder / f"{chart.name}{suffix}" for suffix in SUFFIXES]
        save_chart(chart, *paths)
        written += paths
    return written


def save_figures(
    figures: Mapping[str, Callable[[Any], Any]], rows: Any, folder: Path, stem: str, source: str
) -> list[Path]:
    """Draw every figure of some rows as ``STEM_NAME.svg``; the same rows give the same bytes.

    Args:
        figures: what draws each of them, by name.
        rows: that they are drawn from.
        folder: to write to.
        stem: of the files' names.
        source: what the files say of the rows.
    """
    written = []
    for name, draw_rows in figures.items():
        path = folder / f"{stem}_{name}.svg"
        with styled(stem):
            save(draw_rows(rows), path, Source=source)
        written.append(path)
    return written


def save_gradients(report: Any, path: str | Path) -> None:
    """Draw the signal-to-noise ratio against what the gradient paths predict, one point a layer.

    Args:
        report: a ``GradientReport``.
        path: see ``save``, which also raises its errors.
    """
    with styled("gradients"):
        save(_gradient_figure(report), path)


def _gradient_figure(report: Any) -> Any:
    rho = {
        each.predictor: each.rho
        for each in report.correlations
        if each.measured == "signal_to_noise"
    }
    columns = []
    for place, name in enumerate(("N_1st", "N_2nd", "N_3rd")):
        having = [layer for layer in report.layers if len(layer.costs) > place]
        points = [(layer.costs[place], layer.signal_to_noise) for layer in having]
        columns.append((name, points, f"{name}, operations to the loss"))
    points = [(layer.mean_length, layer.signal_to_noise) for layer in report.layers]
    columns.append(("mean_length", points, "mean length to the loss"))
    figure, axes = new_figure(len(columns), width=TWO_COLUMNS / len(columns), height=1.9)
    for ax, (name, points, label) in zip(axes, columns, strict=True):
        ax.scatter([x for x, _ in points], [y for _, y in points], s=10, color=ACCENT)
        if points and min(x for x, _ in points) > 0 and name != "mean_length":
            scale_by_logarithm(ax.xaxis)
        found = "constant" if rho.get(name) is None else f"rank correlation {rho[name]:+.2f}"
        ax.set_title(found, fontsize=SMALL)
        ax.set_xlabel(label, fontsize=SMALL)
    axes[0].set_ylabel("signal-to-noise ratio", fontsize=SMALL)
    return figure
