"""``larq_igp.write_report``: the page, and its charts as pictures."""

from collections.abc import Sequence
from pathlib import Path

from larq_igp.files import check_writable, write_atomically
from larq_igp.packages import require
from larq_igp.report.collect import collect
from larq_igp.report.page import render
from larq_igp.report.static import chart_figure, save

TITLE = "larq-igp report"


def write_report(
    path: str | Path,
    sources: Sequence[str | Path] = (),
    *,
    latencies: str | Path | None = None,
    results: Sequence[str | Path] = (),
    png_dir: str | Path | None = None,
    title: str = TITLE,
) -> list[str]:
    """Write one offline HTML page about runs and networks.

    Args:
        path: of the page.
        sources: what ``open_subject`` opens; none shows the paper's rows.
        latencies: a file that ``larq-igp benchmark --json`` wrote.
        results: CSV files of experiments.
        png_dir: a folder for every chart as ``.png``; None writes none.
        title: of the page.

    Returns:
        the names of the charts.

    Raises:
        UserError: if a source cannot be read, or something cannot be written.
    """
    require("plotly", *["matplotlib"] * bool(png_dir))
    check_writable(path)
    sections = collect(sources, latencies=latencies, results=results)
    content = render(title, sections).encode()
    charts = [chart for section in sections for chart in section.charts]
    if png_dir:
        Path(png_dir).mkdir(parents=True, exist_ok=True)
        for chart in charts:
            save(chart_figure(chart), Path(png_dir) / f"{chart.name}.png")
    write_atomically(path, content)
    return [chart.name for chart in charts]
