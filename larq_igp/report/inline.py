"""Charts as pictures within the page: SVG that takes the page's colours and says what it shows."""

import io
import re
import xml.etree.ElementTree as ET

from larq_igp.report.charts import Chart
from larq_igp.report.draw import TIP, draw
from larq_igp.report.palette import INK, PAPER
from larq_igp.report.style import styled

SVG, LINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
POINTS = 72
NOTHING = dict.fromkeys(("Creator", "Date", "Format", "Type"))
ET.register_namespace("", SVG)
ET.register_namespace("xlink", LINK)


def svg_of(chart: Chart, *, log: bool = False) -> str:
    """Return a chart as an ``svg`` element for HTML.

    Its letters stay letters, its lines take the colour of the page's text, and what has a ``tip``
    says it when it is pointed at.
    """
    import matplotlib

    text = io.StringIO()
    with styled(chart.name), matplotlib.rc_context({"svg.fonttype": "none"}):
        draw(chart, log=log).savefig(text, format="svg", transparent=True, metadata=NOTHING)
    root = ET.fromstring(text.getvalue())
    for parent in root.iter():
        for child in list(parent):
            if child.tag in (f"{{{SVG}}}metadata", f"{{{SVG}}}style"):
                parent.remove(child)
    prefix = f"{chart.name}-{'log-' if log else ''}"
    for element in root.iter():
        _say(element)
        for name, value in element.attrib.items():
            if name == "id" or (name == f"{{{LINK}}}href" and value.startswith("#")):
                element.set(name, re.sub(r"^(#?)", rf"\g<1>{prefix}", value))
            else:
                element.set(name, value.replace("url(#", f"url(#{prefix}"))
    width = float(root.attrib.pop("width").removesuffix("pt")) / POINTS
    del root.attrib["height"]
    root.attrib |= {
        "role": "img",
        "aria-label": chart.title,
        "class": "log" if log else "linear",
        "style": f"--width:{width:.2f}",
    }
    drawn = ET.tostring(root, encoding="unicode")
    return drawn.replace(INK, "currentColor").replace(PAPER, "var(--panel)")


def _say(element: ET.Element) -> None:
    """Turn the identifier that ``tip`` gives into a title."""
    if element.get("id", "").startswith(TIP):
        title = ET.Element(f"{{{SVG}}}title")
        title.text = element.attrib.pop("id").removeprefix(TIP)
        element.insert(0, title)
        element.set("class", "tip")
