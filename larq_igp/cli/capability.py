"""``capability``: how many values the tensors of a network's binary layers can take, and do."""

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


@click.command(
    short_help="Print the representational capability of each binary layer.", epilog=SOURCE
)
@source_argument
@dataset_option
@data_options
@click.option(
    "--images",
    type=click.IntRange(0),
    default=32,
    show_default=True,
    help="Test images to count values on; 0 counts none.",
)
@weights_option
@network_options
@seed_option
@json_option
def capability(
    source: str, dataset, data_dir, corrupt, download: bool, images: int, as_json: bool, **options
) -> None:
    """Print log2 R of each binary layer's tensors, R being the number of values that a tensor can
    take (the paper's section 3.1).

    A_b is the output of Sign, A_m of the 1-bit convolution, A_add of the addition of the shortcut:
    as the paper corrects it, and as it was claimed with Bi-Real net, which the paper refutes. The
    table also has the number of values that one element takes on images.
    """
    with progress_on_stderr(as_json, "measuring"):
        from dataclasses import asdict

        from larq_igp.analysis.capability import layer_capabilities
        from larq_igp.data import eval_arrays

        options |= {"dataset": dataset, "data_dir": data_dir, "corrupt": corrupt}
        subject = open_typed(source, options, for_images=True)
        model = subject.model()
        data = subject.load_data(dataset, data_dir=data_dir, corrupt=corrupt, download=download)
        batches = eval_arrays(
            data, "test", subject.preprocessing_of(data), batch_size=max(1, images)
        )
        seen = next(batches)[0] if images else None
        layers = layer_capabilities(model, seen)
    document = {
        "source": source,
        "dataset": data.name,
        "layers": [asdict(layer) for layer in layers],
    }
    counted = 0 if seen is None else len(seen)
    emit(
        as_json,
        {**document, "images": counted},
        capability_text(source, layers, data.name, counted),
    )


def capability_text(source: str, layers: list, dataset: str, images: int) -> str:
    """Format capabilities for a terminal."""
    header = ["layer", "input", "log2 R(A_b)", "log2 R(A_m)", "log2 R(A_add)", "refuted"]
    header += ["values possible", "seen: A_m", "shortcut", "A_add"] if images else []
    rows = []
    for layer in layers:
        log2_r, values = layer.capability, layer.values
        added = [log2_r.added, log2_r.added_refuted] if layer.is_added else [None, None]
        row = [layer.layer, "x".join(map(str, layer.input_shape))]
        row += [
            "-" if bits is None else f"{bits:,.0f}"
            for bits in (log2_r.binary, log2_r.convolution, *added)
        ]
        if values:
            counted = (values.possible, values.convolution, values.shortcut, values.added)
            row += ["-" if number is None else f"{number:,}" for number in counted]
        rows.append(tuple(row))
    lines = [
        f"{source}: representational capability of {len(layers)} binary layers",
        table(rows, tuple(header)),
    ]
    lines += [
        "",
        "A_add: (hwC+1)^(HWC), as the paper has it; refuted: (hwC+1)^(2HWC), as claimed with "
        "Bi-Real net.",
    ]
    if images:
        samples = layers[0].values.samples
        lines.append(
            f"Values of one element on {images} test images of {dataset}, the most of any "
            f"channel; the first layer has {samples:,} places."
        )
    return "\n".join(lines)
