"""How networks were trained: learning curves, and their binary layers epoch by epoch."""

import statistics
from collections.abc import Sequence

from larq_igp.report.charts import Chart, Matrix, Plot, Series, slug
from larq_igp.report.facts import Training
from larq_igp.report.page import Section
from larq_igp.report.palette import GREY, Look

MOST_EPOCHS = 24
"""Of a matrix that has a name for each."""
KINDS = {
    "error": ("Errors", "error, %", ("top1", "val_top1"), lambda share: 100 * (1 - share)),
    "loss": ("Loss", "loss", ("loss", "val_loss"), lambda loss: loss),
}
WATCHED = {
    "flip_ratio": ("Weights that flip their sign in an epoch", "flips"),
    "saturated": ("Activations that pass no gradient", "saturated"),
}


def curves_section(networks: Sequence[Training]) -> Section | None:
    """Learning curves of all networks, training and validation together; None before there are two
    epochs.
    """
    charts = learning_curves(networks)
    return Section("Learning curves", charts=tuple(charts)) if charts else None


def learning_curves(networks: Sequence[Training]) -> list[Plot]:
    """Return error and loss of all networks over the epochs, each as mean over the seeds."""
    charts = []
    for kind, (title, label, columns, of) in KINDS.items():
        series: list[Series] = []
        for network in networks:
            for column, style in zip(columns, ("dashed", "line"), strict=True):
                found = [history[column] for history in network.histories if column in history]
                shown = _mean_series(network, found, of, style)
                series += [shown] if shown else []
        if not series:
            continue
        series.append(_key("validation", "line"))
        series.append(_key("training", "dashed"))
        note = "The band is one standard deviation over the seeds." if any(
            each.spread for each in series
        ) else ""  # fmt: skip
        charts.append(
            Plot(
                name=f"curves-{kind}", title=title, x_label="epoch", y_label=label,
                series=tuple(series), has_log=True, note=note,
            )
        )  # fmt: skip
    return charts


def _key(name: str, style: str) -> Series:
    """Return what the legend says of a style of lines."""
    return Series(name=name, x=(), y=(), look=Look(GREY, ""), style=style)


def _mean_series(network: Training, found: list[tuple[float, ...]], of, style) -> Series | None:
    epochs = max(map(len, found), default=0)
    if epochs < 2:
        return None
    values = [[of(each[epoch]) for each in found if epoch < len(each)] for epoch in range(epochs)]
    has_band = len(found) > 1 and style == "line"
    spread = tuple(statistics.stdev(each) if len(each) > 1 else 0.0 for each in values)
    return Series(
        name=network.label if style == "line" else "",
        x=tuple(range(1, epochs + 1)),
        y=tuple(map(statistics.mean, values)),
        look=network.look,
        style=style,
        spread=spread if has_band else (),
    )


def binary_layers_section(networks: Sequence[Training]) -> Section | None:
    """Flips and saturation of each binary layer over the epochs; None if no run has them."""
    charts = [chart for each in networks for chart in binary_layers(each)]
    text = (
        "Each row is a layer, in the network's order. Numbers are per cent, means over the seeds."
    )
    return Section("Binary layers", text, tuple(charts)) if charts else None


def binary_layers(network: Training) -> list[Chart]:
    """Return a matrix of layers and epochs for what is watched, unless it is nothing."""
    charts: list[Chart] = []
    for column, (title, name) in WATCHED.items():
        runs = [layers[column] for layers in network.layers if column in layers]
        if not runs:
            continue
        epochs = max(len(shares) for run in runs for shares in run.values())
        rows = {
            layer: [
                statistics.mean(run[layer][epoch] for run in runs if epoch < len(run[layer]))
                for epoch in range(epochs)
            ]
            for layer in runs[0]
        }
        deepest = max((share for row in rows.values() for share in row), default=0.0)
        if not deepest:
            continue
        charts.append(
            Matrix(
                name=f"{name}-{slug(network.label)}",
                title=f"{network.label}: {title[0].lower()}{title[1:]}",
                note=f"The deepest shade is {deepest:.1%}.",
                x_label="epoch",
                y_label="",
                columns=tuple(map(str, range(1, epochs + 1))) if epochs <= MOST_EPOCHS else (),
                rows=tuple(short_name(layer) for layer in rows),
                shades=tuple(tuple(share / deepest for share in row) for row in rows.values()),
                texts=tuple(tuple(f"{100 * share:.0f}" for share in row) for row in rows.values())
                if epochs <= 8
                else (),
            )
        )
    return charts


def short_name(layer: str) -> str:
    """Return the name of a layer without its kind, which the colour says."""
    return layer.removesuffix("_binconv").removesuffix("_conv")
