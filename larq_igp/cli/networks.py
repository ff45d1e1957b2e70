"""``list`` and ``summary``: which networks there are, and what one costs."""

import click

from larq_igp.architectures import ZOO, get_spec
from larq_igp.architectures.accounting import Counts, closed_form
from larq_igp.architectures.published import TABLE3
from larq_igp.cli.options import classes_option, network_argument, network_options, pop_parameters
from larq_igp.cli.output import emit, json_option, markdown_table, progress_on_stderr, table

COST_COLUMNS = ("storage, Mbit", "FLOPs, 1e8", "memory, MB")


def cost_cells(counts: Counts) -> tuple[str, str, str]:
    """Format the three costs of Table 3 to its digits."""
    return (
        f"{counts.storage_bits / 1e6:.2f}",
        f"{counts.flops / 1e8:.2f}",
        f"{counts.runtime_memory_bytes / 1e6:.2f}",
    )


def cost_fields(counts: Counts) -> dict[str, int]:
    """Return the costs as integers in base units."""
    return {
        "storage_bits": counts.storage_bits,
        "flops": counts.flops,
        "runtime_memory_bytes": counts.runtime_memory_bytes,
        "parameters": counts.parameters,
        "binary_macs": counts.binary_macs,
        "float_macs": counts.float_macs,
    }


@click.command("list", short_help="List the named networks and what they cost.")
@click.option(
    "--table3", is_flag=True, help="Only the paper's eleven networks on ImageNet, with their errors, as Markdown."
)
@json_option
def list_networks(table3: bool, as_json: bool) -> None:
    """List the named networks with their costs at 224x224x3, 1000 classes, 1 bit."""
    names = list(TABLE3) if table3 else list(ZOO)
    counts = {name: closed_form(ZOO[name]) for name in names}
    document = [
        {"name": name, "family": ZOO[name].family, "depth": ZOO[name].depth, **cost_fields(counts[name])}
        for name in names
    ]
    rows = [(name, ZOO[name].depth, *cost_cells(counts[name])) for name in names]
    if table3:
        errors = {name: (row.top1_error, row.top5_error) for name, row in TABLE3.items()}
        rows = [(f"`{name}`", *cells, *errors[name]) for name, *cells in rows]
        text = markdown_table(
            rows, ("network", "depth", *COST_COLUMNS, "top-1 error, % (paper)", "top-5 error, % (paper)")
        )
    else:
        text = table(rows, ("network", "depth", *COST_COLUMNS))
    emit(as_json, document, text)


@click.command(short_help="Count storage, multiply-accumulates and memory of a network.")
@network_argument
@network_options
@classes_option
@click.option("--layers", is_flag=True, help="Also list every layer.")
@click.option("--larq", is_flag=True, help="Also print larq.models.summary.")
@json_option
def summary(network: str, layers: bool, larq: bool, as_json: bool, **options) -> None:
    """Count storage, multiply-accumulates and memory of network NAME, from its graph and in closed form."""
    parameters = pop_parameters(options)
    spec = get_spec(network, **parameters)
    with progress_on_stderr(as_json):
        from larq_igp.analysis.summary import summarise

        result = summarise(network, spec, **{name: value for name, value in options.items() if value is not None})
    document = {"name": network, "depth": spec.depth, **cost_fields(result.counts), **result.larq_fields()}
    if layers:
        document["layers"] = result.layer_rows()
    text = result.text(layers=layers)
    if larq and not as_json:
        text += "\n\n" + result.larq_table()
    emit(as_json, document, text)
