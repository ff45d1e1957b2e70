"""Error against each cost."""

from collections.abc import Sequence
from dataclasses import asdict

from larq_igp.architectures import ZOO
from larq_igp.architectures.accounting import closed_form
from larq_igp.models.build import IMAGENET_SHAPE
from larq_igp.paper.runs import network_key
from larq_igp.paper.table3 import TABLE3
from larq_igp.report.charts import Chart, error_chart
from larq_igp.report.facts import COSTS, Facts
from larq_igp.report.latencies import Timing
from larq_igp.report.page import Section


def _paper_chart(cost: str, label: str, points: dict[str, float], note: str) -> Chart:
    """Draw the paper's errors against a cost of its networks."""
    groups: dict[str, list] = {}
    for name, value in points.items():
        row = TABLE3[name]
        kind = "IGP" if row.title.startswith("IGP") else "models"
        groups.setdefault(f"paper, {kind}", []).append((value, float(row.top1_error), row.title))
    return error_chart(
        f"paper-{cost}", f"ImageNet (paper): error against {cost}", label, groups, note
    )


def _latency_note(timings: Sequence[Timing]) -> str:
    engines, hosts = ({getattr(timing, name) for timing in timings} for name in ("engine", "cpu"))
    return (
        f"Median by {', '.join(sorted(engines))} on {', '.join(sorted(hosts))}; no estimate for a "
        "device."
    )


def error_section(subjects: Sequence[Facts], latencies: dict[str, Timing]) -> Section:
    """Error against each cost: the paper's rows, and what was trained on each data set."""
    charts = []
    for cost, (label, of) in COSTS.items():
        note = "Errors are the paper's, on ImageNet; costs are counted here."
        charts.append(
            _paper_chart(cost, label, {name: of(closed_form(ZOO[name])) for name in TABLE3}, note)
        )
    named = {
        name: latencies.get(network_key(name, asdict(ZOO[name]), 1, IMAGENET_SHAPE))
        for name in TABLE3
    }
    timed = {name: timing for name, timing in named.items() if timing}
    if timed:
        note = f"Errors are the paper's, on ImageNet. {_latency_note(list(timed.values()))}"
        points = {name: timing.latency_ms for name, timing in timed.items()}
        charts.append(_paper_chart("latency", "latency, ms", points, note))
    for dataset in dict.fromkeys(facts.dataset for facts in subjects if facts.top1 is not None):
        mine = [each for each in subjects if each.top1 is not None and each.dataset == dataset]
        charts += _dataset_charts(dataset, mine, latencies)
    return Section("Error against cost", charts=tuple(charts))


def _dataset_charts(
    dataset: str | None, subjects: Sequence[Facts], latencies: dict[str, Timing]
) -> list[Chart]:
    """Draw the errors on one data set against each cost that is known."""
    charts = []
    for cost, (label, of) in COSTS.items():
        points = [
            (of(facts.counts), facts.top1_error, facts.name)
            for facts in subjects
            if cost != "memory" or facts.subject.spec is not None
        ]
        title = f"{dataset}: error against {cost}"
        if points:
            charts.append(error_chart(f"{dataset}-{cost}", title, label, {"runs": points}))
    timed = {each.name: latencies[each.key] for each in subjects if each.key in latencies}
    if timed:
        points = [
            (timed[facts.name].latency_ms, facts.top1_error, facts.name)
            for facts in subjects
            if facts.name in timed
        ]
        title, note = f"{dataset}: error against latency", _latency_note(list(timed.values()))
        charts.append(
            error_chart(f"{dataset}-latency", title, "latency, ms", {"runs": points}, note)
        )
    return charts
