"""``design``: networks within the budget of another."""

from functools import partial

import click

from larq_igp.architectures.zoo import network_text, option_words
from larq_igp.cli.costs import (
    COST_COLUMNS,
    IMAGENET,
    cost_cells,
    cost_fields,
    images_options,
    use_of,
)
from larq_igp.cli.modules import following
from larq_igp.cli.options import INTEGERS, complete_source, open_typed, typed
from larq_igp.cli.output import Refusal, emit, json_option, progress_on_stderr, table


def _tell(like: str, spec, latency_ms: float, ratio: float) -> None:
    """Say on standard error what was measured."""
    from larq_igp.search.candidates import name_of

    title = network_text(*name_of(spec))
    click.echo(f"{title}: {latency_ms:.2f} ms ({ratio:.2f} of {like})", err=True)


@click.command(short_help="Find networks within the budget of another.")
@click.option(
    "--like",
    required=True,
    metavar="NAME-or-RUN",
    shell_complete=complete_source,
    help="Network whose costs are the budget; of a run, for its images.",
)
@click.option("--family", required=True, help="Family to search, like igp_resnet.")
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
    help="Cost that must not exceed that of NAME; may be repeated.  [default: storage]",
)
@click.option(
    "--align",
    type=click.IntRange(1),
    help="Also find the widest multiple of this, and print the unfilled words of each.",
)
@images_options
@click.option(
    "--engine", help="Engine that measures latency.  [default: the fastest that is installed]"
)
@click.option(
    "--threads", type=click.IntRange(1), default=1, show_default=True, help="Threads of the engine."
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
    dataset,
    data_dir,
    input_shape,
    num_classes,
    engine,
    threads,
    runs,
    as_json,
    **options,
) -> None:
    """Find the widest networks of a family that stay within the costs, at 1 bit, of another.

    Candidates are printed with the commands that train them. Gradient paths are those of the first
    block. `--dataset` or `--data-dir` finds partners for your own images.
    """
    model = open_typed(like, {})
    if model.kind not in ("network", "run"):
        raise Refusal(f"--like takes the name of a network or a run directory; {like} is neither.")
    images = {"dataset": dataset, "data_dir": data_dir}
    of_run = (model.input_shape, model.classes) if model.kind == "run" else IMAGENET
    use = use_of(**images, input_shape=input_shape, num_classes=num_classes, default=of_run)
    shape = use._asdict()
    typed_as = _images_typed(images | {"input_shape": input_shape}, model)
    with progress_on_stderr(as_json, "searching"):
        from larq_igp.search import design as designs
        from larq_igp.search.latency import stopwatch
        from larq_igp.search.widths import width_of

        measure = None
        if "latency" in budgets:
            measure = stopwatch(
                model.spec,
                **shape,
                engine=engine,
                threads=threads,
                runs=runs,
                tell=partial(_tell, like),
            )
        reference, found = designs.design(
            model.spec,
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
        f"Costs for {use}. The first row is the budget. To train a candidate:",
    ]
    lines += [f"  {following('train', *each.words, *typed_as)}" for each in found]
    if align and not any(width_of(each.spec) % align == 0 for each in found):
        lines.append(f"No multiple of {align} fits.")
    emit(as_json, document, "\n".join(lines))


def _images_typed(images: dict, model) -> list[str]:
    """Return the options of `train` that take the images which costs were counted for."""
    if model.kind == "run" and not typed(images):
        images = {"dataset": model.recipe.dataset, "data_dir": model.recipe.data_dir}
        images["input_shape"] = model.input_shape
    return option_words(typed(images))


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
