"""``gradients``: gradient noise and gradient paths of each layer."""

import click

from larq_igp.cli.options import (
    SOURCE,
    data_options,
    dataset_option,
    network_options,
    open_typed,
    seed_option,
    source_argument,
    weights_option,
)
from larq_igp.cli.output import emit, json_option, progress_on_stderr, table
from larq_igp.packages import require

MEASURED = {
    "signal_to_noise": "SNR",
    "cosine_to_full": "cosine to full batch",
    "cosine_to_twin": "cosine to 32-bit twin",
}


@click.command(short_help="Compare gradient noise with gradient paths.", epilog=SOURCE)
@source_argument
@dataset_option
@data_options
@click.option(
    "--batch-size",
    type=click.IntRange(1),
    default=64,
    show_default=True,
    help="Images in a mini-batch.",
)
@click.option(
    "--batches",
    type=click.IntRange(2),
    default=20,
    show_default=True,
    help="Mini-batches to measure over.",
)
@weights_option
@click.option(
    "--twin/--no-twin", default=True, show_default=True, help="Also compare with the 32-bit twin."
)
@click.option(
    "--plot",
    type=click.Path(),
    help="Also draw noise against operations into this .png, .svg or .pdf.",
)
@network_options
@seed_option
@json_option
def gradients(
    source,
    dataset,
    data_dir,
    corrupt,
    download,
    batch_size,
    batches,
    twin,
    plot,
    seed,
    as_json,
    **options,
):
    """Measure how noisy the gradient of each binary layer of SOURCE is.

    Rank correlations show whether noise grows with N_1st..N_3rd, the smallest operation counts on a
    path from the layer to the loss.
    """
    if plot:
        require("matplotlib")  # before TensorFlow starts
    with progress_on_stderr(as_json, "measuring"):
        from larq_igp.analysis.gradients import measure_gradients
        from larq_igp.data import train_arrays
        from larq_igp.inference.kinds import kind_of
        from larq_igp.report.static import check_figure_path, save_gradients

        if plot:
            check_figure_path(plot)
        options |= {"dataset": dataset, "data_dir": data_dir, "corrupt": corrupt}
        if kind_of(source) != "run":  # whose weights are not random
            options |= {"seed": seed}
        subject = open_typed(source, options, for_images=True)
        model = subject.model()
        data = subject.load_data(dataset, data_dir=data_dir, corrupt=corrupt, download=download)
        batched = train_arrays(
            data,
            subject.preprocessing_of(data),
            batch_size=batch_size,
            seed=seed or 0,
            batches=batches,
        )
        other = subject.twin() if twin and subject.has_twin else None
        report = measure_gradients(model, list(batched), twin=other, bits=subject.bits)
        if plot:
            save_gradients(report, plot)
    emit(
        as_json,
        {"source": source, "dataset": data.name, **report.to_json()},
        report_text(report, plot),
    )


LEGEND = (
    "SNR: power of the mean gradient divided by the power of its noise, an unbiased estimate: pure",
    "noise gives values around 0, also negative ones. cos full: mean cosine of a mini-batch's",
    "gradient with the gradient over all mini-batches. cos twin: cosine of the gradient over all",
    "with that of the 32-bit twin. N_1st to N_3rd: smallest operation counts of a path from the",
    "layer to the loss.",
)


def report_text(report, plot: str | None) -> str:
    """Format a measurement for a terminal."""
    rows = [
        (
            layer.layer,
            f"{layer.signal_to_noise:.4f}",
            f"{layer.cosine_to_full:.3f}",
            "-" if layer.cosine_to_twin is None else f"{layer.cosine_to_twin:.3f}",
            *[f"{cost:,}" for cost in layer.costs],
            *["-"] * (3 - len(layer.costs)),
            f"{layer.mean_length:.2f}",
        )
        for layer in report.layers
    ]
    header = ("layer", "SNR", "cos full", "cos twin", "N_1st", "N_2nd", "N_3rd", "mean length")
    found: dict[str, dict[str, str]] = {}
    for each in report.correlations:
        rho = "constant" if each.rho is None else f"{each.rho:+.2f} (p {each.p_value:.2g})"
        found.setdefault(each.predictor, {})[each.measured] = rho
    columns = list(next(iter(found.values())))
    correlations = [
        (predictor, *[cells.get(column, "-") for column in columns])
        for predictor, cells in found.items()
    ]
    lines = [
        f"gradients over {report.batches} mini-batches of {report.batch_size}, "
        f"{len(report.layers)} binary layers",
        table(rows, header),
        "",
        *LEGEND,
        "",
        "Spearman's rank correlation; if operations make noise, all are negative",
        table(correlations, ("", *[MEASURED[column] for column in columns])),
    ]
    return "\n".join(lines + ([f"plot: {plot}"] if plot else []))
