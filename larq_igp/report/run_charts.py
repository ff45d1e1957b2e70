"""The charts of a finished run as files in its folder."""

import csv
from pathlib import Path

from larq_igp.errors import UserError
from larq_igp.files import open_csv
from larq_igp.report.charts import Matrix
from larq_igp.report.curves import learning_curves
from larq_igp.report.facts import read_training
from larq_igp.report.mistakes import confusion_chart
from larq_igp.report.palette import look_of
from larq_igp.report.static import save_chart
from larq_igp.training.run.directory import open_run
from larq_igp.training.run.layout import CONFUSION, CONFUSION_CHART, CURVES_CHART


def draw_charts(folder: str | Path) -> None:
    """Draw the errors of a run over its epochs and its confusion matrix into its folder.

    Raises:
        UserError: if the folder holds no finished run, or cannot be written.
        ModuleNotFoundError: if matplotlib is not installed.
    """
    folder = Path(folder)
    recipe = open_run(folder).recipe
    look = look_of("" if recipe.is_larq_zoo else recipe.spec.family)
    curves = learning_curves([read_training(recipe.network_text, look, [folder])])
    if curves:  # of two epochs or more
        save_chart(curves[0], folder / CURVES_CHART)
    if (folder / CONFUSION).is_file():  # older runs have none
        save_chart(_confusion(folder / CONFUSION), folder / CONFUSION_CHART)


def _confusion(path: Path) -> Matrix:
    try:
        (_, *names, _), *rows = csv.reader(open_csv(path))
        counts = [[int(count) for count in row[1:-1]] for row in rows]
    except (OSError, ValueError, csv.Error) as error:
        raise UserError(f"{path} cannot be read: {error}.") from error
    return confusion_chart("confusion", counts, tuple(names))
