"""``design``: networks within the budget of another."""

from functools import partial

import click

from larq_igp.architectures.zoo import ZOO
from larq_igp.cli.costs import COST_COLUMNS, cost_cells, cost_fields
from larq_igp.cli.options import INTEGERS, SHAPE
from larq_igp.cli.output import emit, json_option, progress_on_stderr, table


def _tell(like: str, spec, latency_ms: float, ratio: float) -> None:
    """Say on standard error what was measured."""
    from larq_igp.search.candidates import title_of

    blocks = ",".join(map(str, spec.blocks))
    click.echo(
        f"{title_of(spec)}, blocks {blocks}: {latency_ms:.2f} ms ({ratio:.2f} of {like})", err=True
    )


@click.command(short_help="Find networks within the budget of another.")
@click.option(
    "--like",
    required=True,
    metavar="NAME",
    type=click.Choice(list(ZOO)),
    help="Network whose costs are the budget.",
)
@click.option("--family", required=True, help="Of the networks looked for, like igp_resnet.")
@click.option(
    "--columns",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Columns C of the fractal.",
)
@click.option("--blocks", type=INTEGERS, help="Blocks of each stage.  [default: several are tried]")
@click.option(
    "--budget",
    "budgets",
    multiple=True,
    type=click.Choice(["storage", "flops", "memory", "latency"]),
    help="What must not exceed that of NAME; may be repeated.  [default: storage]",
)
@click.option(
    "--align",
    type=click.IntRange(1),
    help="Also the widest multiple of this, and what each wastes in unfilled words.",
)
@click.option(
    "--input-shape",
    type=SHAPE,
    default=(224, 224, 3),
    show_default="224,224,3",
    help="Height, width, channels.",
)
@click.option(
    "--num-classes",
    type=click.IntRange(1),
    default=1000,
    show_default=True,
    help="Width of the classifier.",
)
@click.option("--engine", help="That measures latency.  [default: the fastest that is installed]")
@click.option(
    "--threads", type=click.IntRange(1), default=1, show_default=True, help="Of that engine."
)
@click.option(
    "--runs",
    type=click.IntRange(1),
    default=20,
    show_default=True,
    help="Timed invocations for each network.",
)
@json_option
def design(
    like,
    family,
    budgets,
    align,
    input_shape,
    num_classes,
    engine,
    threads,
    runs,
    as_json,
    **options,
) -> None:
    """Find the widest networks of a family that stay within the costs of the network NAME.

    Each is told as arguments of `larq-igp train`, `summary` and `paths`. Gradient paths are those
    of the first block.
    """
    shape = {"input_shape": input_shape, "num_classes": num_classes}
    with progress_on_stderr(as_json):
        from larq_igp.search import design as designs
        from larq_igp.search.latency import stopwatch
        from larq_igp.search.widths import width_of

        measure = None
        if "latency" in budgets:
            measure = stopwatch(
                like, **shape, engine=engine, threads=threads, runs=runs, tell=partial(_tell, like)
            )
        reference, found = designs.design(
            like,
            family,
            budgets=budgets or ("storage",),
            align=align,
            **shape,
            **options,
            measure=measure,
        )
    document = {
        **shape,
        "like": _fields(reference),
        "candidates": [_fields(each) for each in found],
    }
    header = ["network", *COST_COLUMNS, "N_2nd of a block", "N_3rd"]
    header += ["unfilled words", "unfilled tiles"] if align else []
    header += ["latency, ms"] if reference.latency_ms is not None else []
    rows = [_cells(each, bool(align)) for each in (reference, *found)]
    lines = [
        table(rows, tuple(header)),
        "",
        f"Costs for {'x'.join(map(str, input_shape))} inputs and {num_classes} classes. The first "
        f"row is the model, {like}. "
        "To train, count or measure a candidate:",
    ]
    lines += [f"  {each.title}: larq-igp train {each.arguments}" for each in found]
    if align and not any(width_of(each.spec) % align == 0 for each in found):
        lines.append(f"No multiple of {align} fits.")
    emit(as_json, document, "\n".join(lines))


def _fields(candidate) -> dict:
    return {
        "title": candidate.title,
        "network": candidate.network,
        "network_parameters": candidate.parameters,
        "arguments": candidate.arguments,
        "depth": candidate.spec.depth,
        **cost_fields(candidate.counts),
        "block_paths": list(candidate.block_paths),
        "unfilled_words": candidate.unfilled_words,
        "unfilled_tiles": candidate.unfilled_tiles,
        "latency_ms": candidate.latency_ms,
    }


def _cells(candidate, aligned: bool) -> tuple:
    costs = [f"{cost:,}" for cost in candidate.block_paths[1:3]]
    cells = [candidate.title, *cost_cells(candidate.counts), *costs, *["-"] * (2 - len(costs))]
    if aligned:
        cells += [f"{candidate.unfilled_words:.1%}", f"{candidate.unfilled_tiles:.1%}"]
    if candidate.latency_ms is not None:
        cells.append(f"{candidate.latency_ms:.2f}")
    return tuple(cells)
