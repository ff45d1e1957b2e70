"""What goes into the page: the paper's rows, the runs that were given, and measured latencies."""

import base64
import csv
import json
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from larq_igp.analysis.blocks import find_blocks
from larq_igp.analysis.count import CostAnalysis
from larq_igp.architectures import ZOO
from larq_igp.architectures.accounting import Counts, closed_form
from larq_igp.data import eval_arrays, load_dataset
from larq_igp.errors import UserError
from larq_igp.files import read_json
from larq_igp.graph import read_graph
from larq_igp.keras2 import tf
from larq_igp.models import build
from larq_igp.models.build import IMAGENET_SHAPE
from larq_igp.paper.table3 import TABLE3
from larq_igp.report.charts import Chart, Series, block_chart, error_chart
from larq_igp.report.page import Section, html_table
from larq_igp.training.run.directory import HISTORY, Run, open_run

COSTS = {
    "storage": ("storage, Mbit", lambda counts: counts.storage_bits / 1e6),
    "flops": ("FLOPs, 1e8", lambda counts: counts.flops / 1e8),
    "memory": ("run-time memory, MB", lambda counts: counts.runtime_memory_bytes / 1e6),
}
CURVES = {"val_top1": "validation accuracy", "loss": "training loss", "val_loss": "validation loss"}
BLOCKS = ("resnet_tiny", "bireal_resnet_tiny", "igp_resnet_tiny", "igp_densenet_tiny")
IMAGES_SHOWN = 24


@dataclass(frozen=True)
class RunFacts:
    """A run as the page shows it."""

    name: str
    run: Run
    counts: Counts
    metrics: dict | None
    history: list[dict[str, str]]


def run_facts(folder: str | Path, name: str) -> RunFacts:
    """Read a run directory; one that has not come to its end has no metrics.

    Raises:
        UserError: if it is not a run directory.
    """
    run = open_run(folder)
    recipe, path = run.recipe, Path(folder) / HISTORY
    history = []
    if path.is_file():
        try:
            with path.open(newline="") as file:
                history = list(csv.DictReader(file))
            _ = [float(row[column]) for row in history for column in CURVES if row.get(column)]
        except (ValueError, csv.Error) as error:
            raise UserError(
                f"{path} is damaged: {error}. Remove it to go on without learning curves."
            ) from error
    counts = closed_form(
        recipe.spec,
        input_shape=run.preprocessing.input_shape,
        num_classes=len(run.class_names),
        bits=recipe.bits,
        stem=recipe.stem,
    )
    return RunFacts(name, run, counts, run.metrics(), history)


@dataclass(frozen=True)
class Timing:
    """The fastest timing of a converted network.

    Attributes:
        latency_ms: median of one image.
        engine: that ran it.
        cpu: of the host.
        operators: each operator by itself, with its milliseconds; empty if not measured.
    """

    latency_ms: float
    engine: str
    cpu: str
    operators: tuple[dict, ...]


def identity(parameters: dict[str, Any], bits: int, input_shape: Sequence[int]) -> str:
    """Return what two networks share that take the same time; ``parameters`` are those of a
    specification, or of a card.
    """
    fields = {
        name: value
        for name, value in parameters.items()
        if name not in ("bits", "pad_values", "stem")
    }
    return json.dumps([fields, bits, input_shape], sort_keys=True)


def identity_of(facts: RunFacts) -> str:
    """Return the identity of a run's network."""
    recipe = facts.run.recipe
    return identity(asdict(recipe.spec), recipe.bits, facts.run.preprocessing.input_shape)


def _milliseconds(row: dict) -> float:
    latency_ms = float(row["latency_ms_median"])
    if not 0 < latency_ms < math.inf:
        raise ValueError(f"a latency of {latency_ms} ms")
    return latency_ms


def _operator(row: dict) -> dict:
    names = {name: str(row[name]) for name in ("index", "operator", "tensor")}
    return {**names, "latency_ms_median": _milliseconds(row)}


def read_latencies(path: str | Path) -> dict[str, Timing]:
    """Read what ``larq-igp benchmark --json`` printed: identity of a network -> its fastest timing.

    Raises:
        UserError: if the file is something else.
    """
    found: dict[str, Timing] = {}
    rows = read_json(path)
    try:
        if not isinstance(rows, list):
            raise TypeError("no list of timings")
        for row in rows:
            if row["role"] != "converted" or row["card"] is None:
                continue
            card = row["card"]
            key = identity(card["parameters"], card["bits"], card["input_shape"])
            operators = tuple(_operator(each) for each in row.get("operators", ()))
            timing = Timing(
                _milliseconds(row), str(row["engine"]), str(row["host"]["cpu"]), operators
            )
            if key not in found or timing.latency_ms < found[key].latency_ms:
                found[key] = timing
    except (TypeError, KeyError, ValueError, AttributeError) as error:
        raise UserError(
            f"{path} is not what `larq-igp benchmark --json` prints: {error!r}."
        ) from error
    return found


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


def error_section(runs: Sequence[RunFacts], latencies: dict[str, Timing]) -> Section:
    """Error against each cost: the paper's rows, and the runs of each data set."""
    charts = []
    for cost, (label, of) in COSTS.items():
        note = "Errors are the paper's, on ImageNet; costs are counted here."
        charts.append(
            _paper_chart(cost, label, {name: of(closed_form(ZOO[name])) for name in TABLE3}, note)
        )
    named = {name: latencies.get(identity(asdict(ZOO[name]), 1, IMAGENET_SHAPE)) for name in TABLE3}
    named = {name: timing for name, timing in named.items() if timing}
    if named:
        note = f"Errors are the paper's, on ImageNet. {_latency_note(list(named.values()))}"
        points = {name: timing.latency_ms for name, timing in named.items()}
        charts.append(_paper_chart("latency", "latency, ms", points, note))
    for dataset in dict.fromkeys(facts.run.recipe.dataset for facts in runs if facts.metrics):
        mine = [facts for facts in runs if facts.metrics and facts.run.recipe.dataset == dataset]
        for cost, (label, of) in COSTS.items():
            groups = {
                "runs": [
                    (of(facts.counts), 100 * (1 - facts.metrics["top1"]), facts.name)
                    for facts in mine
                ]
            }
            charts.append(
                error_chart(f"{dataset}-{cost}", f"{dataset}: error against {cost}", label, groups)
            )
        timed = {
            facts.name: latencies[identity_of(facts)]
            for facts in mine
            if identity_of(facts) in latencies
        }
        if timed:
            points = [
                (timed[facts.name].latency_ms, 100 * (1 - facts.metrics["top1"]), facts.name)
                for facts in mine
                if facts.name in timed
            ]
            title, note = f"{dataset}: error against latency", _latency_note(list(timed.values()))
            charts.append(
                error_chart(f"{dataset}-latency", title, "latency, ms", {"runs": points}, note)
            )
    return Section("Error against cost", charts=tuple(charts))


def curves_section(runs: Sequence[RunFacts]) -> Section:
    """Learning curves of all runs."""
    charts = []
    for column, title in CURVES.items():
        series = []
        for facts in runs:
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


def blocks_section() -> Section:
    """The blocks of four families with their gradient paths."""
    charts = []
    for name in BLOCKS:
        graph = read_graph(build(name, input_shape=(32, 32, 3)))
        title = name.removesuffix("_tiny").replace("_", " ")
        charts.append(
            block_chart(graph, find_blocks(graph)[0], f"block-{title.replace(' ', '-')}", title)
        )
    text = (
        "One block of each family, input left. Filled nodes are binary convolutions; a coloured "
        "line is one path of its cost."
    )
    return Section("Gradient paths of a block", text, tuple(charts))


def layers_section(name: str, model: Any, timing: Timing | None = None) -> Section:
    """Storage, multiply-accumulates and, where measured, latency of each layer with a kernel."""
    layers = [layer for layer in CostAnalysis(model).by_layer().values() if layer.kernel_weights]
    slug = "".join(letter if letter.isalnum() else "-" for letter in name)
    charts = []
    for bits_name, value, label in (
        ("storage", lambda layer: layer.storage_bits / 1e3, "storage, kbit"),
        ("macs", lambda layer: layer.macs / 1e6, "multiply-accumulates, 1e6"),
    ):
        series = []
        for is_binary, group in ((True, "binary"), (False, "full precision")):
            mine = [layer for layer in layers if (layer.mac_bits < 32) == is_binary]
            series.append(
                Series(
                    group,
                    tuple(layer.name for layer in mine),
                    tuple(value(layer) for layer in mine),
                    "bars",
                )
            )
        charts.append(
            Chart(
                f"layers-{slug}-{bits_name}",
                f"{name}: {label} of each layer",
                "layer",
                label,
                tuple(s for s in series if s.x),
            )
        )
    if timing and timing.operators:
        names = tuple(f"{row['index']} {row['operator']}" for row in timing.operators)
        times = tuple(float(row["latency_ms_median"]) for row in timing.operators)
        said = tuple(
            f"{name}<br>{row['tensor']}" for name, row in zip(names, timing.operators, strict=True)
        )
        series = Series(
            "operators",
            names,
            times,
            "bars",
            tuple(f"{s}<br>{t:.4f} ms" for s, t in zip(said, times, strict=True)),
        )
        title, label = (
            f"{name}: latency of each operator by itself, by {timing.engine}",
            "latency, ms",
        )
        note = (
            f"They add up to {sum(times):.3f} ms; the whole file takes {timing.latency_ms:.3f} ms."
        )
        charts.append(
            Chart(f"layers-{slug}-latency", title, "operator", label, (series,), note=note)
        )
    return Section(f"Layers of {name}", charts=tuple(charts))


def mistakes_section(facts: RunFacts) -> Section:
    """Confusion matrix on the test split, and some images that were misread."""
    run = facts.run
    dataset = load_dataset(run.recipe.dataset, data_dir=run.recipe.data_dir)
    model, classes = run.load_model(), len(run.class_names)
    matrix, wrong, place = np.zeros((classes, classes), int), [], 0
    for images, labels in eval_arrays(dataset, "test", run.preprocessing, batch_size=100):
        guesses = model.predict_on_batch(images).argmax(axis=-1)
        np.add.at(matrix, (labels, guesses), 1)
        wrong += [(place + i, labels[i], guesses[i]) for i in np.flatnonzero(labels != guesses)]
        place += len(labels)
    cells = tuple(tuple(int(n) for n in row) for row in matrix)
    slug = "".join(letter if letter.isalnum() else "-" for letter in facts.name)
    chart = Chart(
        f"confusion-{slug}",
        "Confusion matrix",
        "answer",
        "truth",
        matrix=cells,
        ticks=run.class_names,
    )
    pictures = "".join(
        _picture(dataset.split("test"), index, run.class_names[truth], run.class_names[guess])
        for index, truth, guess in wrong[:IMAGES_SHOWN]
    )
    text = (
        f"{len(wrong)} of {place} test images are misread; the first "
        f"{min(len(wrong), IMAGES_SHOWN)} are shown as truth → answer."
    )
    return Section(
        f"Mistakes of {facts.name}", text, (chart,), f'<div class="images">{pictures}</div>'
    )


def _picture(split: Any, index: int, truth: str, guess: str) -> str:
    image, _ = split.load(tf.constant(index, tf.int64))
    data = base64.b64encode(tf.io.encode_png(image).numpy()).decode()
    words = escape(f"{truth} → {guess}")
    return (
        f'<figure><img alt="{words}" '
        f'src="data:image/png;base64,{data}"><figcaption>{words}</figcaption></figure>'
    )


def runs_section(runs: Sequence[RunFacts]) -> Section:
    """The runs in a table; without any, how to get one."""
    if not runs:
        text = (
            "No run was given: `larq-igp train igp_resnet_tiny` makes one, and `larq-igp report "
            "runs/igp_resnet_tiny-digits` shows it."
        )
        return Section("Runs", text)
    rows = []
    for facts in runs:
        recipe, metrics = facts.run.recipe, facts.metrics
        errors = (
            [f"{100 * (1 - metrics[key]):.2f}" for key in ("top1", "top5")]
            if metrics
            else ["unfinished", "-"]
        )
        costs = [f"{of(facts.counts):.3g}" for _, of in COSTS.values()]
        rows.append(
            (
                facts.name,
                recipe.network,
                recipe.bits,
                recipe.dataset,
                len(facts.history),
                *errors,
                *costs,
            )
        )
    header = (
        "run",
        "network",
        "bits",
        "data set",
        "epochs",
        "top-1 error, %",
        "top-5 error, %",
        *[label for label, _ in COSTS.values()],
    )
    return Section("Runs", html=html_table(header, rows))


def collect(
    runs: Sequence[str | Path],
    *,
    latencies: str | Path | None = None,
    network: str = "igp_resnet21_53",
) -> list[Section]:
    """Return the sections of the page.

    Args:
        runs: run directories, or none.
        latencies: a file that ``larq-igp benchmark --json`` wrote.
        network: whose layers are shown where no run is given.

    Raises:
        UserError: if a run or the file cannot be read.
    """
    folders = list(dict.fromkeys(Path(folder).resolve() for folder in runs))
    shown = Counter(
        folder.name for folder in folders
    )  # runs of one name are told apart by their paths
    facts = [
        run_facts(folder, str(folder) if shown[folder.name] > 1 else folder.name)
        for folder in folders
    ]
    timed = read_latencies(latencies) if latencies else {}
    sections = [runs_section(facts), error_section(facts, timed)]
    if any(each.history for each in facts):
        sections.append(curves_section(facts))
    sections.append(blocks_section())
    for each in facts:
        sections.append(
            layers_section(each.name, each.run.build_model(), timed.get(identity_of(each)))
        )
        if each.metrics:
            sections.append(mistakes_section(each))
    if not facts:
        model = build(network)
        sections.append(
            layers_section(
                network, model, timed.get(identity(asdict(ZOO[network]), 1, IMAGENET_SHAPE))
            )
        )
    return sections
