"""Charts as files for papers: PNG, SVG or PDF, drawn by matplotlib without a display."""

from pathlib import Path
from typing import Any

from larq_igp.errors import UserError
from larq_igp.files import atomic_path

SUFFIXES = (".png", ".svg", ".pdf")


def new_figure(columns: int = 1, *, width: float = 6.0, height: float = 4.0):
    """Return a matplotlib figure and its axes in a row.

    Raises:
        UserError: if matplotlib is not installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise UserError("charts need matplotlib: `pip install 'larq-igp[report]'`.") from error
    figure = Figure(figsize=(width * columns, height), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(1, columns, squeeze=False)[0]


def save(figure: Any, path: str | Path) -> None:
    """Write a figure, whole or not at all.

    Raises:
        UserError: if the suffix is none of ``.png .svg .pdf``, or the file cannot be written.
    """
    path = Path(path)
    if path.suffix not in SUFFIXES:
        raise UserError(f"{path} must end in one of {', '.join(SUFFIXES)}.")
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format=path.suffix[1:])


def gradient_figure(report: Any, title: str) -> Any:
    """Draw noise against what the gradient paths predict, one point a layer; ``report`` is a ``GradientReport``."""
    rho = {each.predictor: each.rho for each in report.correlations if each.measured == "noise"}
    columns = []
    for place, name in enumerate(("N_1st", "N_2nd", "N_3rd")):
        having = [layer for layer in report.layers if len(layer.costs) > place]
        columns.append((name, [(layer.costs[place], layer.noise) for layer in having], "operations to the loss"))
    columns.append(("mean_length", [(layer.mean_length, layer.noise) for layer in report.layers], "binary convolutions to the loss"))
    figure, axes = new_figure(len(columns), width=3.2, height=3.6)
    for ax, (name, points, label) in zip(axes, columns, strict=True):
        ax.scatter([x for x, _ in points], [y for _, y in points], s=18)
        ax.set_yscale("log")
        if points and min(x for x, _ in points) > 0 and name != "mean_length":
            ax.set_xscale("log")
        found = "constant" if rho.get(name) is None else f"rank correlation {rho[name]:+.2f}"
        ax.set_title(f"{name.replace('_', ' ')}: {found}", fontsize=9)
        ax.set_xlabel(label, fontsize=8)
    axes[0].set_ylabel("gradient noise, 1 / SNR", fontsize=8)
    figure.suptitle(title, fontsize=10)
    return figure
