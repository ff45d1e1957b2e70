"""One HTML file that needs nothing else: no script, no network, light and dark."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from larq_igp.report.charts import Chart, Plot, slug
from larq_igp.report.inline import svg_of
from larq_igp.tables import Table

STYLE = """
:root{color-scheme:light dark;--ink:#1c2733;--soft:#55606a;--line:#d8dad6;--page:#fafaf8;
--panel:#ffffff;--link:#005a91;--more:#0006}
@media (prefers-color-scheme:dark){:root{--ink:#e4e7ea;--soft:#a3acb5;--line:#3a424b;
--page:#14181d;--panel:#1b2026;--link:#7cc4f0;--more:#fff5}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:72rem;padding:1rem;font:16px/1.5 system-ui,sans-serif;
color:var(--ink);background:var(--page)}
a{color:var(--link)}
h1{font-size:1.6rem;margin:.5rem 0;overflow-wrap:anywhere}
h2,summary{font-size:1.2rem;font-weight:600;overflow-wrap:anywhere}
h2{margin:2rem 0 .5rem;border-bottom:1px solid var(--line)}
details{margin:2rem 0 0;border-top:1px solid var(--line);padding-top:.5rem}
summary{cursor:pointer}
p{max-width:46rem;overflow-wrap:anywhere}
nav ol{margin:0;padding-left:1.4rem;columns:18rem;font-size:.95rem}
.charts{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,22rem),1fr));gap:1rem;
align-items:start}
figure{margin:0;background:var(--panel);border:1px solid var(--line);border-radius:6px;
padding:.5rem;min-width:0}
figure.wide{grid-column:1/-1}
figure svg{display:block;width:100%;max-width:calc(var(--width)*10rem);height:auto;margin:0 auto}
figure svg *{stroke-linejoin:round;stroke-linecap:butt}
figure svg text{font-family:system-ui,sans-serif!important}
.tip:hover{filter:brightness(1.35) drop-shadow(0 0 1px currentColor)}
figcaption{font-size:.85rem;color:var(--soft);padding:0 .25rem .25rem;overflow-wrap:anywhere}
h3{font-size:1rem;margin:.25rem .25rem 0;overflow-wrap:anywhere}
.switch{font-size:.85rem;color:var(--soft);margin:0 .25rem}
svg.log{display:none!important}
figure:has(.switch input:checked) svg.log{display:block!important}
figure:has(.switch input:checked) svg.linear{display:none!important}
.scroll{overflow-x:auto;border:1px solid var(--line);border-radius:6px;background:
linear-gradient(90deg,var(--panel) 2rem,transparent) 0 0/4rem 100% no-repeat local,
linear-gradient(270deg,var(--panel) 2rem,transparent) 100% 0/4rem 100% no-repeat local,
radial-gradient(farthest-side at 0 50%,var(--more),#0000) 0 0/1rem 100% no-repeat,
radial-gradient(farthest-side at 100% 50%,var(--more),#0000) 100% 0/1rem 100% no-repeat,
var(--panel)}
table{border-collapse:collapse;font-size:.85rem;font-variant-numeric:tabular-nums}
td,th{padding:.3rem .7rem;text-align:right;white-space:nowrap}
th{font-weight:600;border-bottom:1px solid var(--line);vertical-align:bottom;white-space:normal;
min-width:4.5rem}
.left{text-align:left}
tr:nth-child(even) td{background:color-mix(in srgb,var(--soft) 9%,transparent)}
.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(9.5rem,1fr));gap:.75rem}
.cards div{background:var(--panel);border:1px solid var(--line);border-radius:6px;
padding:.5rem .75rem}
.cards b{display:block;font-size:1.3rem;font-weight:600;overflow-wrap:anywhere}
.cards span{font-size:.85rem;color:var(--soft)}
.images{display:grid;grid-template-columns:repeat(auto-fill,minmax(6.5rem,1fr));gap:.5rem}
@media (min-width:48rem){.images{grid-column:2/-1}}
.images figure{text-align:center}.images img{width:100%;max-width:7rem;image-rendering:pixelated}
"""


@dataclass(frozen=True)
class Section:
    """A heading with a text, ``html``, and charts with ``beside`` next to them.

    ``html`` and ``beside`` are trusted; everything else is escaped by the page.
    """

    title: str
    text: str = ""
    charts: tuple[Chart, ...] = ()
    html: str = ""
    beside: str = ""
    is_folded: bool = False


def html_table(table: Table) -> str:
    """Return an escaped table that scrolls sideways by itself where it is too wide."""
    sides = [' class="left"' if side == "left" else "" for side in table.alignment]
    head = "".join(
        f'<th scope="col"{side}>{escape(name)}</th>'
        for name, side in zip(table.header, sides, strict=True)
    )
    rows = [
        "".join(
            f"<td{sides[j]}><b>{escape(cell)}</b></td>"
            if (i, j) in table.best
            else f"<td{sides[j]}>{escape(cell)}</td>"
            for j, cell in enumerate(row)
        )
        for i, row in enumerate(table.cells)
    ]
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    notes = " ".join(table.notes)
    return (
        f'<div class="scroll" tabindex="0"><table><thead><tr>{head}</tr></thead><tbody>{body}'
        f"</tbody></table></div><p>{escape(notes)}</p>"
    )


def cards(facts: Sequence[tuple[str, str]]) -> str:
    """Return numbers large, each with what it is."""
    shown = "".join(
        f"<div><b>{escape(value)}</b><span>{escape(name)}</span></div>" for name, value in facts
    )
    return f'<div class="cards">{shown}</div>'


def _chart_html(chart: Chart) -> str:
    has_log = isinstance(chart, Plot) and chart.has_log
    switch = '<label class="switch"><input type="checkbox"> logarithmic scale</label>'
    caption = f"<figcaption>{escape(chart.note)}</figcaption>" if chart.note else ""
    return (
        f'<figure class="chart" id="chart-{escape(chart.name)}"><h3>{escape(chart.title)}</h3>'
        f"{switch if has_log else ''}{svg_of(chart)}{svg_of(chart, log=True) if has_log else ''}"
        f"{caption}</figure>"
    )


def _section_html(section: Section, name: str) -> str:
    charts = "".join(map(_chart_html, section.charts))
    charts = f'<div class="charts">{charts}{section.beside}</div>' if charts else ""
    text = f"<p>{escape(section.text)}</p>" if section.text else ""
    title, inner = escape(section.title), f"{text}{section.html}{charts}"
    if section.is_folded:
        return f'<details id="{name}"><summary>{title}</summary>{inner}</details>'
    return f'<section id="{name}"><h2>{title}</h2>{inner}</section>'


def render(title: str, sections: Sequence[Section]) -> str:
    """Return the whole page.

    Raises:
        ModuleNotFoundError: if matplotlib is not installed.
    """
    names = [f"section-{place}-{slug(section.title)}" for place, section in enumerate(sections)]
    contents = "".join(
        f'<li><a href="#{name}">{escape(section.title)}</a></li>'
        for name, section in zip(names, sections, strict=True)
    )
    body = "".join(map(_section_html, sections, names))
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f'<link rel="icon" href="data:,"><title>{escape(title)}</title><style>{STYLE}</style>'
        f'</head><body><h1>{escape(title)}</h1><nav aria-label="contents"><ol>{contents}</ol></nav>'
        f"{body}</body></html>\n"
    )
