"""What goes into the page: the paper's rows, the networks that were given, measured latencies."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from larq_igp.inference.opening import open_subject
from larq_igp.report.accuracy import error_section
from larq_igp.report.charts import Chart, Series
from larq_igp.report.experiments import experiment_section
from larq_igp.report.facts import COSTS, CURVES, Facts, read_facts
from larq_igp.report.latencies import read_latencies
from larq_igp.report.layers import blocks_section, layers_section
from larq_igp.report.mistakes import mistakes_section
from larq_igp.report.page import Section, html_table

EXAMPLE = "igp_resnet21_53"
"""Whose layers are shown where nothing is given."""


def curves_section(subjects: Sequence[Facts]) -> Section:
    """Learning curves of all runs."""
    charts = []
    for column, title in CURVES.items():
        series = []
        for facts in subjects:
            points = [
                (i, float(row[column])) for i, row in enumerate(facts.history, 1) if row.get(column)
            ]
            if points:
                series.append(
                    Series(
                        facts.name, tuple(x for x, _ in points), tuple(y for _, y in points), "line"
                    )
                )
        if series:
            charts.append(Chart(f"curve-{column}", title, "epoch", title, tuple(series)))
    return Section("Learning curves", charts=tuple(charts))


def subjects_section(subjects: Sequence[Facts]) -> Section:
    """What was given in a table; without any, how to get one."""
    if not subjects:
        text = (
            "No run was given: `larq-igp train igp_resnet_tiny` makes one, and `larq-igp report "
            "runs/igp_resnet_tiny-digits` shows it."
        )
        return Section("Runs", text)
    rows = [_row(facts) for facts in subjects]
    labels = [label for label, _ in COSTS.values()]
    header = ("run", "network", "bits", "data set", "epochs", "top-1 error, %", "top-5 error, %")
    return Section("Runs", html=html_table((*header, *labels), rows))


def _row(facts: Facts) -> tuple:
    subject = facts.subject
    missing = "not trained" if not subject.is_trained else "unfinished"
    errors = [
        "-" if share is None else f"{100 * (1 - share):.2f}" for share in (facts.top1, facts.top5)
    ]
    costs = [f"{of(facts.counts):.3g}" for _, of in COSTS.values()]
    if not facts.counts.runtime_memory_bytes:
        costs[-1] = "-"  # it is defined for the paper's families
    return (
        facts.name,
        subject.name,
        subject.bits,
        facts.dataset or "-",
        len(facts.history) or "-",
        missing if facts.top1 is None else errors[0],
        errors[1],
        *costs,
    )


def collect(
    sources: Sequence[str | Path],
    *,
    latencies: str | Path | None = None,
    results: Sequence[str | Path] = (),
) -> list[Section]:
    """Return the sections of the page.

    Args:
        sources: what ``open_subject`` opens, or none.
        latencies: a file that ``larq-igp benchmark --json`` wrote.
        results: CSV files of experiments.

    Raises:
        UserError: if a source or the file cannot be read.
    """
    facts = [read_facts(open_subject(source), name) for source, name in named(sources).items()]
    timed = read_latencies(latencies) if latencies else {}
    experiments = [experiment_section(path) for path in results]
    sections = [subjects_section(facts), *experiments, error_section(facts, timed)]
    if any(each.history for each in facts):
        sections.append(curves_section(facts))
    sections.append(blocks_section())
    shown = facts or [read_facts(open_subject(EXAMPLE), EXAMPLE)]
    for each in shown:
        sections.append(layers_section(each.name, each.subject.network(), timed.get(each.key)))
        if each.top1 is not None:
            sections.append(mistakes_section(each))
    return sections


def named(sources: Sequence[str | Path]) -> dict[str, str]:
    """Return a name for each source: that of its folder or file, or its path where several share
    it. What is given twice is shown once.
    """
    paths = [Path(source) for source in sources]
    found = [str(path.resolve()) if path.exists() else str(path) for path in paths]
    found = list(dict.fromkeys(found))
    shared = Counter(Path(source).name for source in found)
    return {
        source: source if shared[Path(source).name] > 1 else Path(source).name for source in found
    }
