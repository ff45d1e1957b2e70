"""``larq_igp.write_report``: the page, and its charts as figures for print."""

from collections.abc import Sequence
from pathlib import Path

from larq_igp.errors import UserError
from larq_igp.files import check_writable, write_atomically
from larq_igp.packages import require
from larq_igp.report.collect import collect
from larq_igp.report.page import render
from larq_igp.report.static import save_charts

TITLE = "larq-igp report"


def write_report(
    path: str | Path,
    sources: Sequence[str | Path] = (),
    *,
    latencies: str | Path | None = None,
    results: Sequence[str | Path] = (),
    figures: str | Path | None = None,
    title: str = TITLE,
) -> list[str]:
    """Write one offline HTML page about runs and networks.

    Args:
        path: of the page.
        sources: what ``open_subject`` opens; none shows the paper's rows.
        latencies: a file that ``larq-igp benchmark --json`` wrote.
        results: CSV files of experiments.
        figures: a folder for every chart as ``.svg``, ``.pdf`` and ``.png``, as wide as one column
            of a paper; None writes none.
        title: of the page.

    Returns:
        the names of the charts.

    Raises:
        UserError: if a source cannot be read, or something cannot be written.
    """
    require("matplotlib")
    check_writable(path)
    if figures and Path(figures).exists() and not Path(figures).is_dir():
        raise UserError(f"{figures} is not a folder: name another for the figures.")
    sections = collect(sources, latencies=latencies, results=results)
    content = render(title, sections).encode()
    charts = [chart for section in sections for chart in section.charts]
    if figures:
        save_charts(charts, figures)
    write_atomically(path, content)
    return [chart.name for chart in charts]
