"""The style of all pictures: widths, sizes of letters, figures, scales.

Nothing is smaller than 7 pt at a picture's own size. Names are never read as formulas.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from larq_igp.report.palette import GREY, INK

COLUMN, TWO_COLUMNS = 3.3, 6.9
"""Widths in inches."""
SMALL, NORMAL = 7, 8
"""Sizes of letters, in points."""
STYLE = {
    "font.size": SMALL, "axes.labelsize": NORMAL, "legend.fontsize": SMALL,
    "xtick.labelsize": SMALL, "ytick.labelsize": SMALL, "axes.linewidth": 0.6,
    "xtick.major.width": 0.6, "ytick.major.width": 0.6, "lines.linewidth": 1.2,
    "lines.markersize": 4.5, "text.color": INK, "axes.edgecolor": INK, "axes.labelcolor": INK,
    "xtick.color": INK, "ytick.color": INK, "axes.spines.top": False, "axes.spines.right": False,
    "legend.frameon": False, "grid.color": GREY, "grid.alpha": 0.35, "grid.linewidth": 0.4,
    "text.parse_math": False, "pdf.fonttype": 42, "figure.dpi": 100,
}  # fmt: skip
MOST_LETTERS = 36
"""Of a name within a picture."""


@contextmanager
def styled(name: str) -> Iterator[None]:
    """Draw in the style of the charts; the same chart gives the same bytes."""
    import matplotlib

    with matplotlib.rc_context({**STYLE, "svg.hashsalt": name}), warnings.catch_warnings():
        # The page has letters of other fonts; a picture for print has a box in their place.
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        yield


def new_figure(columns: int = 1, *, width: float = COLUMN, height: float = 2.4) -> tuple[Any, Any]:
    """Return a matplotlib figure and its axes in a row.

    Args:
        columns: how many axes.
        width: of each, in inches.
        height: in inches.

    Raises:
        ModuleNotFoundError: if matplotlib is not installed.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    figure = Figure(
        figsize=(width * columns, height), layout=ConstrainedLayoutEngine(w_pad=0.02, h_pad=0.02)
    )
    FigureCanvasAgg(figure)
    return figure, figure.subplots(1, columns, squeeze=False)[0]


def scale_by_logarithm(axis: Any) -> None:
    """Make an axis logarithmic, its ticks numbers and no formulas."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    (axis.axes.set_xscale if axis.axis_name == "x" else axis.axes.set_yscale)("log")
    low, high = axis.get_data_interval()
    axis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 200 * low else (1,), numticks=8))
    axis.set_major_formatter(FuncFormatter(lambda value, _: _number(value)))
    axis.set_minor_formatter(NullFormatter())


def _number(value: float) -> str:
    return f"{value:.0e}".replace("e+0", "e") if value >= 1e5 else f"{value:g}"


def shortened(name: str) -> str:
    """Return a name that leaves room for what it names; the table has it whole."""
    if len(name) <= MOST_LETTERS:
        return name
    half = (MOST_LETTERS - 1) // 2
    return f"{name[:half]}\u2026{name[-half:]}"
