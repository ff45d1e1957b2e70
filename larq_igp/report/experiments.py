"""What an experiment found, from the CSV of its runs."""

from collections.abc import Sequence
from pathlib import Path

from larq_igp.paper.results import Result, read_results
from larq_igp.report.charts import Chart, error_chart
from larq_igp.report.page import Section, html_table

HEADER = (
    "network", "made from", "bits", "epochs", "learning rate", "storage, kbit", "FLOPs, 1e3",
    "seeds", "top-1 error, %",
)  # fmt: skip


def experiment_section(path: str | Path) -> Section:
    """Return means and spreads of every network and recipe in the CSV of an experiment.

    Raises:
        UserError: if the file is something else.
    """
    results = read_results(path)
    if not results:
        return Section(str(path), "No run has finished.")
    datasets = ", ".join(dict.fromkeys(str(result.dataset) for result in results))
    text = (
        f"Errors on the test images of {datasets}: mean and standard deviation over the seeds. "
        "Networks are smaller than those that they are made from."
    )
    rows = [_row(result) for result in results]
    return Section(str(path), text, charts=(_chart(path, results),), html=html_table(HEADER, rows))


def _row(result: Result) -> tuple:
    return (
        result.network,
        result.base,
        result.bits,
        result.settings["epochs"],
        f"{result.settings['learning_rate']:g}",
        f"{result.storage_bits / 1e3:,.0f}",
        f"{result.flops / 1e3:,.0f}",
        result.seeds,
        result.top1_error,
    )


def _chart(path: str | Path, results: Sequence[Result]) -> Chart:
    groups: dict[str, list[tuple[float, float, str]]] = {}
    for result in results:
        point = (
            result.storage_bits / 1e3,
            result.top1_error.mean if result.top1_error else 0.0,
            result.network,
        )
        groups.setdefault(f"{result.bits} bit", []).append(point)
    name = Path(path).stem
    return error_chart(f"{name}-storage", f"{name}: error against storage", "storage, kbit", groups)
