"""What came out: the headline table, numbers of a single run, and error against cost."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict

from larq_igp.architectures import ZOO
from larq_igp.architectures.accounting import closed_form
from larq_igp.models.build import IMAGENET_SHAPE
from larq_igp.paper.comparison import BITS, COUNT, compare, unit_of
from larq_igp.paper.results import Result
from larq_igp.paper.runs import network_key
from larq_igp.paper.table3 import TABLE3
from larq_igp.report.charts import Plot, Point, error_plot, slug
from larq_igp.report.facts import Network
from larq_igp.report.latencies import Timing
from larq_igp.report.page import Section, cards, html_table
from larq_igp.report.palette import looks_of

NO_RUN = (
    "No run was given: `larq-igp train igp_resnet_tiny` makes one, and `larq-igp report "
    "runs/igp_resnet_tiny-digits` shows it."
)
ON_CARDS = ("test error", "top-5 error", "validation error", "storage", "FLOPs", "memory", "file",
            "latency")  # fmt: skip


def results_section(networks: Sequence[Network], timed: Mapping[str, Timing]) -> Section:
    """The headline table, with numbers in large where there is one network; and errors against each
    cost in which the networks differ.
    """
    if not networks:
        return Section("Results", NO_RUN)
    latencies = {key: timing.latency_ms for key, timing in timed.items()}
    table = compare([each.result for each in networks], latencies)
    html = html_table(table)
    if len(networks) == 1:
        facts = [
            (name, cell)
            for name, cell in zip(table.header, table.cells[0], strict=True)
            if name.startswith(ON_CARDS) and "(paper)" not in name
        ]
        html = cards(facts) + "<p></p>" + html
    return Section("Results", html=html, charts=tuple(_error_plots(networks, timed)))


def _cost_axes(results: Sequence[Result], timed: Mapping[str, Timing]) -> dict[str, tuple]:
    """Return the label of each cost, in the unit of the table, and a function that reads it."""
    bits, storage = unit_of(BITS, [each.storage_bits for each in results])
    count, flops = unit_of(COUNT, [each.flops for each in results])
    operations, paths = unit_of(COUNT, [each.block_n_2nd for each in results])

    def memory(result: Result) -> float | None:
        return result.runtime_memory_bytes and result.runtime_memory_bytes / 1e6

    def latency(result: Result) -> float | None:
        return timed[result.key].latency_ms if result.key in timed else None

    axes: dict[str, tuple[str, Callable[[Result], float | None]]] = {
        "storage": (storage.format("storage"), lambda result: result.storage_bits / bits),
        "flops": (flops.format("FLOPs"), lambda result: result.flops / count),
        "memory": ("run-time memory, MB", memory),
        "paths": (
            paths.format("N_2nd of a block"),
            lambda result: result.block_n_2nd and result.block_n_2nd / operations,
        ),
        "latency": ("latency, ms", latency),
    }
    return axes


def _error_plots(networks: Sequence[Network], timed: Mapping[str, Timing]) -> list[Plot]:
    """Draw the errors on each data set against each cost that is known."""
    plots = []
    for dataset in dict.fromkeys(each.result.dataset for each in networks if each.result.seeds):
        mine = [n for n in networks if n.result.dataset == dataset and n.result.top1_error]
        for cost, (label, of) in _cost_axes([n.result for n in mine], timed).items():
            points = [
                Point(
                    n.label, value, n.result.top1_error.mean, n.look, n.result.top1_error.deviation
                )
                for n in mine
                if (value := of(n.result)) and n.result.top1_error
            ]
            title = f"{dataset}: test error against {label.partition(',')[0]}"
            note = _latency_note(timed) if cost == "latency" else ""
            plot = error_plot(f"{slug(str(dataset))}-{cost}", title, label, points, note)
            plots += [plot] if plot else []
    return plots


def _latency_note(timed: Mapping[str, Timing]) -> str:
    engines, hosts = (
        sorted({getattr(timing, name) for timing in timed.values()}) for name in ("engine", "cpu")
    )
    return f"Median by {', '.join(engines)} on {', '.join(hosts)}; no estimate for a device."


def paper_section(timed: Mapping[str, Timing]) -> Section:
    """The paper's errors on ImageNet against each cost of its networks."""
    specs = {name: ZOO[name] for name in TABLE3}
    looks = dict(zip(specs, (_family_looks(specs)), strict=True))
    counts = {name: closed_form(spec) for name, spec in specs.items()}
    keys = {name: network_key(name, asdict(spec), 1, IMAGENET_SHAPE)
            for name, spec in specs.items()}  # fmt: skip
    axes: dict[str, tuple[str, Callable[[str], float | None]]] = {
        "storage": ("storage, Mbit", lambda name: counts[name].storage_bits / 1e6),
        "flops": ("FLOPs, 1e8", lambda name: counts[name].flops / 1e8),
        "memory": ("run-time memory, MB", lambda name: counts[name].runtime_memory_bytes / 1e6),
        "latency": (
            "latency, ms",
            lambda name: timed[keys[name]].latency_ms if keys[name] in timed else None,
        ),
    }
    plots = []
    for cost, (label, of) in axes.items():
        points = [
            Point(row.title, value, float(row.top1_error), looks[name])
            for name, row in TABLE3.items()
            if (value := of(name))
        ]
        note = "Errors are the paper's, on ImageNet; costs are counted here."
        if cost == "latency":
            note = f"Errors are the paper's, on ImageNet. {_latency_note(timed)}" if points else ""
        title = f"ImageNet (paper): test error against {label.partition(',')[0]}"
        plot = error_plot(f"paper-{cost}", title, label, points, note)
        plots += [plot] if plot else []
    return Section("The paper's networks on ImageNet", charts=tuple(plots), is_folded=True)


def _family_looks(specs: Mapping) -> list:
    return [looks_of([spec.family])[0] for spec in specs.values()]
