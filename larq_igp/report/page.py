"""One HTML file that needs nothing else: plotly's script is in it, so it opens offline."""

from dataclasses import dataclass
from html import escape
from typing import Any

from larq_igp.report.charts import Chart, Series

COLOURS = ("#0b6e99", "#d9542b", "#5b8c3a", "#8a4fbe", "#b8860b", "#c2185b", "#455a64")
STYLE = """
:root{color-scheme:light}
*{box-sizing:border-box}
body{margin:0 auto;max-width:78rem;padding:1rem;font:16px/1.5 system-ui,sans-serif;
color:#1c2733;background:#fbfbf9}
h1{font-size:1.6rem;margin:.5rem 0}
h2{font-size:1.2rem;margin:2rem 0 .5rem;border-bottom:1px solid #d8d8d0}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,26rem),1fr));gap:1rem}
figure{margin:0;background:#fff;border:1px solid #e4e4dc;border-radius:6px;padding:.5rem;
min-width:0}
figure.wide{grid-column:1/-1}
figcaption{font-size:.85rem;color:#55606a;padding:0 .5rem .25rem}
h3{font-size:1rem;margin:.25rem .5rem 0}
@media (max-width:600px){.modebar{display:none!important}}
.scroll{overflow-x:auto}table{border-collapse:collapse;font-size:.85rem}
td,th{padding:.2rem .6rem;text-align:right;white-space:nowrap}
td:first-child,th:first-child{text-align:left}tr:nth-child(even){background:#f1f1ec}
.images{display:flex;flex-wrap:wrap;gap:.5rem}.images figure{width:7rem;text-align:center}
.images img{width:100%;image-rendering:pixelated}
"""
HIGHLIGHT = """
var div = document.getElementById('{plot_id}');
var all = div.data.map(function (trace, i) { return trace.meta === 'path' ? i : -1; });
var paths = all.filter(function (i) { return i >= 0; });
div.on('plotly_hover', function (event) {
  var curve = event.points[0].curveNumber;
  if (paths.indexOf(curve) < 0) return;
  Plotly.restyle(div, {
    'line.width': paths.map(function (i) { return i === curve ? 7 : 2; }),
    opacity: paths.map(function (i) { return i === curve ? 1 : 0.15; })
  }, paths);
});
div.on('plotly_unhover', function () {
  Plotly.restyle(div, {'line.width': 3, opacity: 0.75}, paths);
});
"""
"""Run by plotly once a chart with gradient paths is drawn; the path pointed at stands out."""


@dataclass(frozen=True)
class Section:
    """A heading with what stands under it; ``html`` is trusted, everything else is escaped by the
    page.
    """

    title: str
    text: str = ""
    charts: tuple[Chart, ...] = ()
    html: str = ""


def _trace(series: Series, colour: str) -> dict:
    base = {"name": series.name, "x": list(series.x), "y": list(series.y)}
    said = (
        {"text": list(series.labels), "hovertemplate": "%{text}<extra></extra>"}
        if series.labels
        else {}
    )
    match series.style:
        case "points":
            detail = {
                "text": list(series.labels),
                "hovertemplate": "%{text}<br>%{x:.4g}, %{y:.2f} %<extra></extra>",
            }
            return {**base, **detail, "mode": "markers", "marker": {"size": 9, "color": colour}}
        case "line":
            return {**base, "mode": "lines+markers", "line": {"color": colour}}
        case "front":
            return {
                **base,
                "mode": "lines",
                "line": {"color": "#888", "dash": "dot", "shape": "hv"},
                "hoverinfo": "skip",
            }
        case "bars":
            return {
                **base,
                **said,
                "type": "bar",
                "textposition": "none",
                "marker": {"color": colour},
            }
        case "edges":
            return {
                **base,
                "mode": "lines",
                "line": {"color": "#c9ccc6", "width": 2},
                "hoverinfo": "skip",
                "showlegend": False,
            }
        case "nodes":
            colours = ["#1c2733" if "operations" in label else "#fff" for label in series.labels]
            marker = {"size": 12, "color": colours, "line": {"color": "#1c2733", "width": 1.5}}
            return {**base, **said, "mode": "markers", "marker": marker, "showlegend": False}
        case "path":
            return {
                **base,
                **said,
                "mode": "lines",
                "line": {"color": colour, "width": 3},
                "opacity": 0.75,
                "meta": "path",
            }
        case _:
            raise ValueError(series.style)


def plotly_figure(chart: Chart) -> Any:
    """Return a chart as a plotly figure, which checks what it is given.

    Raises:
        ModuleNotFoundError: if plotly is not installed.
    """
    import plotly.graph_objects as go

    is_visible = {"automargin": True, "visible": not chart.is_graph}
    layout: dict[str, Any] = {
        "xaxis": {"title": {"text": chart.x_label}, **is_visible},
        "yaxis": {"title": {"text": chart.y_label}, **is_visible},
        "margin": {"l": 10, "r": 10, "t": 30, "b": 10},
        "legend": {"orientation": "h", "y": -0.25},
        "template": "plotly_white",
        "hovermode": "closest",
    }
    if chart.matrix:
        rows, ticks = [list(row) for row in chart.matrix], list(chart.ticks)
        data = [{"type": "heatmap", "z": rows, "x": ticks, "y": ticks, "colorscale": "Blues"}]
        layout["yaxis"] |= {"autorange": "reversed", "type": "category"}
        layout["xaxis"] |= {"type": "category"}
    else:
        data = [_trace(series, COLOURS[i % len(COLOURS)]) for i, series in enumerate(chart.series)]
        if any(series.style == "bars" for series in chart.series):
            layout["xaxis"] |= {"showticklabels": False}
    return go.Figure(data=data, layout=layout)


def _chart_html(chart: Chart) -> str:
    drawn = plotly_figure(chart).to_html(
        full_html=False,
        include_plotlyjs=False,
        div_id=chart.name,
        default_height="24rem",
        config={"responsive": True, "displaylogo": False},
        post_script=HIGHLIGHT if chart.is_graph else None,
    )
    is_wide = chart.is_graph or any(series.style == "bars" for series in chart.series)
    caption = f"<figcaption>{escape(chart.note)}</figcaption>" if chart.note else ""
    return (
        f"<figure{' class=wide' if is_wide else ''}><h3>{escape(chart.title)}</h3>"
        f'<div class="chart">{drawn}</div>{caption}</figure>'
    )


def html_table(header: tuple[str, ...], rows: list[tuple]) -> str:
    """Return an escaped table that scrolls sideways by itself where it is too wide."""
    head = "".join(f"<th>{escape(str(cell))}</th>" for cell in header)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f'<div class="scroll"><table><tr>{head}</tr>{body}</table></div>'


def render(title: str, sections: list[Section]) -> str:
    """Return the whole page.

    Raises:
        ModuleNotFoundError: if plotly is not installed.
    """
    parts = []
    for section in sections:
        charts = "".join(_chart_html(chart) for chart in section.charts)
        charts = f'<div class="charts">{charts}</div>' if charts else ""
        text = f"<p>{escape(section.text)}</p>" if section.text else ""
        parts.append(
            f"<section><h2>{escape(section.title)}</h2>{text}{charts}{section.html}</section>"
        )
    from plotly.offline import get_plotlyjs

    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1"><link rel="icon" '
        'href="data:,">'
        f"<title>{escape(title)}</title><style>{STYLE}</style><script>{get_plotlyjs()}</script></head>"
        f"<body><h1>{escape(title)}</h1>{''.join(parts)}</body></html>\n"
    )
