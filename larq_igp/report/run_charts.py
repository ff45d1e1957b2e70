"""The charts of a finished run as files in its folder."""

import csv
from pathlib import Path

from larq_igp.errors import UserError
from larq_igp.files import open_csv
from larq_igp.inference.opening import open_subject
from larq_igp.report.charts import Chart
from larq_igp.report.collect import curves_section
from larq_igp.report.facts import read_facts
from larq_igp.report.mistakes import confusion_chart
from larq_igp.report.static import chart_figures, save
from larq_igp.training.run.layout import CONFUSION, CONFUSION_CHART, CURVES_CHART

MOST_NAMES = 60
"""Classes whose names can be read beside a confusion matrix."""


def draw_charts(folder: str | Path) -> None:
    """Draw the history of a run and its confusion matrix into its folder.

    Raises:
        UserError: if the folder holds no finished run, or cannot be written.
        ModuleNotFoundError: if matplotlib is not installed.
    """
    folder = Path(folder)
    curves = curves_section([read_facts(open_subject(folder), folder.name)]).charts
    if curves:
        save(chart_figures(curves), folder / CURVES_CHART)
    if (folder / CONFUSION).is_file():  # older runs have none
        save(chart_figures([_confusion(folder / CONFUSION)]), folder / CONFUSION_CHART)


def _confusion(path: Path) -> Chart:
    try:
        (_, *names, _), *rows = csv.reader(open_csv(path))
        counts = [[int(count) for count in row[1:-1]] for row in rows]
    except (OSError, ValueError, csv.Error) as error:
        raise UserError(f"{path} cannot be read: {error}.") from error
    shown = tuple(names) if len(names) <= MOST_NAMES else ()
    return confusion_chart("confusion", counts, shown)
